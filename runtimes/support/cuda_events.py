"""CUDA events as the device-side clock of a trial: made beforehand, recorded without synchronising, read afterwards.

Works unchanged on ROCm builds of torch, whose `torch.cuda` speaks HIP.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class CudaEvents:
    """Implements `runtimes.interface.EventPool` on the current stream of `device`."""

    def __init__(self, torch: Any, device: Any, capacity: int) -> None:
        self._stream = torch.cuda.current_stream(device)
        self._events = [torch.cuda.Event(enable_timing=True) for _ in range(capacity)]
        # An event is created in the driver at its first record: that must not fall into a trial.
        for event in self._events:
            event.record(self._stream)
        torch.cuda.synchronize(device)

    def __len__(self) -> int:
        return len(self._events)

    def record(self, index: int) -> None:
        """Record event `index`; about 2 µs of the host's time, and no synchronisation."""
        self._events[index].record(self._stream)

    def elapsed_ns(self, count: int) -> NDArray[np.int64]:
        """Shape (count − 1,): lengths between neighbours, never from the start of the trial: the driver's 32-bit
        milliseconds would lose their half microsecond after eight seconds.
        """
        pairs = zip(self._events[: count - 1], self._events[1:count], strict=True)
        return np.array([round(a.elapsed_time(b) * 1e6) for a, b in pairs], dtype=np.int64)
