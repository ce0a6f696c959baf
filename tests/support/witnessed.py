"""A witness as it runs."""

from __future__ import annotations

from contextlib import AbstractContextManager

import httpx2

from harness.service.witness.app import app_of
from harness.service.witness.state import Witness
from tests.support.running import running


def witnessed(witness: Witness) -> AbstractContextManager[httpx2.Client]:
    """A client of it; its `base_url` is the address."""
    return running(app_of(witness))
