"""Runs a program and ends with it, or ends it and all that it started as soon as whoever started us is gone.

That is seen at our standard input, whose other end only they hold: no signal and no death of theirs can leave the program behind.
Run as a file, in a session of its own; it needs nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

BURY_S = 2.0  # how long what a program left behind may take to its end
_SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER of <linux/prctl.h>


def main() -> int:
    """The program's exit status; where a signal ended it, the same ends us."""
    _adopt()
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
    asked = False

    def stop(*_: object) -> None:
        nonlocal asked
        asked = True
        child.terminate()

    signal.signal(signal.SIGTERM, stop)
    end_with(0)
    status = child.wait()
    if asked:  # who dies by itself is told of at once
        _bury()
    if status < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -status not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-status, signal.SIG_DFL)
        os.kill(os.getpid(), -status)
    return status


def _adopt() -> None:
    """On Linux what a process of the program leaves behind becomes our child: else its time would be a stranger's."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)


def _bury() -> None:
    """Wait for what is left behind; not for what stays."""
    end = time.monotonic() + BURY_S
    with suppress(ChildProcessError):  # nobody is left
        while time.monotonic() < end:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.02)


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
