"""One run from its request to its record, led process by process, so that the processes of other runs can come between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness import paths
from harness.errors import Interrupted
from harness.progress import Progress
from harness.run.attempt import Unmeasured, begun
from harness.run.conclude.failed import recorded
from harness.run.conclude.write import conclude
from harness.run.execute.collect import ProcessLog
from harness.run.execute.measure import Measurement
from harness.run.execute.worker_failed import WorkerFailed
from harness.run.prepare import asked
from harness.run.prepare.inputs import prepare
from harness.run.prepare.machine import held
from harness.run.prepare.tokenise import tokenise
from harness.run.request import Request
from harness.run.scores import Rates, rates_of

BUSY = "another measurement is running on this machine"


def refuse_early(requests: Iterable[Request]) -> None:
    """Raises for the first of them that can't be run, as far as that shows without the machine."""
    for request in requests:
        asked.refuse_early(request, paths.cache())


class Session:
    """A run that was begun: everything is checked and in place. Whoever has one holds `alone`.

    Raises `ReproError`s, each with the way out; `EngineFailed` where a record says that the engine failed.
    """

    def __init__(self, request: Request, progress: Progress) -> None:
        cache = paths.cache()
        try:
            prepared = prepare(request, cache, progress)
            attempt = begun(prepared)
            try:
                prompts = tokenise(prepared, cache, progress)
            except WorkerFailed as failed:
                raise recorded(attempt, failed) from None
        except KeyboardInterrupt:
            raise Interrupted(
                "Stopped before anything was measured; what was fetched and installed is kept",
                fix="the same command continues from there",
            ) from None
        with _kept():
            self._measurement = Measurement(prepared, prompts, progress)

    @property
    def used(self) -> int:
        """How many processes were begun, those that failed included."""
        return self._measurement.processes.used

    @property
    def complete(self) -> list[ProcessLog]:
        """The processes that came to their end."""
        return self._measurement.processes.complete

    def rates(self) -> dict[int, Rates]:
        """By the index of each complete process, tokens/s."""
        plan, headline = self._measurement.plan, self._measurement.processes.run.headline
        return {log.index: rates_of(log, headline, plan.workloads) for log in self.complete}

    @property
    def last_failure(self) -> str:
        """Why the newest process that failed did, in one line; "" where none has."""
        failures = self._measurement.processes.failures
        return str(failures[-1].error) if failures else ""

    def step(self) -> bool:
        """One process more; false where there was none to do, and the run is at its end."""
        with _kept():
            return self._measurement.step()

    def stop(self, why: str) -> None:
        """End it, for a budget that it shares with others. At least one process is complete."""
        self._measurement.stop(why)

    def conclude(self) -> Path:
        """Write the record of a run at its end; returns its path."""
        with _kept():
            path = conclude(self._measurement.evidence())
            self.discard()
            return path

    def discard(self) -> None:
        """Throw away what was measured."""
        self._measurement.journal.discard()


@contextmanager
def alone(progress: Progress, wanted: Iterable[Request] = ()) -> Iterator[None]:
    """Nobody else measures on this machine meanwhile. Raises `Conflict` where somebody does; what can be refused of the `wanted`
    runs without the machine is refused then: nobody should wait for its end to hear that.
    """
    with held(BUSY, lambda: refuse_early(wanted)) as lock:
        if not lock:
            progress.remark("no lock can be held on this system: see to it that nothing else measures here")
        yield


@contextmanager
def _kept() -> Iterator[None]:
    """What ends a run that has begun to measure, as the user is told."""
    try:
        yield
    except Unmeasured as ended:
        raise recorded(ended.attempt, ended.failed) from None
    except KeyboardInterrupt:
        raise Interrupted("Stopped; what was measured is kept", fix="continue with --resume") from None
