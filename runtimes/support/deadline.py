"""An end for a call as a whole: a socket's timeout begins anew with each byte, and a server may send them one by one."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Late(Exception):
    """The time was up."""


@contextmanager
def cut_after(connected: socket.socket, seconds: float) -> Iterator[None]:
    """Whatever is read from this socket ends after so long. Raises `Late` then, whatever came of it."""
    late = threading.Event()
    with socket.socket(fileno=os.dup(connected.fileno())) as plain:  # beneath TLS, which one thread alone may use

        def cut() -> None:
            late.set()
            with suppress(OSError):
                plain.shutdown(socket.SHUT_RDWR)

        timer = threading.Timer(seconds, cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()
            if late.is_set():
                raise Late
