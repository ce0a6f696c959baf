"""Which of the machine's GPUs a run used, and what the others were doing when it began. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from harness.capture.facts import Fact, known, to_plain, unknown
from harness.capture.gpu import Gpu, Gpus
from harness.device_ids import pci
from harness.measure.findings import Finding, Severity
from harness.measure.plural import count

BUSY_PERCENT = 10  # a desktop's compositor stays below


def used(gpus: Sequence[Gpu], ids: Sequence[str], on_cpu: bool = False) -> list[Fact[bool]]:
    """Of each card, whether the run used it, by UUID or PCI place; `ids` is empty where the engine told none."""
    if on_cpu:
        return [known(False) for _ in gpus]
    if not ids:
        return [unknown("the engine does not tell which it used") for _ in gpus]
    wanted = {pci(one) or one for one in ids}
    wanted |= {f"MIG-{one.removeprefix('GPU-')}" for one in ids}  # CUDA's word for a slice's id
    if "" in ids:
        found = [bool(gpu.ids & wanted) for gpu in gpus]
        return [
            known(True) if one else unknown("the engine tells the place of some of its devices only") for one in found
        ]
    return [known(bool(gpu.ids & wanted)) for gpu in gpus]


def marked(environment: dict[str, Any], gpus: Gpus, ids: Sequence[str], on_cpu: bool) -> dict[str, Any]:
    """The environment as a record holds it, with `used` on each NVIDIA card."""
    cards = gpus.nvidia.value
    if not cards:
        return environment
    listed = environment["gpu"]["nvidia"]["value"]
    both = [{**card, "used": to_plain(fact)} for card, fact in zip(listed, used(cards, ids, on_cpu), strict=True)]
    return {**environment, "gpu": {**environment["gpu"], "nvidia": {"value": both}}}


def busy_others(gpus: Gpus, ids: Sequence[str]) -> list[Finding]:
    """A note where a card that the run did not use was at work: it shares power, air and bus."""
    cards = gpus.nvidia.value or ()
    found = []
    for card, fact in zip(cards, used(cards, ids), strict=True):
        load, processes = card.busy_percent.value or 0, card.processes.value or 0
        if fact.value is not False or (load <= BUSY_PERCENT and not processes):
            continue
        name = card.name.value or "a card without a name"
        told = "its load is not known" if card.busy_percent.value is None else f"{load} % busy"
        text = f"{name}, which was not used, was at work when the run began: {told}, {count(processes, 'process', 'processes')}"
        evidence = {"busy_percent": load, "processes": processes}
        found.append(Finding("other_gpus_busy", Severity.NOTE, text, evidence=evidence))
    return found
