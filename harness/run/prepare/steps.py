"""One step of an installation: a program, its output in the log, and what it failed with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from harness.errors import RunFailed
from harness.run.prepare import failed_build
from runtimes.support import keeper


class StepFailed(RunFailed):
    """A step of an installation; `said` is its first error."""

    def __init__(self, program: str, said: str, log: Path) -> None:
        super().__init__(f"{program} failed: {said}", where="install", fix=f"the whole log is {log}")
        self.said = said

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """As the error that a user sees."""
        return RunFailed, (str(self),)


def run(command: Sequence[str], log: Path, extra: dict[str, str], note: Callable[[str], None] | None) -> None:
    """Run a step, its output into the log and, line by line, to `note`; it ends with us, however we end.

    Raises `StepFailed`, also where its program is not on this machine.
    """
    if shutil.which(command[0], path=(os.environ | extra).get("PATH")) is None:
        raise StepFailed(Path(command[0]).name, "it is not installed", log)
    lines: list[str] = []
    with log.open("a") as out:
        child = subprocess.Popen(
            keeper.command(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors="replace", env=os.environ | extra, start_new_session=True,
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
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    stream.close()
    if code:
        raise StepFailed(Path(command[0]).name, failed_build.first_error(lines) or f"exit status {code}", log)
