"""`repro fit`: a model's header wherever it lies, the settings as `repro bench` would fill them in, and the room for it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness.capture import snapshot
from harness.capture.facts import whole
from harness.capture.rooms import GpuRoom, Rooms, read_rooms
from harness.capture.source import this_machine
from harness.catalog import devices, models, platforms
from harness.catalog.device_names import read_name, without_size
from harness.catalog.devices import Device
from harness.catalog.gguf import Header
from harness.catalog.spoken_names import plain, several, suggestions
from harness.errors import BadInput
from harness.fit.answer import Answer, answer
from harness.fit.engine import Engine
from harness.fit.room import METAL, Room, metal_bytes
from harness.run.prepare import backend, choosing, gpu_room, headers, memory_need, options, second_models
from harness.run.prepare.memory_need import Load
from runtimes.interface import Runtime, Scalar
from runtimes.recipes import RECIPES
from runtimes.releases import split
from runtimes.table import find

PROCESSOR_NAME = re.compile(r"\b(?:cpu|ryzen|threadripper|epyc|xeon|core i\d|core ultra|raspberry pi)\b", re.IGNORECASE)
USUAL_CONTEXT = 4096  # where none is asked for
_FEWEST, _MANY = 1024, 8


@dataclass(frozen=True, slots=True)
class Question:
    """As the command line gives it; `device` names a part of the table, `memory_gib` its memory where the table has several."""

    model: str
    runtime: str = "llama.cpp"
    settings: tuple[str, ...] = ()
    backend: str = "auto"
    context: int | None = None
    device: str = ""
    memory_gib: float | None = None
    count: int = 1  # of equal devices, each with a part of the layers


@dataclass(frozen=True, slots=True)
class Found:
    """The answer for the context that was asked for, and for others beside it; `where` is what computes, in words."""

    title: str
    load: Load
    engine: Engine
    room: Room
    where: str
    answer: Answer
    others: tuple[Answer, ...]


def spoken(question: Question) -> Question:
    """With the name by which the table knows the part, and the memory in it where that is the machine's ("M4 Max 64GB").

    Raises `BadInput` where that is another one than the memory beside it.
    """
    name, bare = plain(question.device), plain(without_size(question.device))
    sizes, found = read_name(name).sizes_gib, devices.of_machine(bare)
    if len(sizes) != 1 or not found or not all(map(_of_any_size, found)):
        return replace(question, device=name)
    if question.memory_gib not in (None, sizes[0]):
        where = f"--device {question.device} --memory {question.memory_gib:g}"
        raise BadInput("two sizes of one memory", where=where, fix="leave one of them out")
    return replace(question, device=bare, memory_gib=sizes[0])


def ask(question: Question, cache: Path) -> Found:
    """Raises `BadInput` for what can't be estimated at all; what is not known of the rest is unknown in the answer."""
    question = spoken(question)
    named = split(question.runtime)
    adapter = find(named.name)
    if not adapter.capabilities.holds_model:
        fix = "name the one that does: --runtime llama.cpp"
        raise BadInput("holds no model, so its memory is not known", where=f"--runtime {adapter.name}", fix=fix)
    given = options.parse(question.settings, adapter.options, adapter.name)
    drafts = second_models.named(given, adapter.options)
    part = _part(question)
    _refuse_count(question, part, adapter)
    title, header = headers.read(models.resolve(question.model), cache)
    form = header.format
    converted = form not in adapter.formats
    if converted and not (form == "gguf" and adapter.capabilities.converts):
        fix = f"take a file that is {' or '.join(adapter.formats)}, or another runtime"
        raise BadInput(f"{adapter.name} reads {' and '.join(adapter.formats)}, this is {form}", where=title, fix=fix)
    if part is not None:
        _refuse_part(part, adapter, given)
    build = _backend(question, part, given, cache)
    asked = _context(question, header)
    if question.count > 1 and "tensor_parallel" in adapter.options:
        given = {"tensor_parallel": question.count, **given}
    filled = options.fill(given, adapter.options, cores=snapshot.cores(), required_context=1) | {"context": asked}
    beside = tuple(headers.read(reference, cache)[1] for reference in drafts.values())
    load = Load(adapter, build, filled, header, title, converted, drafts=beside)
    computes = True if part else memory_need.on_device(build, filled) or False
    rooms = read_rooms(this_machine(), build if computes and part is None else "", os.environ)
    computes = computes and not rooms.hidden
    own = None if part is None else not _shares(part)
    engine = memory_need.engine_for(load, computes, own, memory_need.features_of(this_machine()))
    if engine is None:
        raise BadInput("how it lays out a model is not known", where=f"--runtime {adapter.name}", fix="ask its author")
    if part is not None:
        room = _room_of(part, question, load, rooms)
    else:
        room = _of_metal(memory_need.room_here(rooms, load, computes), build if computes else "")
    others = tuple(answer(engine, context, room) for context in _contexts(engine, asked))
    return Found(
        title, load, engine, room, _where(part, room, computes, named.release), answer(engine, asked, room), others
    )


def _part(question: Question) -> Device | None:
    """The part of the device table; the first of several that differ in bandwidth alone.

    Raises `BadInput` where the name means none, or several of different memory.
    """
    if not question.device and question.memory_gib is not None:
        where, fix = f"--memory {question.memory_gib:g}", "name it: --device NAME"
        raise BadInput("must be that of a part of the table", where=where, fix=fix)
    if not question.device:
        return None
    size = None if question.memory_gib is None else round(question.memory_gib * devices.GIB)
    found, named = devices.of_machine(question.device, size), devices.of_machine(question.device)
    named = named or devices.of_machine(plain(without_size(question.device)))
    if not found and named:
        told = ", ".join(str(one) for one in sorted({gib for part in named for gib in _sizes(part)}))
        where = f"--device {question.device}" + (
            "" if question.memory_gib is None else f" --memory {question.memory_gib:g}"
        )
        fix = f"choose one of: {told}{_also(question.device, named)}"
        raise BadInput("no part of this name is sold with so much memory", where=where, fix=fix)
    if not found:
        raise _not_found(question.device)
    if size is None and all(map(_of_any_size, found)):
        fix = "say how much the machine has: --memory GIB"
        raise BadInput("uses the machine's memory, of any size", where=f"--device {question.device}", fix=fix)
    sizes = sorted({part.memory_gib for part in found if part.memory_gib is not None})
    if len(sizes) > 1 and size is None:
        told = ", ".join(f"{one}" for one in sizes)
        fix = f"choose one with --memory: {told}{_also(question.device, found)}"
        raise BadInput(f"{len(found)} parts share this name", where=f"--device {question.device}", fix=fix)
    return found[0]


def _not_found(name: str) -> BadInput:
    """Says what the name is instead, where that can be told."""
    where, many, near = f"--device {name}", several(name), suggestions(name)
    if many is not None:
        return BadInput("names several", where=where, fix=f'say how many: --device "{many[1]}" --count {many[0]}')
    if platforms.find(name) is not None or PROCESSOR_NAME.search(name):
        fix = "ask on that machine, without --device; of its GPU by the GPU's name"
        return BadInput("is a processor, of which the table has none", where=where, fix=fix)
    fix = f"the nearest are: {', '.join(near)}" if near else "list the parts: repro device list"
    return BadInput("the table has no part of this name", where=where, fix=fix)


def _also(name: str, named: Sequence[Device]) -> str:
    """In words, the parts whose names hold this one and more."""
    others = [sku for sku in devices.nearly(name) if sku not in {part.sku for part in named}]
    return f"; or by its name: {', '.join(others)}" if others else ""


def _sizes(part: Device) -> tuple[int, ...]:
    return part.machines_gib or (() if part.memory_gib is None else (part.memory_gib,))


def _refuse_count(question: Question, part: Device | None, adapter: Runtime) -> None:
    """Raises `BadInput` where there can't be several of what is asked for, or the runtime takes one."""
    if question.count == 1:
        return
    where = f"--count {question.count}"
    if part is None:
        raise BadInput("must be asked of a part of the table", where=where, fix="name it: --device NAME")
    if _shares(part):
        raise BadInput("is built into one machine; there are no several of it", where=where, fix="leave it out")
    if not adapter.options.keys() & {"devices", "tensor_parallel"}:
        fix = "leave it out, or take --runtime llama.cpp or vllm"
        raise BadInput(f"{adapter.name} computes on one device", where=where, fix=fix)


def _shares(part: Device) -> bool:
    """Whether it computes from the machine's memory: a module (Jetson) has one for all."""
    return part.form == "module" or _of_any_size(part)


def _of_any_size(part: Device) -> bool:
    """Whether its memory is as much as its machine has: the table's is the most that is sold."""
    return part.memory_gib is None or part.form == "integrated" or part.machines_memory


def _refuse_part(part: Device, adapter: Runtime, given: Mapping[str, Scalar]) -> None:
    """Raises `BadInput` where a runtime of ours has no build for such a part, or its settings leave it to the processor."""
    recipe = RECIPES.get(adapter.name)
    if recipe is None:
        return
    builds = recipe.backends.keys() - {"cpu"}
    by_option = any(build.by_option for build in recipe.backends.values())  # OpenVINO's, for Intel's GPUs
    if (not builds and not (by_option and part.vendor == "Intel")) or (builds == {"metal"} and part.vendor != "Apple"):
        where, fix = f"--device {part.sku} --runtime {adapter.name}", "take another runtime, or leave --device out"
        raise BadInput("it has no build that computes there", where=where, fix=fix)
    if by_option and not str(given.get("device") or "").upper().startswith("GPU"):
        raise BadInput(
            "computes on the processor unless it is told", where=f"--runtime {adapter.name}", fix="add -o device=GPU"
        )


def _backend(question: Question, part: Device | None, given: Mapping[str, Scalar], cache: Path) -> str:
    """The build for this machine; for a part of the table any build for a GPU."""
    if part is not None:
        if question.backend == "cpu" or not memory_need.on_device("cuda", given):
            raise BadInput("a processor computes from main memory", where="--device", fix="leave --device out")
        return "metal" if part.vendor == "Apple" else "cuda"
    if given.get("device") == "cpu":
        return "cpu"
    if question.backend in backend.GPU_BACKENDS:
        backend.refuse_without_device(backend.look(), question.backend, builds=False)
    return choosing.choice_of(split(question.runtime), question.backend, cache).backend


def _context(question: Question, header: Header) -> int:
    trained = header.context_trained
    if question.context is None:
        return min(USUAL_CONTEXT, trained or USUAL_CONTEXT)
    if trained is not None and question.context > trained:
        fix = f"take {trained} or fewer"
        raise BadInput(f"the model was trained for {trained:,} tokens", where=f"--context {question.context}", fix=fix)
    return question.context


def _contexts(engine: Engine, asked: int) -> list[int]:
    """Powers of two up to what the model was trained for, this itself, and what was asked for."""
    most = engine.context_trained or max(asked, 1 << 17)
    found = {asked, most} | {1 << power for power in range(10, 26) if _FEWEST <= 1 << power <= most}
    kept = sorted(found)
    while len(kept) > _MANY:
        kept.remove(next(one for one in kept if one not in (asked, most)))
    return kept


def _room_of(part: Device, question: Question, load: Load, rooms: Rooms) -> Room:
    """Of so many of the part those that the settings take, beside this machine's memory. Raises `BadInput`."""
    size = round((question.memory_gib or part.memory_gib or 0) * devices.GIB)
    if part.vendor == "Apple":
        return Room(metal_bytes(size), size, part.sku, shared=True, source=METAL)
    if _shares(part):
        return Room(size, size, part.sku, shared=True, source="the device table")
    found = gpu_room.taken(load.adapter, load.options, (GpuRoom(part.sku, size, size),) * question.count, True)
    if isinstance(found, str):
        fix = "say how many there are, or leave the option out"
        raise BadInput(found, where=f"--device {question.device} --count {question.count}", fix=fix)
    room = memory_need.room_here(rooms, load, False)
    return replace(room, device=found.name, device_free=found.free, device_total=found.total, source="the device table")


def _of_metal(room: Room, backend: str) -> Room:
    """What Metal lets a GPU take of it: the limit that this Mac's owner set, else the usual share."""
    if backend != "metal" or room.memory_free is None or room.memory_total is None:
        return room
    limit = this_machine().setting("iogpu.wired_limit_mb").then(whole, "no number").value
    most = limit << 20 if limit else metal_bytes(room.memory_total)
    return replace(room, memory_free=min(room.memory_free, most), source="its limit for the GPU" if limit else METAL)


def _where(part: Device | None, room: Room, computes: bool, release: str) -> str:
    if release:
        return f"{_where(part, room, computes, '')}, by the rules of the pinned release"
    if part is not None:
        return f"{part.sku} by the device table" + ("" if room.shared else ", beside this machine's memory")
    return f"this machine's {room.device or 'processor'}" if computes else "this machine's processor"
