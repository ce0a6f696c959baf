"""Coroutines from tests that are none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def finished(ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """What it returns, run in a thread of its own: a browser's tests leave this one with a loop that runs."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask())).result()
