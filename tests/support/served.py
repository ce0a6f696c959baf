"""A registry's service as it runs: a socket of this machine, uvicorn in a thread of the test."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
import uvicorn
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.registry import Registry
from harness.service.app import app_of
from harness.service.core import Service, Settings
from harness.service.server import bound


@contextmanager
def served(registry: Registry, key: Ed25519PrivateKey, **settings: object) -> Iterator[httpx2.Client]:
    """A client of it; its `base_url` is the address."""
    service = Service(registry, key, Settings(**({"helpers": 0} | settings)))  # type: ignore[arg-type]
    service.start()
    own = bound(0)
    server = uvicorn.Server(uvicorn.Config(app_of(service), log_level="critical", access_log=False, lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [own]}, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    try:
        with httpx2.Client(base_url=f"http://127.0.0.1:{own.getsockname()[1]}", timeout=60) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        own.close()
