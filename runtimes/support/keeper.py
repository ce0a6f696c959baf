"""Runs a program and ends with it, or ends it and all that it started as soon as whoever started us is gone.

That is seen at our standard input, whose other end only they hold: no signal and no death of theirs can leave the program behind.
Run as a file, in a session of its own; it needs nothing but the standard library.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence


def main() -> int:
    """The program's exit status; where a signal ended it, the same ends us."""
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    end_with(0)
    status = child.wait()
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def command(program: Sequence[str]) -> list[str]:
    """What runs the program so: with a pipe as its standard input, and in a session of its own."""
    return [sys.executable, "-I", "-S", __file__, *program]


def end_with(descriptor: int) -> None:
    """From now on our process group, which must be ours alone, ends with whoever holds the other end of this pipe.

    The thread that waits for that takes no time from others.
    """
    threading.Thread(target=_wait, args=(descriptor,), daemon=True).start()


def _wait(descriptor: int) -> None:
    os.read(descriptor, 1)  # nothing is ever written: it returns when the other end is closed
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main())
