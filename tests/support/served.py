"""A registry's service as it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.registry import Registry
from harness.service.app import app_of
from harness.service.core import Service, Settings
from tests.support.running import running


@contextmanager
def served(registry: Registry, key: Ed25519PrivateKey, **settings: object) -> Iterator[httpx2.Client]:
    """A client of it; its `base_url` is the address."""
    service = Service(registry, key, Settings(**({"helpers": 0} | settings)))  # type: ignore[arg-type]
    service.start()
    with running(app_of(service)) as client:
        yield client
