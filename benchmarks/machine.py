"""One line about the machine and the software, for the head of a measured page."""

from __future__ import annotations

import os
import time

from harness import __version__
from harness.capture.snapshot import capture, cores


def line() -> str:
    """What a reader needs to place a figure."""
    seen = capture()
    cpu = seen.cpu.model.value or "unknown processor"
    system = f"{seen.host.os.value or 'unknown system'}, kernel {seen.host.kernel.value or 'unknown'}"
    virtual = seen.host.virtualisation.value or "unknown"
    return (
        f"{time.strftime('%Y-%m-%d', time.gmtime())}, {cpu}, {cores()} usable cores, {seen.memory.tier_gib.value} GiB, "
        f"{system}, virtualisation: {virtual}; repro-harness {__version__}"
    )


def load() -> str:
    """What else the machine does, in the words of its load average: to be asked before the first trial."""
    return f"load average {os.getloadavg()[0]:.1f} before the first trial"
