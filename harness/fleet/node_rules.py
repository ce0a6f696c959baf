"""What a node must be to measure: the doctor before and after, the devices that a run is bound to. Pure, but for `examined`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.capture import doctor
from harness.capture.doctor import Check
from harness.fleet.outcome import Seen

WATCH_S = (
    0.5  # how long the doctor looks at the load, before and after each run: a job's overhead is little more than this
)
# What a scheduler grants, then what engines heed. SLURM sets the first for NVIDIA and AMD alike.
GRANTED = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL", "SLURM_JOB_GPUS")
HEEDED = ("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES")


def examined(cache: Path, *, gpu: bool) -> tuple[Seen, ...]:
    """What the doctor finds wrong now: its warnings, and what forbids measuring."""
    return wrong(doctor.examine(doctor.gather(cache, WATCH_S), gpu=gpu))


def wrong(checks: Sequence[Check]) -> tuple[Seen, ...]:
    """Those that did not pass."""
    return tuple(Seen(name=one.name, level=one.level, what=one.what) for one in checks if one.level in ("warn", "bad"))


def grave(found: Sequence[Seen], tolerated: Sequence[str]) -> str:
    """Why the node must not measure, in one line; "" where it may. What the matrix tolerates takes no node out."""
    told = [f"{one.name}: {one.what}" for one in found if one.level == "bad" and one.name not in tolerated]
    return "; ".join(told)


def bound(devices: int, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that show an engine its devices alone.

    An exclusive job sees every GPU of its node, whatever it asked for. A run without devices keeps the environment as it is:
    there is nothing to choose.
    """
    if not devices:
        return {}
    granted = next((environment[name] for name in GRANTED if environment.get(name)), "")
    listed = [part.strip() for part in granted.split(",") if part.strip()] or [str(index) for index in range(devices)]
    return dict.fromkeys(HEEDED, ",".join(listed[:devices]))
