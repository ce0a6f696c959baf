"""The site on this machine alone, built again when the hub changes."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from harness.errors import BadInput, ReproError
from harness.hub.store import open_readable
from harness.site.build import Built, Wish, build

PERIOD_S = 1.0


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing of each request."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


def serve(wish: Wish, port: int, told: Callable[[Built | ReproError], None], ready: Callable[[str], None]) -> None:
    """Build, serve on the loopback address, and build again on change, until interrupted.

    `told` hears of every build; a later one that fails leaves the site as it was. Raises why the first one fails, and
    `BadInput` for a port in use.
    """
    seen = _looks(wish.target)
    told(build(wish, lambda _done, _of: None))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(wish.out)))
    except OSError as error:
        raise BadInput(
            f"can't be served on ({error.strerror})", where=f"port {port}", fix="name another: --port"
        ) from error
    Thread(target=server.serve_forever, daemon=True).start()
    ready(f"http://127.0.0.1:{server.server_address[1]}/")
    try:
        while True:
            try:
                now = _looks(wish.target)
                if now != seen:
                    seen = now
                    told(build(wish, lambda _done, _of: None))
            except ReproError as error:
                told(error)
            time.sleep(PERIOD_S)
    finally:
        server.shutdown()
        server.server_close()


def _looks(target: str) -> object:
    """Something that differs when the hub does."""
    folder = Path(target)
    files = [folder / "hub.sqlite", folder / "hub.sqlite-wal", folder / "hub.json"]
    times = [file.stat().st_mtime_ns for file in files if file.is_file()]
    if times:
        return times
    with open_readable(target).reading() as reader:
        return reader.head(reader.size()), reader.checkpoint()
