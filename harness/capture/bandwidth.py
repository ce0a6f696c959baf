"""Memory bandwidth as measured here: copies and reads in numpy over all usable cores, about two seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import psutil
from numpy.typing import NDArray

REPEATS = 5
_LEAST = 384 << 20  # far beyond any cache that two passes could share


@dataclass(frozen=True, slots=True)
class Bandwidth:
    """Best of the repeats, bytes/s, each counting the bytes that the kernel moves in both directions."""

    read_bytes_per_s: int
    copy_bytes_per_s: int
    triad_bytes_per_s: int
    threads: int
    array_bytes: int

    @property
    def most_bytes_per_s(self) -> int:
        """The most that the memory was seen to move: the ceiling for anything else."""
        return max(self.read_bytes_per_s, self.copy_bytes_per_s, self.triad_bytes_per_s)


def array_bytes(threads: int, l3_bytes: int, free_bytes: int) -> int:
    """Bytes of one array: three for every thread, four times the caches in all, an eighth of the free memory at most."""
    return int(min(max(_LEAST, 4 * l3_bytes), free_bytes // 8) // 3 // threads // 8 * 8)


def measure(threads: int, l3_bytes: int = 0, limit_bytes: int | None = None) -> Bandwidth:
    """Arrays of four times the last-level cache at least, an eighth of the free memory at most."""
    free = psutil.virtual_memory().available
    size = array_bytes(threads, l3_bytes, free if limit_bytes is None else min(free, limit_bytes))
    # numpy releases its lock in array operations, so that threads really run side by side.
    arrays = [tuple(np.full(size // 4, 1.0, np.float32) for _ in range(3)) for _ in range(threads)]
    total = size * threads
    return Bandwidth(
        read_bytes_per_s=_best(arrays, _read, total * 3),
        copy_bytes_per_s=_best(arrays, _copy, total * 2),
        triad_bytes_per_s=_best(arrays, _triad, total * 5),
        threads=threads,
        array_bytes=total * 3,
    )


Arrays = tuple[NDArray[np.float32], ...]


def _read(arrays: Arrays) -> None:
    # The maximum of doubles is vectorised and keeps nothing: as fast as a dot product, without BLAS's own threads.
    for array in arrays:
        array.view(np.float64).max()


def _copy(arrays: Arrays) -> None:
    np.copyto(arrays[0], arrays[1])


def _triad(arrays: Arrays) -> None:
    # a = b + s·c in two passes over memory: numpy has no fused loop. So five streams move, not STREAM's three.
    np.multiply(arrays[2], np.float32(0.5), out=arrays[0])
    np.add(arrays[0], arrays[1], out=arrays[0])


def _best(arrays: list[Arrays], work: Callable[[Arrays], None], moved: int) -> int:
    best = 0
    for _ in range(REPEATS):
        gate = threading.Barrier(len(arrays))
        spans: list[tuple[int, int]] = []

        def run(own: Arrays, gate: threading.Barrier = gate, spans: list[tuple[int, int]] = spans) -> None:
            gate.wait()
            began = time.perf_counter_ns()
            work(own)
            spans.append((began, time.perf_counter_ns()))

        threads = [threading.Thread(target=run, args=(own,)) for own in arrays]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        took = max(end for _, end in spans) - min(begin for begin, _ in spans)
        best = max(best, moved * 1_000_000_000 // max(took, 1))
    return best
