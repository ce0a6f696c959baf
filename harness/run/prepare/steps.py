"""One step of an installation: a program, its output in the log, and what it failed with."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import RunFailed
from harness.run.prepare import failed_build


class StepFailed(RunFailed):
    """A step of an installation; `said` is its first error."""

    def __init__(self, program: str, said: str, log: Path) -> None:
        super().__init__(f"{program} failed: {said}", where="install", fix=f"the whole log is {log}")
        self.said = said

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """As the error that a user sees."""
        return RunFailed, (str(self),)


def run(command: Sequence[str], log: Path, extra: dict[str, str], note: Callable[[str], None] | None) -> None:
    """Run a step, its output into the log and, line by line, to `note`; the whole group is ended with us."""
    lines: list[str] = []
    with log.open("a") as out:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=os.environ | extra, start_new_session=True,
        )  # fmt: skip
        try:
            assert child.stdout is not None  # noqa: S101 - asked for
            for line in child.stdout:
                out.write(line)
                lines.append(line.rstrip("\n"))
                if note is not None:
                    note(line)
            code = child.wait()
        finally:
            if child.poll() is None:
                os.killpg(child.pid, 9)
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
    if code:
        raise StepFailed(Path(command[0]).name, failed_build.first_error(lines) or f"exit status {code}", log)
