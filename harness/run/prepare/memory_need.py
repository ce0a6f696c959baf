"""The check of memory before a run, and what `repro fit` asks: one estimate (`harness.fit`) in the room that is there now."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace

from harness.capture.cpu import read_cpu
from harness.capture.rooms import Rooms, read_rooms
from harness.capture.source import Source, this_machine
from harness.catalog.gguf import Header
from harness.errors import NotEnoughSpace
from harness.fit import beside
from harness.fit.answer import Answer, Verdict, answer, judge, limit
from harness.fit.engine import Asked, Engine
from harness.fit.engines import DEVICE_BACKENDS, OWN_MEMORY, engine_of
from harness.fit.need import Need, Place
from harness.fit.room import Room
from harness.progress import Progress
from harness.run.prepare import backend as backends
from harness.run.prepare.gpu_room import taken
from harness.units import memory
from runtimes.interface import Runtime, Scalar

# Settings that need less, each tried before it is advised, with what it does.
_MAPPED: Mapping[str, Scalar] = {"load_mode": "auto"}
_PLAIN: Mapping[str, Scalar] = {"repack": False}
_SMALL: Mapping[str, Scalar] = {"type_k": "q8_0", "type_v": "q8_0"}
_WAYS: tuple[tuple[Mapping[str, Scalar], str], ...] = (
    (_MAPPED, ": the weights are mapped from the file then"),
    (_PLAIN, ": no rearranged copy of the weights is kept then"),
    ({**_MAPPED, **_PLAIN}, ": the weights are mapped from the file then, without a rearranged copy"),
    (_SMALL, ": a smaller KV cache"),
    ({**_MAPPED, **_PLAIN, **_SMALL}, ": weights mapped, no copy of them, a smaller KV cache"),
)
_UNTOLD = "no driver that is asked tells the memory of this GPU"
_WORDS = {Place.DEVICE: "GPU memory", Place.MEMORY: "memory"}


@dataclass(frozen=True, slots=True)
class Load:
    """A model with the settings that it is to be loaded with; `converted`: the runtime reads a bf16 copy of it."""

    adapter: Runtime
    backend: str  # of the build; empty where the operator gave an interpreter
    options: Mapping[str, Scalar]  # as filled in
    header: Header
    file: str
    converted: bool = False
    least_context: int = 1  # what the suite needs
    drafts: tuple[Header, ...] = ()  # of the models that options name beside it


def on_device(backend: str, options: Mapping[str, Scalar]) -> bool | None:
    """Whether a GPU computes; None where that can't be told before the engine runs."""
    if str(options.get("devices") or "").strip().lower() == "none":
        return False
    device = str(options.get("device") or "auto").lower()
    if device != "auto":  # "cuda:1", MLX's "gpu", OpenVINO's "GPU.1"
        return device.startswith(("cuda", "gpu"))
    if backend:
        return backend in DEVICE_BACKENDS
    box = backends.look()  # an interpreter of the operator's own, with whatever build is in it
    return None if box.vendors or box.vulkan_gpu else False


def engine_for(
    load: Load, device: bool, own_memory: bool | None = None, features: frozenset[str] = frozenset()
) -> Engine | None:
    """The estimator of this load; None for adapters that are not ours, and those that hold no model."""
    if not load.adapter.capabilities.holds_model:
        return None
    own = load.backend in OWN_MEMORY or load.backend not in DEVICE_BACKENDS if own_memory is None else own_memory
    asked = Asked(load.adapter.name, load.header, load.options, device, own, features, load.converted)
    engine = engine_of(asked)
    if engine is None:
        return None
    whole = {**load.options, "gpu_layers": 0 if load.options.get("gpu_layers") == 0 else -1}  # a draft is not divided
    drafts = [engine_of(replace(asked, header=header, options=whole)) for header in load.drafts]
    return beside.together(engine, [draft for draft in drafts if draft is not None])


def features_of(source: Source) -> frozenset[str]:
    """What the processor can do, as Linux names it; every Apple processor has dot products."""
    if source.system == "Darwin" and source.machine == "arm64":
        return frozenset(("asimddp",))
    return frozenset(read_cpu(source).flags.value or ())


def room_here(rooms: Rooms, load: Load, device: bool) -> Room:
    """The room that this machine has for this load: of several GPUs those that its settings take."""
    if not device:
        return Room(rooms.memory_free, rooms.memory_total)
    if load.backend in DEVICE_BACKENDS - OWN_MEMORY:
        return Room(rooms.memory_free, rooms.memory_total, "GPU", shared=True)
    found = taken(load.adapter, load.options, rooms.gpus, rooms.ordered) if rooms.gpus else rooms.why or _UNTOLD
    if isinstance(found, str):
        return Room(rooms.memory_free, rooms.memory_total, "GPU", unknown=found)
    return Room(
        rooms.memory_free, rooms.memory_total, found.name, found.free, found.total, source="this machine's driver",
        devices=tuple((one.name, one.total) for one in rooms.gpus or ()),
    )  # fmt: skip


def refuse_if_short(load: Load, progress: Progress) -> None:
    """Raises `NotEnoughSpace` where it can't run where it is going to lie; remarks on it where it runs from the file."""
    asked = _asked(load)
    if asked is None:
        return
    engine, found, room, device = asked
    if found.verdict is Verdict.NO:
        raise refusal(load, engine, found, room, device)
    if found.verdict is Verdict.FROM_FILE:
        progress.remark(
            f"{load.file}: its weights do not fit into the free memory whole; they are read again from disk, which is slow"
        )


def longest(load: Load) -> int | None:
    """The longest context that fits now; None where that is not known, or none does."""
    asked = _asked(load)
    return None if asked is None else asked[1].longest or None


def _asked(load: Load) -> tuple[Engine, Answer, Room, bool] | None:
    """The answer for the context of the load in the room that is there now; None where it can't be told."""
    source = this_machine()
    device = on_device(load.backend, load.options) if load.adapter.capabilities.holds_model else None
    if device is None:
        return None
    rooms = read_rooms(source, load.backend or "cuda" if device else "", os.environ)
    device = device and not rooms.hidden
    engine = engine_for(load, device, features=features_of(source))
    if engine is None:
        return None
    room = room_here(rooms, load, device)
    context = load.options.get("context")
    return engine, answer(engine, context if type(context) is int else load.least_context, room), room, device


def refusal(load: Load, engine: Engine, found: Answer, room: Room, device: bool) -> NotEnoughSpace:
    """What lacks where, and the setting that mends it."""
    need = found.need
    wanted = engine.cache(need.context)
    if engine.reserved is not None and wanted is not None and wanted > engine.reserved:
        unit = "kv_space_gib" if "kv_space_gib" in load.options else "kv_space_mib"
        return NotEnoughSpace(
            f"{need.context:,} tokens need {memory(wanted)} of KV cache and {memory(engine.reserved)} are set aside",
            where=load.file,
            fix=f"set -o {unit}={-(-wanted >> (30 if unit == 'kv_space_gib' else 20))}",
        )
    place = next(p for p in Place if _short(need, p, room, engine))
    free = limit(room, place, engine.share) or 0
    name = f" of {room.device}" if place is Place.DEVICE and room.device else ""
    return NotEnoughSpace(
        f"the model needs about {memory(need.must_lie(place))} of {_WORDS[place]} ({_parts(need, place)}) "
        f"and {memory(free)}{name} are free",
        where=load.file,
        fix=_fix(load, found, engine, room, device),
    )


def _short(need: Need, place: Place, room: Room, engine: Engine) -> bool:
    free = limit(room, place, engine.share)
    return free is not None and need.must_lie(place) > free


def _parts(need: Need, place: Place) -> str:
    return ", ".join(f"{part.kind} {memory(part.must_lie)}" for part in need.at(place) if part.must_lie)


def _fix(load: Load, found: Answer, engine: Engine, room: Room, device: bool) -> str:
    if found.longest and load.least_context <= found.longest < found.need.context:
        return f"set -o context={found.longest}, the longest context that fits"
    if found.device_layers:
        split = engine.need(found.need.context, found.device_layers)
        if not any(_short(split, place, room, engine) for place in Place):
            return f"set -o gpu_layers={found.device_layers}, the most layers that fit"
    if load.drafts and _fits(replace(load, drafts=()), found.need.context, room, device):
        return "take a smaller draft, or leave it out"
    for changes, why in _WAYS:
        changed = {**load.options, **changes}
        known = all(name in load.options for name in changes) and changed != load.options
        if known and _fits(replace(load, options=changed), found.need.context, room, device):
            return "set " + " ".join(f"-o {name}={_word(value)}" for name, value in changes.items()) + why
    return "close other programs, or take a smaller model or a smaller quantisation"


def _fits(load: Load, context: int, room: Room, device: bool) -> bool:
    other = engine_for(load, device, features=features_of(this_machine()))
    return other is not None and judge(other.need(context, other.asked_layers), room, other) is not Verdict.NO


def _word(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
