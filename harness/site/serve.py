"""The site on this machine alone, built again when the registry changes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

from harness.errors import BadInput, ReproError
from harness.progress import SILENT, Progress
from harness.registry.opening import open_readable
from harness.site.build import Built, Wish, build

PERIOD_S = 1.0


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing of each request."""

    def end_headers(self) -> None:
        self.send_header("Cache-Control", "no-store")
        super().end_headers()


def serve(
    wish: Wish,
    port: int,
    told: Callable[[Built | ReproError], None],
    ready: Callable[[str], None],
    progress: Progress = SILENT,
) -> None:
    """Build, serve on the loopback address, and build again on change, until interrupted.

    `progress` is told of the first build, `told` of every one when it is done; a later one that fails
    leaves the site as it was. Raises why the first one fails, and `BadInput` for a port in use.
    """
    seen = looks(wish.target)
    told(build(wish, progress))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), partial(_Quiet, directory=str(wish.out)))
    except OSError as error:
        raise BadInput(
            f"can't be served on ({error.strerror})", where=f"port {port}", fix="name another: --port"
        ) from error
    Thread(target=server.serve_forever, daemon=True).start()
    ready(f"http://127.0.0.1:{server.server_address[1]}/")
    stop = Event()

    def interrupted(_number: int, _frame: object) -> None:
        # As an exception it could come up in the middle of a library that swallows it. A second Ctrl-C does not wait.
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = signal.signal(signal.SIGINT, interrupted)
    try:
        keep(wish, seen, stop, told)
    finally:
        signal.signal(signal.SIGINT, before)
        server.shutdown()
        server.server_close()
    raise KeyboardInterrupt


def keep(wish: Wish, seen: object, stop: Event, told: Callable[[Built | ReproError], None]) -> None:
    """Build again whenever the registry looks otherwise than it did, until `stop` is set. A build that fails leaves the site."""
    while not stop.wait(PERIOD_S):
        try:
            now = looks(wish.target)
            if now != seen:
                seen = now
                told(build(wish, SILENT))
        except ReproError as error:
            told(error)


def looks(target: str) -> object:
    """Something that differs when the registry does."""
    folder = Path(target)
    files = [folder / "registry.sqlite", folder / "registry.sqlite-wal", folder / "registry.json"]
    times = [file.stat().st_mtime_ns for file in files if file.is_file()]
    if times:
        return times
    with open_readable(target).reading() as reader:
        return reader.head(reader.size()), reader.checkpoint()
