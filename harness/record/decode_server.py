"""The process that starts the decoders of foreign samples: `python -m harness.record.decode_server`, a socket as its input.

It has loaded the decoder and never reads a foreign byte. Each message brings the end of a socket: a child is forked that answers
on it (`harness.record.decode_child`), after the one before was ended. When the messages end, so does the last child, and this.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable

READY = b"r"  # the first byte that a child sends


def main() -> None:
    """Serve who started this."""
    from harness.record import decode_child

    work = decode_child.loaded()
    # What the collector never looks at stays in pages that all children share.
    gc.collect()
    gc.freeze()
    gc.disable()
    with socket.socket(fileno=0) as control:
        serve(control, work)


def serve(control: socket.socket, work: Callable[[socket.socket], None]) -> None:
    """One child at a time, each doing `work` on its own socket, until nobody is at the other end."""
    child = 0
    while True:
        message, ends, _, _ = socket.recv_fds(control, 1, 1)
        if child:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            child = 0
        if not message:
            return
        for end in ends:
            try:
                child = os.fork()
            except OSError:
                child = 0  # closed without a word, its socket says that no child could be started
            else:
                if child == 0:
                    _be_child(control, end, work)
            os.close(end)


def _be_child(control: socket.socket, end: int, work: Callable[[socket.socket], None]) -> None:
    """Never returns: what goes wrong in a child must not go on as the server."""
    status = 1
    try:
        control.close()
        with socket.socket(fileno=end) as own:
            own.sendall(READY)
            work(own)
        status = 0
    finally:
        os._exit(status)


if __name__ == "__main__":
    main()
