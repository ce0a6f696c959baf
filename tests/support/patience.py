"""How long a test waits for what must come: a busy machine is slow, and nothing waits longer than it must."""

import time
from collections.abc import Callable

PATIENCE_S = 900


def until(holds: Callable[[], object], what: str) -> None:
    """Returns once that holds. Raises AssertionError that names what never came."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"after {PATIENCE_S} s still not: {what}"
        time.sleep(0.02)
