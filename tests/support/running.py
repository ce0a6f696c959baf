"""An application of HTTP as it runs: a socket of this machine, uvicorn in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import uvicorn
from starlette.applications import Starlette

from harness.service.server import bound, config


@contextmanager
def running(app: Starlette) -> Iterator[httpx2.Client]:
    """A client of it; its `base_url` is the address."""
    own = bound(0)
    server = uvicorn.Server(config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{own.getsockname()[1]}", timeout=300) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        own.close()
