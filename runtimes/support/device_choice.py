"""Which of llama.cpp's devices to use, and how layers are split over them, from the operator's options. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.device_ids import is_slice, is_uuid, pci
from harness.device_kinds import OFFLOADED, DeviceKind
from harness.errors import BadInput
from runtimes.support.ggml_devices import Listed

SPLIT_MODES = {"none": 0, "layer": 1, "row": 2}
_SHARE = re.compile(r"\d{1,6}(?:\.\d{1,6})?")
_MOST_SHARES = 64


@dataclass(frozen=True, slots=True)
class Chosen:
    """`devices` to hand over; None leaves the choice to the engine. `candidates` are those on which layers may come to lie."""

    devices: tuple[Listed, ...] | None
    candidates: tuple[Listed, ...]
    split_mode: str
    main_gpu: int
    shares: tuple[float, ...]


def chosen(options: Mapping[str, Any], found: Sequence[Listed]) -> Chosen:
    """From `devices`, `split_mode`, `main_gpu` and `tensor_split`. Raises `BadInput` with the devices that there are."""
    usable = tuple(one for one in found if one.kind in OFFLOADED or one.kind is DeviceKind.SERVER)
    asked = str(options.get("devices") or "")
    devices = _by_default(usable) if not asked else _named(asked, usable)
    candidates = _usual(usable) if devices is None else devices
    mode = str(options.get("split_mode") or "layer")
    main = int(options.get("main_gpu") or 0)
    if main and main >= max(len(candidates), 1):
        raise BadInput(
            f"there are {len(candidates)} devices to take, counted from 0",
            where=f"-o main_gpu={main}",
            fix=_there(candidates),
        )
    return Chosen(devices, candidates, mode, main, _shares(str(options.get("tensor_split") or ""), candidates))


def _usual(usable: Sequence[Listed]) -> tuple[Listed, ...]:
    """As llama.cpp takes them (src/llama.cpp, llama_prepare_model_devices): what is reached over RPC first, each GPU once, and
    those that share the processor's memory only where there is no other.
    """
    remote = [one for one in usable if one.name.startswith("RPC")]
    gpus: list[Listed] = []
    for one in usable:
        seen = one.place and one.place in {other.place for other in gpus}
        if one.kind is DeviceKind.GPU and one not in remote and not seen:
            gpus.append(one)
    return (*remote, *(gpus or [one for one in usable if one.kind is DeviceKind.IGPU]))


def _by_default(usable: Sequence[Listed]) -> tuple[Listed, ...] | None:
    """A software device is only ever taken by name: the engine would take it for a GPU."""
    return _usual(usable) if any(one.kind is DeviceKind.SOFTWARE for one in usable) else None


def _named(asked: str, usable: Sequence[Listed]) -> tuple[Listed, ...]:
    if asked.strip().lower() == "none":
        return ()
    found: list[Listed] = []
    for text in (part.strip() for part in asked.split(",")):
        one = _one(text, usable)
        if one in found:
            raise BadInput(f"{one.name} is named twice", where=f"-o devices={asked}", fix="name each device once")
        found.append(one)
    return tuple(found)


def _one(text: str, usable: Sequence[Listed]) -> Listed:
    where = f"-o devices={text}"
    place = pci(text) if ":" in text else None
    if is_slice(text):
        fix = f"export CUDA_VISIBLE_DEVICES={text} and leave -o devices out"
        raise BadInput("a MIG slice is chosen for the whole process", where=where, fix=fix)
    if is_uuid(text):  # the program has put a place in its stead, where NVIDIA's library knows it
        raise BadInput("the engine tells no such id", where=where, fix=_there(usable))
    if place is not None:
        matching = [one for one in usable if one.place == place]
    elif text.isdecimal():
        matching = list(usable[int(text) : int(text) + 1])
    else:
        matching = [one for one in usable if one.name.lower() == text.lower()]
    if len(matching) > 1:
        names = " and ".join(one.name for one in matching)
        raise BadInput(f"{names} are the same device", where=where, fix="name one of them")
    if not matching:
        raise BadInput("the engine lists no such device", where=where, fix=_there(usable))
    return matching[0]


def _there(usable: Sequence[Listed]) -> str:
    if not usable:
        return "leave it out: this build sees no device beside the processor"
    parts = [f"{one.name} ({', '.join(filter(None, (one.device.description, one.place)))})" for one in usable]
    return f"take of {'; '.join(parts)}"


def _shares(text: str, candidates: Sequence[Listed]) -> tuple[float, ...]:
    """`3,1` or `3/1`, as llama.cpp's `--tensor-split`."""
    if not text:
        return ()
    parts = [part.strip() for part in re.split(r"[,/]", text)]
    where = f"-o tensor_split={text}"
    if not all(_SHARE.fullmatch(part) for part in parts) or not any(float(part) for part in parts):
        raise BadInput(
            "must be shares such as 3,1, not all of them 0", where=where, fix="give one number for each device"
        )
    if len(parts) != len(candidates) or len(parts) > _MOST_SHARES:
        raise BadInput(
            f"{len(parts)} shares for {len(candidates)} devices",
            where=where,
            fix=f"give one for each device: {', '.join(one.name for one in candidates) or 'no device is there'}",
        )
    return tuple(map(float, parts))


def settings_of(choice: Chosen, used: int, text: str) -> dict[str, str | int]:
    """What a record says of a split: only where several devices took part, for with one there is nothing to split."""
    if used < 2:
        return {}
    found: dict[str, str | int] = {"split_mode": choice.split_mode}
    if choice.shares:
        found["tensor_split"] = "/".join(re.split(r"[,/]", text.replace(" ", "")))
    if choice.split_mode == "row":
        found["main_gpu"] = choice.main_gpu
    return found
