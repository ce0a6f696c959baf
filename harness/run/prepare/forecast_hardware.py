"""What a forecast is asked of: a part of the device table, this machine's GPUs, or its processor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.capture.cpu import read_cpu
from harness.capture.gpu import read_gpus
from harness.capture.source import this_machine
from harness.catalog import devices, platforms
from harness.catalog.devices import GIB, Device
from harness.errors import BadInput
from harness.fit.room import Room
from harness.forecast.evidence import FAMILIES, PROCESSOR, USUAL_FAMILY, hardware_of
from harness.forecast.values import Hardware
from harness.run.prepare.fit import Found, Question

NAME_IT = "name its part: --device NAME, of several equal ones --count N"


def hardware_of_question(question: Question, found: Found, measured: Callable[[], float]) -> Hardware:
    """The part of the table, this machine's GPUs by their names, or its processor with the bandwidth that it has.

    Raises `BadInput` for what can't be told, or can't be.
    """
    if question.device:
        size = None if question.memory_gib is None else round(question.memory_gib * GIB)
        part = _one(devices.of_machine(question.device, size), f"--device {question.device}")
        return _of_part(part, _family(question, part), question.count)
    if not found.room.device:
        cpu = read_cpu(this_machine()).model.value or "unknown processor"
        platform = platforms.find(cpu)
        generation = platform.generation if platform is not None else "unknown"
        return Hardware(cpu, "cpu", generation, PROCESSOR, measured(), None, measured=True)
    parts = own_parts(found.room, found.load.backend)
    return _of_part(parts[0], found.load.backend or USUAL_FAMILY[parts[0].vendor], len(parts))


def own_parts(room: Room, backend: str) -> list[Device]:
    """The GPUs of this machine, all of one part. Raises `BadInput` where that can't be told, or they differ."""
    if backend == "metal":
        chip = read_gpus(this_machine()).apple
        if chip.value is None:
            raise BadInput(f"this machine's chip is not known: {chip.reason}", where="this machine", fix=NAME_IT)
        return [_one(devices.of_machine(chip.value, room.memory_total), chip.value)]
    if not room.devices:
        why = f": {room.unknown}" if room.unknown else ""
        raise BadInput(f"no driver names this machine's GPU{why}", where="this machine", fix=NAME_IT)
    parts = [_one(devices.candidates(*own), f"{own[0]}, {own[1] / GIB:.3g} GiB") for own in room.devices]
    if len({part.sku for part in parts}) > 1:
        told = ", ".join(dict.fromkeys(part.sku for part in parts))
        fix = "choose those of one kind (CUDA_VISIBLE_DEVICES), or name them: --device NAME --count N"
        raise BadInput("nobody published rates of unlike GPUs that share a model", where=told, fix=fix)
    return parts


def _one(found: Sequence[Device], where: str) -> Device:
    """Of these the first, where none has another memory. Raises `BadInput` for none, and for several that differ."""
    if not found:
        raise BadInput("the device table has no part of this machine's GPU", where=where, fix=NAME_IT)
    if len({(part.bandwidth_bytes_per_s, *sorted(part.peak_flops.items())) for part in found}) > 1:
        fix = "name the part: " + " or ".join(f'--device "{_plain_name(part)}"' for part in found)
        raise BadInput("is the name of several parts, and their bandwidth differs", where=where, fix=fix)
    return found[0]


def _plain_name(part: Device) -> str:
    """One that no other part has."""
    return next((name for name in (part.sku, *part.aliases) if devices.of_machine(name) == (part,)), part.sku)


def _family(question: Question, part: Device) -> str:
    families = FAMILIES[part.vendor]
    if question.backend == "auto":
        return families[0]
    if question.backend not in families:
        fix = f"take one of {', '.join(families)}"
        raise BadInput(f"{part.sku} can't run these kernels", where=f"--backend {question.backend}", fix=fix)
    return question.backend


def _of_part(part: Device, family: str, count: int = 1) -> Hardware:
    hardware = hardware_of(part, family, count)
    if hardware is None:
        raise BadInput(
            "no document has its bandwidth, so nothing can be forecast", where=part.sku, fix="measure: repro bench"
        )
    return hardware
