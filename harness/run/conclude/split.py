"""What a reader should know where processor and GPU shared the work, from what the engine reported. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.device_kinds import OFFLOADED, SERVERS, DeviceKind, of_facts
from harness.measure.findings import Finding, Severity


def split_findings(facts: Mapping[str, Any]) -> list[Finding]:
    """How many layers of how many lay on which GPU; a warning where all were asked for, a note where the part was chosen."""
    settings: Mapping[str, Any] = facts["settings"]
    software = [str(device["description"] or device["name"]) for device in facts["devices"]
                if device["kind"] == DeviceKind.SOFTWARE]  # fmt: skip
    said = [Finding("software_device", Severity.WARNING, f"{name} is a software device: the processor computed")
            for name in dict.fromkeys(software)]  # fmt: skip
    gpus = [device for device in facts["devices"] if device["kind"] in OFFLOADED]
    if not gpus or of_facts(facts) & SERVERS:
        return said
    shared = DeviceKind.CPU in of_facts(facts)
    names = ", ".join(dict.fromkeys(str(gpu["description"] or gpu["name"]) for gpu in gpus))
    return [*said, *_layers(settings, names, shared), *_cache(settings, names), *_weights(settings, names)]


def _layers(settings: Mapping[str, Any], names: str, shared: bool) -> list[Finding]:
    told = re.fullmatch(r"(\d+)/(\d+)", str(settings.get("gpu_layers_offloaded")))
    if told is None:
        if not shared:
            return []
        text = f"the engine does not report how many layers {names} computed"
        return [Finding("split", Severity.WARNING, text)]
    done, total = int(told[1]), int(told[2])
    if done >= total:
        return []
    asked = settings.get("gpu_layers")
    wanted_all = not isinstance(asked, int) or asked < 0 or asked >= total
    text = f"{done} of {total} layers were computed by {names}, the rest by the processor"
    if done == 0:
        text = f"0 of {total} layers lay on {names}, which took part all the same (prompts)"
    evidence = {"gpu_layers": done, "layers": total}
    return [Finding("split", Severity.WARNING if wanted_all else Severity.NOTE, text, evidence=evidence)]


def _cache(settings: Mapping[str, Any], names: str) -> list[Finding]:
    if settings.get("kv_cache_on") != "CPU" or str(settings.get("gpu_layers_offloaded")).startswith("0/"):
        return []
    return [Finding("split", Severity.NOTE, f"the KV cache lay in main memory, not on {names}")]


def _weights(settings: Mapping[str, Any], names: str) -> list[Finding]:
    found = []
    tensors, weights = settings.get("gpu_tensors_on_cpu"), settings.get("weights_on_cpu_mib")
    if isinstance(tensors, int) and tensors:
        text = f"{tensors} tensors of layers on {names} were kept in main memory"
        found.append(Finding("split", Severity.NOTE, text, evidence={"tensors": tensors}))
    if isinstance(weights, int) and weights:
        text = f"{weights} MiB of the weights were kept in main memory, not on {names}"
        found.append(Finding("split", Severity.NOTE, text, evidence={"weights_mib": weights}))
    return found
