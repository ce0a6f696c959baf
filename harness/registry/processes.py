"""Processes that help with a registry's many records: where that pays, and only there."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from multiprocessing.connection import wait

MOST = 2  # at once: each may need 150 MiB with its decoder, whatever the records and however many the cores


def usable_cores() -> int:
    """How many processes can work at a registry at once."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def helpers(work: int, least: int) -> Iterator[Executor | None]:
    """A process a core, `MOST` at most, for `work` pieces of work; None for fewer than `least`: one alone is sooner done."""
    cores = usable_cores()
    if work < least or cores < 2:
        yield None
        return
    with ProcessPoolExecutor(min(cores, MOST), get_context("spawn"), end_with_parent) as pool:
        yield pool


def end_with_parent() -> None:
    """End this process, one of multiprocessing's, with the one that started it: it would wait for work forever."""
    parent = parent_process()
    if parent is not None:
        threading.Thread(target=_wait_for, args=(parent.sentinel,), daemon=True).start()


def _wait_for(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)
