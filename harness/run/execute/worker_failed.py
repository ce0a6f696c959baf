"""That the workers of a run failed, and none came to its end."""

from __future__ import annotations

from harness.errors import ReproError
from harness.run.execute.collect import ProcessLog
from harness.run.execute.next_step import Failure


class WorkerFailed(Exception):
    """`error` is what the user is told unless a record says more. `log`: of the newest worker, the last of `failures`."""

    def __init__(self, error: ReproError, failures: tuple[Failure, ...], log: ProcessLog) -> None:
        super().__init__(error)
        self.error, self.failures, self.log = error, failures, log
