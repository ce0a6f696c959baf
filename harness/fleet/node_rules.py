"""What a node must be to measure: the doctor before and after, the devices that a run is bound to. Pure, but for `examined`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.capture import doctor
from harness.capture.doctor import Check
from harness.errors import BadInput
from harness.fleet.outcome import Seen
from harness.units import count

WATCH_S = (
    0.5  # how long the doctor looks at the load, before and after each run: a job's overhead is little more than this
)
# What a scheduler grants, the first that is there; SLURM sets the first for NVIDIA and AMD alike.
GRANTED = (
    "CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "ZE_AFFINITY_MASK", "GPU_DEVICE_ORDINAL", "SLURM_JOB_GPUS",
)  # fmt: skip
# Shows no device at all. HIP takes an empty list for none given; ggml's Vulkan ends at a number that is no device.
HIDDEN = {
    "CUDA_VISIBLE_DEVICES": "-1",
    "ROCR_VISIBLE_DEVICES": "-1",
    "HIP_VISIBLE_DEVICES": "-1",
    "GGML_VK_VISIBLE_DEVICES": "",
    "ONEAPI_DEVICE_SELECTOR": "*:cpu",
}


def examined(cache: Path, *, gpu: bool) -> tuple[Seen, ...]:
    """What the doctor finds wrong now: its warnings, and what forbids measuring."""
    return wrong(doctor.examine(doctor.gather(cache, WATCH_S), gpu=gpu))


def wrong(checks: Sequence[Check]) -> tuple[Seen, ...]:
    """Those that did not pass."""
    return tuple(Seen(name=one.name, level=one.level, what=one.what) for one in checks if one.level in ("warn", "bad"))


def refuse_unknown(tolerated: Sequence[str], where: str) -> None:
    """Raises `BadInput` for a word that names no check of the doctor: it would tolerate nothing, unseen."""
    unknown = next((one for one in tolerated if one not in doctor.CHECKS), None)
    if unknown is not None:
        raise BadInput(f"there is no check {unknown!r}", where=where, fix=f"take some of {', '.join(doctor.CHECKS)}")


def grave(found: Sequence[Seen], tolerated: Sequence[str]) -> str:
    """Why the node must not measure, in one line; "" where it may. What the matrix tolerates takes no node out."""
    told = [f"{one.name}: {one.what}" for one in found if one.level == "bad" and one.name not in tolerated]
    return "; ".join(told)


def bound(devices: int | None, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables that show an engine its devices alone: CUDA, HIP, ggml's Vulkan and SYCL. None: as it finds them; 0: none.

    An exclusive job sees every GPU of its node, whatever it asked for. HIP counts within what ROCr shows, SYCL within what Level
    Zero's mask shows, and Vulkan has an order of its own, of which the first are taken.

    Raises `BadInput` where fewer are granted.
    """
    if devices is None:
        return {}
    if devices == 0:
        return dict(HIDDEN)
    granted = next((environment[name] for name in GRANTED if environment.get(name)), "")
    listed = [part.strip() for part in granted.split(",") if part.strip()] or [str(index) for index in range(devices)]
    if len(listed) < devices:
        what = f"needs {count(devices, 'GPU')}, and {granted} is all that it may use"
        raise BadInput(what, where="devices", fix="ask for fewer, or let it have more")
    own, places = ",".join(listed[:devices]), range(len(listed[:devices]))
    within = ",".join(map(str, places))
    amd_alone = "ROCR_VISIBLE_DEVICES" in environment and "CUDA_VISIBLE_DEVICES" not in environment
    level_zero = {"ZE_AFFINITY_MASK": own} if own.replace(",", "").isdecimal() else {}
    return {
        "CUDA_VISIBLE_DEVICES": within if amd_alone else own,
        "ROCR_VISIBLE_DEVICES": own,
        "HIP_VISIBLE_DEVICES": within,
        "GGML_VK_VISIBLE_DEVICES": within,
        "ONEAPI_DEVICE_SELECTOR": ";".join(f"level_zero:{place}" for place in places),
    } | level_zero
