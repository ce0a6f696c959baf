"""A warm process that forks for each piece of work and arms the fault in the child: starting Python again costs ten times the work.

Reads a JSON object a line: what, folder, at, how, log. Answers two lines: the child's number, and how it ended.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path

from tests.support import faults

ROOT = Path(__file__).parents[2]


def serve() -> None:
    from tests.support.registry_work import work

    shim = ctypes.CDLL(None)
    for line in sys.stdin:
        job = json.loads(line)
        child = os.fork()
        if child == 0:
            for descriptor, name in ((1, "out"), (2, "err")):
                os.dup2(os.open(f"{job['log']}.{name}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC), descriptor)
            if job["at"]:
                shim.faults_arm(
                    job["folder"].encode(), ctypes.c_long(job["at"]), job["how"].encode(), job["log"].encode()
                )
            code = 1
            try:
                work(job["what"], Path(job["folder"]))
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stdout.flush()
                os._exit(code)
        print(child, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


class Server:
    """Its other end."""

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fault_server"],
            cwd=ROOT, env=faults.environment(scratch / "nothing", 0, "EIO"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def begin(self, what: str, folder: Path, at: int = 0, how: str = "EIO", log: Path | None = None) -> int:
        """Start it; the child's process number."""
        self._log = log or self.scratch / "log"
        job = {"what": what, "folder": str(folder.resolve()), "at": at, "how": how, "log": str(self._log)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> subprocess.CompletedProcess[str]:
        """Wait for it."""
        code = self._answer()
        out, err = (Path(f"{self._log}.{name}").read_text() for name in ("out", "err"))
        return subprocess.CompletedProcess([], code, out, err)

    def told(self) -> str:
        """What it has printed so far."""
        out = Path(f"{self._log}.out")
        return out.read_text() if out.exists() else ""

    def _answer(self) -> int:
        assert self._process.stdout is not None
        return int(self._process.stdout.readline())


if __name__ == "__main__":
    serve()
