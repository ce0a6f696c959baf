"""The processor: what it is, what it can compute, and how the system lets it run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from harness.capture.facts import UNLISTED, Fact, first_known, known, maybe, unknown, whole
from harness.capture.source import Source, Tree
from harness.capture.topology import Topology, cpu_list, read_topology
from harness.catalog import processors

# What decides how fast an engine's kernels are; everything else of the long list stays out.
FLAGS = frozenset(
    "avx avx2 avx512f avx512bw avx512vl avx512_vnni avx512_bf16 avx512_fp16 avx_vnni amx_tile amx_int8 amx_bf16 f16c "
    "fma sse4_2 asimd asimddp asimdhp i8mm bf16 sve sve2 sme neon hypervisor".split()
)
_POLICY = "sys/devices/system/cpu/cpu0/cpufreq"
_POLICIES = "sys/devices/system/cpu/cpu[0-9]*/cpufreq"


@dataclass(frozen=True, slots=True)
class Cpu:
    """Frequencies in Hz, caches in bytes."""

    model: Fact[str]
    vendor: Fact[str]
    family: Fact[int]
    model_number: Fact[int]
    stepping: Fact[int]
    microcode: Fact[str]
    architecture: Fact[str]
    flags: Fact[tuple[str, ...]]
    topology: Topology
    l3_bytes: Fact[int]
    governor: Fact[str]
    boost: Fact[bool]
    max_hz: Fact[int]
    # For `repro doctor`: a governor means what its driver makes of it.
    frequency_driver: Fact[str] = field(default_factory=lambda: unknown("not read"), metadata=UNLISTED)
    energy_preference: Fact[str] = field(default_factory=lambda: unknown("not read"), metadata=UNLISTED)


def cpuinfo_fields(text: str) -> dict[str, str]:
    """The first processor's block of /proc/cpuinfo."""
    block = text.split("\n\n", 1)[0]
    pairs = (line.partition(":") for line in block.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs if name.strip()}


def cache_bytes(text: str) -> int | None:
    """`32768K` in bytes."""
    units = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    scale = units.get(text.strip()[-1:].upper())
    number = whole(text.strip()[:-1] if scale else text)
    return None if number is None else number * (scale or 1)


def l3_total_bytes(tree: Tree) -> int | None:
    """All caches of level 3 together: a large processor has one for every few cores."""
    caches: dict[frozenset[int], int] = {}
    for name in tree.names("sys/devices/system/cpu/cpu[0-9]*/cache/index3/size"):
        folder = name.rpartition("/")[0]
        size = cache_bytes(tree.line(name).value or "")
        if size and tree.line(f"{folder}/level").value in (None, "3"):
            caches[cpu_list(tree.line(f"{folder}/shared_cpu_list").value or "")] = size
    return sum(caches.values()) or None


def max_hz(tree: Tree) -> Fact[int]:
    """The highest clock of any core. acpi-cpufreq leaves the boost out of its maximum, so that is no maximum."""
    drivers = {tree.line(name).value for name in tree.names(f"{_POLICIES}/scaling_driver")}
    if "acpi-cpufreq" in drivers:
        return unknown("acpi-cpufreq's maximum leaves out the boost")
    khz = [whole(tree.line(name).value or "") for name in tree.names(f"{_POLICIES}/cpuinfo_max_freq")]
    return maybe(max((n * 1000 for n in khz if n), default=None), "cpufreq shows no cpuinfo_max_freq")


def read_cpu(source: Source) -> Cpu:
    """The processor of this machine."""
    if source.linux:
        return _linux(source)
    if source.system == "Darwin":
        return _darwin(source)
    nothing = unknown(f"processors are read on Linux and macOS, not on {source.system or 'this system'}")
    return Cpu(
        model=nothing,
        vendor=nothing,
        family=nothing,
        model_number=nothing,
        stepping=nothing,
        microcode=nothing,
        architecture=known(source.machine or "unknown"),
        flags=nothing,
        topology=read_topology(source),
        l3_bytes=nothing,
        governor=nothing,
        boost=nothing,
        max_hz=nothing,
    )


def _linux(source: Source) -> Cpu:
    tree = source.tree
    text = tree.text("proc/cpuinfo").value or ""
    # A Raspberry Pi names its board below the last processor.
    fields = {**cpuinfo_fields(text.rstrip().rpartition("\n\n")[2]), **cpuinfo_fields(text)}

    def entry(*names: str) -> Fact[str]:
        value = next((fields[name] for name in names if fields.get(name)), None)
        return maybe(" ".join(value.split()) if value else None, f"/proc/cpuinfo has no {names[0]}")

    def number(*names: str) -> Fact[int]:
        return entry(*names).then(
            lambda text: whole(text, 16 if text.startswith("0x") else 10), f"{names[0]} is not a number"
        )

    present = FLAGS & set((fields.get("flags") or fields.get("Features") or "").split())
    boost = tree.line("sys/devices/system/cpu/cpufreq/boost").then(lambda t: {"1": True, "0": False}.get(t), "boost")
    turbo = tree.line("sys/devices/system/cpu/intel_pstate/no_turbo").then(
        lambda t: {"0": True, "1": False}.get(t), "no_turbo"
    )
    return Cpu(
        model=_name(tree, text, entry("model name", "Model", "Hardware"), entry("vendor_id"), number),
        vendor=entry("vendor_id", "CPU implementer"),
        family=number("cpu family", "CPU architecture"),
        model_number=number("model", "CPU part"),
        stepping=number("stepping", "CPU revision"),
        microcode=entry("microcode"),
        architecture=known(source.machine or "unknown"),
        flags=maybe(tuple(sorted(present)) or None, "/proc/cpuinfo lists none of the flags that matter"),
        topology=read_topology(source),
        l3_bytes=maybe(l3_total_bytes(tree), "no cache of level 3 is listed"),
        governor=_of_policies(tree, "scaling_governor"),
        boost=boost if boost.known else turbo,
        max_hz=max_hz(tree),
        frequency_driver=_of_policies(tree, "scaling_driver"),
        energy_preference=_of_policies(tree, "energy_performance_preference"),
    )


def _of_policies(tree: Tree, name: str) -> Fact[str]:
    """A setting of all CPUs' clocks; where they differ, each that occurs."""
    first = tree.line(f"{_POLICY}/{name}")
    values = {value for file in tree.names(f"{_POLICIES}/{name}") if (value := tree.line(file).value) is not None}
    return known(", ".join(sorted(values))) if values else first


def _name(tree: Tree, cpuinfo: str, brand: Fact[str], vendor: Fact[str], number: Callable[..., Fact[int]]) -> Fact[str]:
    """The brand, unless it names nothing; else what the architecture says in its own way."""
    if brand.value is not None and processors.says_something(brand.value):
        return brand
    implementers, parts = (_numbers(cpuinfo, name) for name in ("CPU implementer", "CPU part"))
    arm = None
    if len(implementers) == 1:
        maker = tree.line("sys/class/dmi/id/sys_vendor", "the maker in DMI").value or ""
        chip = tree.line("sys/devices/soc0/soc_id", "the chip's id").value or ""
        if processors.GRACE in parts and _has_nvidia(tree):
            maker = ""
        arm = processors.arm_name(next(iter(implementers)), parts, processors.seller_of(maker, chip))
    x86 = None
    if vendor.value is not None:
        x86 = processors.x86_name(vendor.value, number("cpu family").value, number("model").value)
    found = arm or processors.listed_name(cpuinfo) or x86
    return first_known(
        maybe(found, "/proc/cpuinfo names no processor"), unknown(brand.reason or f"{brand.value!r} names none")
    )


def _has_nvidia(tree: Tree) -> bool:
    vendors = tree.names("sys/bus/pci/devices/*/vendor")
    return tree.exists("proc/driver/nvidia") or any(tree.line(name).value == "0x10de" for name in vendors)


def _numbers(cpuinfo: str, name: str) -> frozenset[int]:
    """All values of a field in /proc/cpuinfo: a chip of unlike cores has several."""
    lines = (line.partition(":") for line in cpuinfo.splitlines())
    found = (whole(value, 16) for key, _, value in lines if key.strip() == name)
    return frozenset(value for value in found if value is not None)


def _darwin(source: Source) -> Cpu:
    def number(name: str) -> Fact[int]:
        return source.setting(name).then(whole, f"sysctl {name} is not a number")

    words = f"{source.sysctl.get('machdep.cpu.features', '')} {source.sysctl.get('machdep.cpu.leaf7_features', '')}"
    present = {word.lower().replace("avx1.0", "avx") for word in words.split()} & FLAGS
    arm = {"hw.optional.neon": "neon", "hw.optional.arm.FEAT_DotProd": "asimddp", "hw.optional.arm.FEAT_I8MM": "i8mm"}
    present |= {flag for name, flag in arm.items() if source.sysctl.get(name) == "1"}
    return Cpu(
        model=source.setting("machdep.cpu.brand_string"),
        vendor=source.setting("machdep.cpu.vendor") if source.machine != "arm64" else known("Apple"),
        family=number("machdep.cpu.family"),
        model_number=number("machdep.cpu.model"),
        stepping=number("machdep.cpu.stepping"),
        microcode=unknown("macOS does not show the microcode"),
        architecture=known(source.machine),
        flags=maybe(tuple(sorted(present)) or None, "sysctl lists none of the features that matter"),
        topology=read_topology(source),
        l3_bytes=number("hw.l3cachesize"),
        governor=unknown("macOS has no governor"),
        boost=unknown("macOS does not tell"),
        max_hz=number("hw.cpufrequency_max"),
    )
