"""What a processor is called, from what the kernel tells of it: a name, or unknown; never a word that names nothing. Pure.

Sources: Linux arch/arm64/include/asm/cputype.h and util-linux lscpu-arm.c for implementers and parts; arch/*/kernel/…/proc.c
for the fields of /proc/cpuinfo.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_M1_MAX, _M2_MAX = "M1 Max or Ultra", "M2 Max or Ultra"  # an Ultra is two of them under the same number

# Implementer → the maker's name and its cores by part number.
_ARM: Mapping[int, tuple[str, Mapping[int, str]]] = {
    0x41: ("Arm", {
        0xC05: "Cortex-A5", 0xC07: "Cortex-A7", 0xC08: "Cortex-A8", 0xC09: "Cortex-A9", 0xC0D: "Cortex-A17",
        0xC0E: "Cortex-A17", 0xC0F: "Cortex-A15", 0xD01: "Cortex-A32", 0xD02: "Cortex-A34", 0xD03: "Cortex-A53",
        0xD04: "Cortex-A35", 0xD05: "Cortex-A55", 0xD06: "Cortex-A65", 0xD07: "Cortex-A57", 0xD08: "Cortex-A72",
        0xD09: "Cortex-A73", 0xD0A: "Cortex-A75", 0xD0B: "Cortex-A76", 0xD0C: "Neoverse-N1", 0xD0D: "Cortex-A77",
        0xD0E: "Cortex-A76AE", 0xD40: "Neoverse-V1", 0xD41: "Cortex-A78", 0xD42: "Cortex-A78AE", 0xD43: "Cortex-A65AE",
        0xD44: "Cortex-X1", 0xD46: "Cortex-A510", 0xD47: "Cortex-A710", 0xD48: "Cortex-X2", 0xD49: "Neoverse-N2",
        0xD4A: "Neoverse-E1", 0xD4B: "Cortex-A78C", 0xD4C: "Cortex-X1C", 0xD4D: "Cortex-A715", 0xD4E: "Cortex-X3",
        0xD4F: "Neoverse-V2", 0xD80: "Cortex-A520", 0xD81: "Cortex-A720", 0xD82: "Cortex-X4", 0xD83: "Neoverse-V3AE",
        0xD84: "Neoverse-V3", 0xD85: "Cortex-X925", 0xD87: "Cortex-A725", 0xD88: "Cortex-A520AE",
        0xD89: "Cortex-A720AE", 0xD8E: "Neoverse-N3", 0xD8F: "Cortex-A320",
    }),
    0x42: ("Broadcom", {0x00F: "Brahma-B15", 0x100: "Brahma-B53", 0x516: "ThunderX2"}),
    0x43: ("Cavium", {0x0A1: "ThunderX", 0x0A2: "ThunderX 81xx", 0x0A3: "ThunderX 83xx", 0x0AF: "ThunderX2", 0x0B8: "ThunderX3"}),
    0x46: ("Fujitsu", {0x001: "A64FX", 0x003: "MONAKA"}),
    0x48: ("HiSilicon", {0xD01: "TaiShan-v110", 0xD02: "TaiShan-v120", 0xD40: "Cortex-A76", 0xD41: "Cortex-A77"}),
    0x4E: ("NVIDIA", {0x000: "Denver", 0x003: "Denver 2", 0x004: "Carmel", 0x010: "Olympus"}),
    0x50: ("APM", {0x000: "X-Gene"}),
    0x51: ("Qualcomm", {
        0x001: "Oryon", 0x002: "Oryon 2", 0x201: "Kryo", 0x205: "Kryo", 0x211: "Kryo", 0x800: "Kryo 2xx Gold",
        0x801: "Kryo 2xx Silver", 0x802: "Kryo 3xx Gold", 0x803: "Kryo 3xx Silver", 0x804: "Kryo 4xx Gold",
        0x805: "Kryo 4xx Silver", 0xC00: "Falkor", 0xC01: "Saphira",
    }),
    0x53: ("Samsung", {0x001: "Exynos-M1", 0x002: "Exynos-M3", 0x003: "Exynos-M4", 0x004: "Exynos-M5"}),
    0x56: ("Marvell", {0x131: "Feroceon", 0x581: "PJ4", 0x584: "PJ4B"}),
    0x61: ("Apple", {
        0x022: "M1", 0x023: "M1", 0x024: "M1 Pro", 0x025: "M1 Pro", 0x028: _M1_MAX, 0x029: _M1_MAX, 0x032: "M2", 0x033: "M2",
        0x034: "M2 Pro", 0x035: "M2 Pro", 0x038: _M2_MAX, 0x039: _M2_MAX,
    }),
    0x66: ("Faraday", {0x526: "FA526", 0x626: "FA626"}),
    0x6D: ("Microsoft", {0xD49: "Azure Cobalt 100"}),
    0x70: ("Phytium", {0x303: "FTC310", 0x660: "FTC660", 0x661: "FTC661", 0x662: "FTC662", 0x663: "FTC663", 0x664: "FTC664",
                       0x862: "FTC862"}),
    0xC0: ("Ampere", {0xAC3: "AmpereOne", 0xAC4: "Ampere-1a", 0xAC5: "Ampere-1b"}),
}  # fmt: skip

# Arm's cores are sold by others under names of their own; whose they are the firmware says (maker in DMI, id of the chip).
_SOLD_AS: Mapping[tuple[str, int], str] = {
    ("Amazon", 0xD08): "AWS Graviton", ("Amazon", 0xD0C): "AWS Graviton2", ("Amazon", 0xD40): "AWS Graviton3",
    ("Amazon", 0xD4F): "AWS Graviton4", ("Amazon", 0xD84): "AWS Graviton5", ("Google", 0xD4F): "Google Axion",
    ("Google", 0xD8E): "Google Axion", ("Google", 0xD0C): "Ampere Altra", ("Microsoft", 0xD0C): "Ampere Altra",
    ("Microsoft", 0xD49): "Azure Cobalt 100", ("NVIDIA", 0xD4F): "NVIDIA Grace", ("Ampere", 0xD0C): "Ampere Altra",
}  # fmt: skip
_MAKERS = {"Amazon EC2": "Amazon", "Google": "Google", "Microsoft Corporation": "Microsoft", "NVIDIA": "NVIDIA"}
GRACE = 0xD4F  # clouds sell NVIDIA's Grace, too: beside an NVIDIA GPU this core may be theirs or its
_CHIPS = {"jep106:036b": "NVIDIA", "jep106:0a16": "Ampere"}  # /sys/devices/soc0/soc_id, by JEP-106

# CPUID's vendors → the names that people use.
_X86 = {
    "GenuineIntel": "Intel", "AuthenticAMD": "AMD", "HygonGenuine": "Hygon", "CentaurHauls": "VIA/Zhaoxin", "Shanghai": "Zhaoxin",
    "VIA VIA VIA": "VIA", "GenuineTMx86": "Transmeta", "CyrixInstead": "Cyrix", "Vortex86 SoC": "Vortex86",
    "Genuine RDC": "RDC", "GenuineIotel": "Intel",
}  # fmt: skip
_NOTHING = re.compile(
    r"(unknown|none|null|n/?a|default string|not specified|to be filled.*|generic dt based system|cpu|processor|virtual|[\W\d]*"
    r"|(arm ?v\d\w*|aarch64)( (compatible )?processor)?( rev \d+)?( \(\w+\))?)",
    re.IGNORECASE,
)  # "ARMv8 Processor rev 1 (v8l)" is what kernels write where they know no name


def says_something(model: str) -> bool:
    """Whether a text names a processor at all."""
    return not _NOTHING.fullmatch(model.strip())


def arm_name(implementer: int, parts: Iterable[int], seller: str = "") -> str | None:
    """Of the kinds of cores that a chip has, in the order of their numbers; a chip of unlike cores is named by all of them."""
    maker, cores = _ARM.get(implementer, ("", {}))
    kinds = sorted(set(parts))
    if not maker or not kinds:
        return None
    if len(kinds) == 1 and implementer == 0x41 and (seller, kinds[0]) in _SOLD_AS:
        return f"{_SOLD_AS[seller, kinds[0]]} ({cores[kinds[0]]})"
    return f"{maker} {' + '.join(dict.fromkeys(cores.get(part, f'part {part:#05x}') for part in kinds))}"


def seller_of(maker: str, chip: str) -> str:
    """Who sells the chip, from the maker in DMI and the chip's own id; "" where neither says."""
    for known, name in _CHIPS.items():
        if chip.startswith(known):
            return name
    return next((name for known, name in _MAKERS.items() if maker.startswith(known)), "")


def x86_name(vendor: str, family: int | None, model: int | None) -> str | None:
    """Where the processor's own brand string is empty, as some virtual machines leave it."""
    name = _X86.get(" ".join(vendor.split()))
    if name is None:
        return None
    return f"{name} processor" if family is None or model is None else f"{name} family {family} model {model}"


def name_of(model: str | None, vendor: str | None, family: int | None, number: int | None) -> str | None:
    """The name by the facts of a record, or None. `vendor` is CPUID's, or the number of an Arm implementer."""
    if model and says_something(model):
        return model
    vendor = (vendor or "").strip()
    if re.fullmatch(r"0x[0-9a-fA-F]{1,2}", vendor) and number is not None:
        return arm_name(int(vendor, 16), [number])
    if vendor == "Apple":
        return None  # Apple's chips are told apart by their brand string alone
    return x86_name(vendor, family, number)


def listed_name(cpuinfo: str) -> str | None:
    """The name in /proc/cpuinfo where an architecture keeps it in a place of its own (POWER, RISC-V, LoongArch, MIPS, IBM Z)."""
    pairs = [
        (key.strip(), " ".join(value.split()))
        for key, _, value in (line.partition(":") for line in cpuinfo.splitlines())
    ]
    fields: dict[str, str] = {}
    for key, value in pairs:
        fields.setdefault(key, value)
    if fields.get("vendor_id", "").startswith("IBM/S390"):
        machine = re.search(r"machine = (\w+)", cpuinfo)  # on a line that holds the serial number, too
        return f"IBM Z machine {machine[1]}" if machine else "IBM Z"
    power = re.match(r"(POWER\w+|PPC\w+|e\d{3,4}\w*)", fields.get("cpu", ""))
    if power:
        return f"IBM {power[1]}" if power[1].startswith("POWER") else power[1]
    named = next((fields[key] for key in ("Model Name", "cpu model") if fields.get(key)), None)
    if named and says_something(named):
        return named
    return _riscv(fields)


def _riscv(fields: Mapping[str, str]) -> str | None:
    if fields.get("uarch"):
        return f"RISC-V {fields['uarch']}"
    if "isa" not in fields:
        return None
    ids = [fields[key] for key in ("mvendorid", "marchid") if fields.get(key, "0x0") not in ("0x0", "0")]
    return f"RISC-V {' '.join(ids)}" if ids else None
