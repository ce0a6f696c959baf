"""Of the GPUs that an engine may see, those that its settings take, and the room that they make together. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from harness.capture.rooms import GpuRoom
from harness.device_ids import is_uuid, pci
from runtimes.interface import Runtime, Scalar

_NAMED = re.compile(r"(?:CUDA|ROCm)?(\d{1,3})", re.IGNORECASE)  # as ggml names CUDA's and HIP's devices
_BY_PLACE = "set CUDA_DEVICE_ORDER=PCI_BUS_ID"
NUMBERED = f"how the engine numbers these GPUs is not known: {_BY_PLACE}, or name them by PCI place"
# Free memory of idle cards of one kind differs by what their drivers keep.
_ALIKE = 0.02


def taken(adapter: Runtime, options: Mapping[str, Scalar], gpus: Sequence[GpuRoom], ordered: bool) -> GpuRoom | str:
    """The room of those that it takes, as one; a text says why it is not known. `ordered`: as the engine numbers them."""
    if "devices" in adapter.options:
        return _llama_cpp(options, gpus, ordered)
    if "tensor_parallel" in adapter.options:
        count = int(options.get("tensor_parallel") or 1)
        return _evenly(_numbered(range(count), gpus, ordered))
    number = str(options.get("device") or "").partition(":")[2]
    if number and not number.isdigit():
        return f"which GPU device={options['device']} means is not known"
    return _together(_numbered([int(number or 0)], gpus, ordered))


def _llama_cpp(options: Mapping[str, Scalar], gpus: Sequence[GpuRoom], ordered: bool) -> GpuRoom | str:
    """As `runtimes.support.device_choice` chooses, from what the driver tells."""
    asked = str(options.get("devices") or "")
    candidates = _named(asked, gpus, ordered) if asked else tuple(gpus)
    ordered = ordered or bool(asked)
    if isinstance(candidates, str):
        return candidates
    if options.get("split_mode") == "none":
        return _together(_numbered([int(options.get("main_gpu") or 0)], candidates, ordered))
    text = str(options.get("tensor_split") or "")
    if not text:
        return _together(candidates)
    shares = [float(part) for part in re.split(r"[,/]", text) if re.fullmatch(r"\s*\d{1,6}(?:\.\d{1,6})?\s*", part)]
    if len(shares) != len(candidates) or not any(shares):
        return f"what tensor_split={text} gives each of {len(candidates)} GPUs is not known"
    if not ordered and len(candidates) > 1 and not _alike(candidates):
        return NUMBERED
    return _by_shares(candidates, shares)


def _named(asked: str, gpus: Sequence[GpuRoom], ordered: bool) -> tuple[GpuRoom, ...] | str:
    found: list[GpuRoom] = []
    for text in (part.strip() for part in asked.split(",")):
        place = pci(text) if ":" in text else None
        number = _NAMED.fullmatch(text)
        if place is not None:
            matching = [one for one in gpus if one.place == place]
        elif is_uuid(text):
            matching = [one for one in gpus if one.uuid.upper().startswith(text.upper())]
        elif number is not None and (ordered or len(gpus) == 1):
            matching = list(gpus[int(number[1]) : int(number[1]) + 1])
        elif number is not None:
            return NUMBERED
        else:
            matching = []
        if len(matching) != 1 or matching[0] in found:
            return f"which GPU devices={text} means is not known"
        found += matching
    return tuple(found)


def _numbered(numbers: Sequence[int], gpus: Sequence[GpuRoom], ordered: bool) -> tuple[GpuRoom, ...] | str:
    """Those of these numbers; of cards alike whose order is not known, as many of the fullest."""
    if max(numbers) >= len(gpus):
        return f"GPU {max(numbers)} is not among the {len(gpus)} that the engine may see"
    if ordered or len(numbers) == len(gpus):
        return tuple(gpus[number] for number in numbers)
    return tuple(sorted(gpus, key=lambda one: one.free)[: len(numbers)]) if _alike(gpus) else NUMBERED


def _alike(gpus: Sequence[GpuRoom]) -> bool:
    """Whether it does not matter which of them is taken."""
    free = [one.free for one in gpus]
    return len({(one.name, one.total) for one in gpus}) == 1 and max(free) - min(free) <= _ALIKE * gpus[0].total


def _together(gpus: Sequence[GpuRoom] | str) -> GpuRoom | str:
    """llama.cpp gives each layers by its free memory."""
    if isinstance(gpus, str):
        return gpus
    return GpuRoom(_name(gpus), sum(one.free for one in gpus), sum(one.total for one in gpus))


def _evenly(gpus: Sequence[GpuRoom] | str) -> GpuRoom | str:
    return gpus if isinstance(gpus, str) else _by_shares(gpus, [1.0] * len(gpus))


def _by_shares(gpus: Sequence[GpuRoom], shares: Sequence[float]) -> GpuRoom:
    """A model of which each holds its share is as large as the fullest of them allows."""
    used = [(one, share / sum(shares)) for one, share in zip(gpus, shares, strict=True) if share]
    free, total = (min(int(size(one) / share) for one, share in used) for size in (_free, _total))
    return GpuRoom(_name([one for one, _ in used]), free, total)


def _free(one: GpuRoom) -> int:
    return one.free


def _total(one: GpuRoom) -> int:
    return one.total


def _name(gpus: Sequence[GpuRoom]) -> str:
    if len(gpus) > 1:
        return f"{gpus[0].name} ×{len(gpus)}" if len({one.name for one in gpus}) == 1 else f"{len(gpus)} GPUs"
    return gpus[0].name
