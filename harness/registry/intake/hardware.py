"""The hardware class of a record: what computed, and what of it where processor and GPU shared the work. Pure.

What tells classes apart comes from closed lists; anything else is *unknown*, or *unlisted* with the name that it was told by.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from harness.catalog import devices as table
from harness.catalog.microarchitecture import design_of
from harness.catalog.processors import arm_name, name_of
from harness.catalog.versions import series_of
from harness.device_kinds import GPUS, SERVERS, DeviceKind, read, software_name
from harness.errors import BadInput
from harness.names import flaw
from harness.record.schema import Device, Record
from harness.registry.intake.facts_told import part_of, value_of
from harness.tiers.values import SOFTWARE, UNKNOWN, UNLISTED, HardwareClass

# Libraries that help the processor. Engines list them among their devices; none is a device.
LIBRARIES = frozenset(
    "blas accelerate openblas mkl onemkl blis nvpl flexiblas armpl aocl libsci lapack amx kleidiai zdnn onednn cblas "
    "llamafile".split()
)
_NUMBERED = re.compile(
    r"(CUDA|ROCm|HIP|MUSA|Vulkan|Metal|MTL|SYCL|GPUOpenCL|OpenCL|CANN|Kompute|WebGPU|HTP|OPENVINO|GPU|Meta)\d*",
    re.IGNORECASE,
)
_SYSTEMS = frozenset("Linux macOS Windows FreeBSD NetBSD OpenBSD SunOS AIX".split())
_APPLE = re.compile(r"Apple M[1-9][0-9]?(?: (?:Pro|Max|Ultra))?")


def hardware_of(record: Record, where: str, *, listed: bool = True) -> HardwareClass:
    """What computed and how many of it, generation, system, runtime series. Raises `BadInput` where the hardware is unknown.

    `listed` False: as if no part were in a table of this program, which is how a part is called before it is listed.

    A part that is not known is called so; where processor and GPUs shared the layers, the class says how many lay where.
    """
    if any(device.kind == DeviceKind.SERVER for device in record.runtime.devices):
        raise BadInput("was measured at a server whose hardware is not known", where=where, fix="name another record")
    kinds = {device.kind for device in record.runtime.devices}
    if DeviceKind.LOCAL_SERVER in kinds and not kinds & {DeviceKind.CPU, *GPUS} and has_gpu(record, integrated=True):
        what = "was measured at a server that may have used this machine's GPU or its processor"
        raise BadInput(what, where=where, fix="measure with the engine's own runtime")
    gpus, split = computing(record)
    software = any(is_software(device) for device in gpus)
    if gpus:
        sku, generation = _of_gpus(record, gpus, listed)
    if split is not None or software:  # a software device is as fast as its processor
        cpu, cpu_generation = _of_processor(record, listed)
        shared = "" if split is None else f" ({split})"
        sku, generation = f"{sku}{shared} + {cpu}", " + ".join(filter(None, (generation, cpu_generation)))
    elif not gpus:
        sku, generation = _of_processor(record, listed)
    system, series = value_of(part_of(record, "host"), "os_family"), series_of(record.runtime.version)
    return HardwareClass(
        sku=sku,
        generation=generation,
        os_family=str(system) if system in _SYSTEMS or (record.run.synthetic and system) else UNKNOWN,
        runtime_series=UNKNOWN if series is None else f"{record.runtime.engine} {series}",
    )


def _stated(record: Record) -> frozenset[DeviceKind] | None:
    """What computed, as the adapter stated it; None where it did not, or its devices don't bear it out: then they speak."""
    stated = read(record.runtime.settings.get("computed_on"))
    listed = {device.kind for device in record.runtime.devices}
    places = listed - {DeviceKind.CPU, DeviceKind.ACCELERATOR}
    return None if stated is None or stated - listed or places - stated else stated


def computing(record: Record) -> tuple[tuple[Device, ...], str | None]:
    """The GPUs that took part, and what was not theirs, in words; None where all of it was. From what the engine reported.

    No GPU: the processor computed alone.
    """
    settings = record.runtime.settings
    stated = _stated(record)
    gpus = _gpus(record)
    if not gpus or (stated is None and _idle(record)):
        return (), None
    told = settings.get("gpu_layers_offloaded")
    # Before adapters stated what computed, llama.cpp alone shared layers, and told it by its settings.
    shared = "gpu_layers" in settings if stated is None else DeviceKind.CPU in stated
    layers = _layers(told) if told is not None or shared else ""
    cache = set(re.findall(r"\w+", str(settings.get("kv_cache_on") or "")))
    # With some layers on the processor their caches lie there, too: only what goes beyond that is said.
    apart = cache == {"CPU"} or ("CPU" in cache and not layers) or (not cache and settings.get("offload_kqv") is False)
    tensors, weights = settings.get("gpu_tensors_on_cpu"), settings.get("weights_on_cpu_mib")
    parts = (
        layers,
        "KV cache on the CPU" if apart and not layers.startswith("0 ") else "",
        f"{tensors} tensors on the CPU" if tensors else "",
        f"{weights} MiB of weights on the CPU" if weights else "",
    )
    split = ", ".join(part for part in parts if part)
    return gpus, split or ("shared with the processor" if stated and DeviceKind.CPU in stated else None)


def _idle(record: Record) -> bool:
    """Whether the GPUs listed did nothing: in records from before adapters stated what computed, which llama.cpp's are."""
    settings = record.runtime.settings
    told = settings.get("gpu_layers_offloaded")
    idle = settings.get("gpu_layers") == 0 if told is None else str(told).startswith("0/")
    return idle and "layers_on" not in settings


def _gpus(record: Record) -> tuple[Device, ...]:
    found = tuple(device for device in record.runtime.devices if _is_gpu(device, record.runtime.devices))
    # llama.cpp leaves an integrated GPU alone beside a discrete one; records from before only used devices were listed have both.
    discrete = tuple(device for device in found if device.kind != DeviceKind.IGPU)
    old = record.runtime.engine == "llama.cpp" and "layers_on" not in record.runtime.settings
    return discrete if old and discrete else found


def has_gpu(record: Record, *, integrated: bool = False) -> bool:
    """Whether the machine that the record describes has a GPU that an engine on it may have used. `integrated`: those of
    Intel's that are a part of the processor count, too.
    """
    gpu = part_of(record, "gpu")
    intel = [one for one in _intel(record) if integrated or value_of(one, "integrated") is False]
    return bool(intel) or any(value_of(gpu, vendor) for vendor in ("nvidia", "amd", "apple"))


def _intel(record: Record) -> list[dict[str, Any]]:
    """Intel's GPUs of the machine, as its kernel listed them."""
    found = value_of(part_of(record, "gpu"), "intel")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list | tuple) else []


def _layers(told: Any) -> str:
    """The layers that were the GPUs' where these were not all; empty where they were."""
    counts = re.fullmatch(r"(\d+)/(\d+)", str(told))
    if counts is None:
        return "layers not reported"
    done, total = int(counts[1]), int(counts[2])
    return "" if done >= total else f"{done} of {total} layers"


def is_library(device: Device) -> bool:
    """Whether it is a library that helps the processor, whatever kind the engine calls it."""
    words = {re.sub(r"[\d_-]+$", "", name.strip().casefold()) for name in (device.name, _called(device))}
    return bool(words & LIBRARIES)


def is_software(device: Device) -> bool:
    """Whether the processor computes what it is given, whatever kind a record calls it."""
    return device.kind == DeviceKind.SOFTWARE or (
        device.kind in GPUS and bool(software_name(device.name, device.description))
    )


def _called(device: Device) -> str:
    return device.description if _NUMBERED.fullmatch(device.name) else device.name


def _is_gpu(device: Device, all_of_them: Sequence[Device]) -> bool:
    if device.kind in (*SERVERS, DeviceKind.CPU) or is_library(device):
        return False
    # Beside a processor or a GPU an accelerator is their helper; alone it is what computed.
    return device.kind != DeviceKind.ACCELERATOR or all(other.kind == DeviceKind.ACCELERATOR for other in all_of_them)


def _of_gpus(record: Record, gpus: Sequence[Device], listed: bool) -> tuple[str, str]:
    """Each part with its own count, and its layers where parts are unlike: two unlike cards are not "×2" of anything."""
    layers_on, sliced = str(record.runtime.settings.get("layers_on") or ""), _on_slice(record)
    layers = {name: int(count) for name, count in re.findall(r"(\S+) (\d+)(?:, |$)", layers_on)}
    labels = sorted(
        (
            (*_label(device, record.run.synthetic, listed, sliced, _by_kernel(record, device)), layers.get(device.name))
            for device in gpus
        ),
        key=lambda label: label[:2],
    )
    names = [name for name, _, _ in labels]
    parts = []
    for name, count in Counter(names).items():
        held = [own for label, _, own in labels if label == name]
        told = len(set(names)) > 1 and None not in held
        parts.append(f"{name} ×{count}" + (f" ({sum(own or 0 for own in held)} layers)" if told else ""))
    return ", ".join(parts), ", ".join(dict.fromkeys(generation for _, generation, _ in labels if generation))


def _on_slice(record: Record) -> bool:
    """Whether what the run used of NVIDIA's was a MIG slice, by what the driver told of the cards: one that CUDA names so says it
    itself.
    """
    cards = part_of(record, "gpu").get("nvidia", {}).get("value") or []
    used = [card for card in cards if value_of(card, "used") is True]
    if used:
        return any(value_of(card, "mig") is True for card in used)
    return bool(cards) and all(value_of(card, "mig") is True for card in cards)


def _by_kernel(record: Record, device: Device) -> table.Device | None:
    """The part that a GPU of Intel's is by its PCI id, where the machine has one such GPU alone: an engine's driver may be
    older than the card, and calls it "Intel(R) Graphics".
    """
    if "intel" not in f"{device.name} {device.description}".casefold():
        return None
    own = [one for one in _intel(record) if value_of(one, "integrated") is (device.kind == DeviceKind.IGPU)]
    name = value_of(own[0], "name") if len(own) == 1 else None
    memory = device.memory_bytes or (value_of(own[0], "memory_bytes") if own else None)
    return table.identify(name, "", memory) if isinstance(name, str) else None


def _label(
    device: Device, synthetic: bool, listed: bool, sliced: bool, by_kernel: table.Device | None
) -> tuple[str, str]:
    """SKU and generation of the table; else what the driver says, as unlisted, never an engine's number for it ("CUDA0"). A name
    that several parts share is none of them where neither the memory nor the kernel tells them apart.

    A demonstration's devices are in no table, and count there as they are called.
    """
    if is_software(device):
        return f"{SOFTWARE} {software_name(device.name, device.description) or 'of unknown name'}", ""
    found = (table.identify(device.name, device.description, device.memory_bytes) or by_kernel) if listed else None
    name = _named(_called(device))
    if sliced and found is not None and found.vendor == "NVIDIA" and "mig" not in name.casefold().split():
        return f"{UNLISTED} {name} MIG slice", UNKNOWN
    if found is not None:
        return found.sku, found.generation
    if synthetic:
        return name or f"{UNLISTED} GPU", _named(device.description) or UNKNOWN
    return f"{UNLISTED} {name if name and flaw(name) is None else 'GPU'}", UNKNOWN


def _named(text: str) -> str:
    return "" if text.strip().casefold() in ("", "none", "null", "unknown") else text


def _of_processor(record: Record, listed: bool) -> tuple[str, str]:
    topology, cpu = part_of(record, "cpu", "topology"), part_of(record, "cpu")
    cores = value_of(topology, "allowed_physical_cores") or value_of(topology, "allowed_logical_cores") or UNKNOWN
    memory = value_of(part_of(record, "memory"), "tier_gib") or UNKNOWN
    model, vendor = (_text(cpu, name) for name in ("model", "vendor"))
    family, number = (_integer(cpu, name) for name in ("family", "model_number"))
    name = name_of(model, vendor, family, number if listed else None)
    shown = name if name and flaw(name) is None else "unknown processor"
    design = _design(model, vendor, family, number, _texts(cpu, "flags"))
    return f"{shown}, {cores} cores, {memory} GiB", design or UNKNOWN


def _design(
    model: str | None, vendor: str | None, family: int | None, number: int | None, flags: Sequence[str]
) -> str | None:
    """What the processor is by its numbers, or by Apple's name, which is all that its chips tell."""
    vendor = (vendor or "").strip()
    if re.fullmatch(r"0x[0-9a-fA-F]{1,2}", vendor) and number is not None:
        return arm_name(int(vendor, 16), [number])
    if _APPLE.fullmatch(model or ""):
        return model
    return design_of(vendor, family, number, flags)


def _text(part: dict[str, Any], name: str) -> str | None:
    found = value_of(part, name)
    return found if isinstance(found, str) else None


def _texts(part: dict[str, Any], name: str) -> list[str]:
    found = value_of(part, name)
    return [str(one) for one in found] if isinstance(found, list | tuple) else []


def _integer(part: dict[str, Any], name: str) -> int | None:
    found = value_of(part, name)
    return found if isinstance(found, int) else None
