"""A service that answers whatever a test says, byte by byte, over loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

Behave = Callable[[socket.socket, str, bytes], None]  # connection, path, the request's head


@contextmanager
def hostile(behave: Behave) -> Iterator[str]:
    """Its address. Each connection has a thread; what it raises ends that connection alone."""
    own = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            try:
                connection, _ = own.accept()
            except OSError:
                return
            threading.Thread(target=_talk, args=(connection, behave), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{own.getsockname()[1]}"
    finally:
        ended.set()
        own.close()


def _talk(connection: socket.socket, behave: Behave) -> None:
    with connection, suppress(OSError):
        while True:
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(65536)
                if not data:
                    return
                head += data
            behave(connection, head.split(b" ", 2)[1].decode(), head)


def answer(body: bytes, status: str = "200 OK", **headers: str) -> bytes:
    """A whole answer."""
    more = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def told(value: object) -> bytes:
    """A whole answer of JSON."""
    return answer(json.dumps(value).encode())
