"""Which cores there are and which of them this process may use. Never counts a hyper-thread as a core."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from harness.capture import cgroup
from harness.capture.facts import UNLISTED, Fact, first_known, known, maybe, unknown, whole
from harness.capture.source import Source, Tree

_MOST_CPUS = 1 << 16
ONE_KIND = "the kernel does not tell kinds of cores apart"
# Cores of one kind differ by their binning: favoured cores clock up to a tenth higher, kinds are further apart than this.
_APART = 1.25


@dataclass(frozen=True, slots=True)
class Topology:
    """Counts of cores. A quota or an affinity mask limits the process, not the machine: both are told apart."""

    logical_cores: Fact[int]
    physical_cores: Fact[int]
    performance_cores: Fact[int]  # where the machine has cores of two kinds
    smt: Fact[bool]
    allowed_logical_cores: Fact[int]  # affinity ∩ cpuset
    allowed_physical_cores: Fact[int]
    quota_millicores: Fact[int]  # unknown with `cgroup.NO_LIMIT` where there is none
    numa_nodes: Fact[int]
    # Of the allowed cores those of the fast kind; unknown where all are of one kind or nothing tells them apart.
    allowed_fast_cores: Fact[int] = field(default_factory=lambda: unknown(ONE_KIND), metadata=UNLISTED)


def cpu_list(text: str) -> frozenset[int]:
    """The kernel's list format, "0-3,8,10-11"; what cannot be understood is left out."""
    found: set[int] = set()
    for part in text.strip().split(","):
        low, _, high = part.partition("-")
        first, last = whole(low), whole(high or low)
        if first is not None and last is not None and 0 <= first <= last < _MOST_CPUS:
            found.update(range(first, last + 1))
    return frozenset(found)


def cores_of_cpuinfo(text: str) -> frozenset[frozenset[int]]:
    """Logical CPUs grouped by core, from `physical id` and `core id`; empty where cpuinfo has none."""
    groups: dict[tuple[str, str], set[int]] = {}
    for block in text.split("\n\n"):
        pairs = {k.strip(): v.strip() for k, _, v in (line.partition(":") for line in block.splitlines())}
        number = whole(pairs.get("processor", ""))
        if number is not None and "core id" in pairs:
            groups.setdefault((pairs.get("physical id", "0"), pairs["core id"]), set()).add(number)
    return frozenset(frozenset(group) for group in groups.values())


def core_groups(tree: Tree, online: frozenset[int]) -> Fact[frozenset[frozenset[int]]]:
    """The online logical CPUs, grouped by the core that they share."""
    groups: set[frozenset[int]] = set()
    for cpu in online:
        folder = f"sys/devices/system/cpu/cpu{cpu}/topology"
        siblings = first_known(tree.line(f"{folder}/core_cpus_list"), tree.line(f"{folder}/thread_siblings_list"))
        groups.add(cpu_list(siblings.value or "") & online)
    if groups and frozenset() not in groups:
        return known(frozenset(groups))
    listed = cores_of_cpuinfo(tree.text("proc/cpuinfo").value or "")
    return known(listed) if listed else unknown("neither /sys nor /proc/cpuinfo says which CPUs share a core")


def online_cpus(tree: Tree) -> frozenset[int]:
    """The logical CPUs that the kernel schedules on."""
    listed = cpu_list(tree.text("sys/devices/system/cpu/online").value or "")
    if listed:
        return listed
    lines = (tree.text("proc/cpuinfo").value or "").splitlines()
    numbers = (whole(line.partition(":")[2]) for line in lines if line.startswith("processor"))
    return frozenset(n for n in numbers if n is not None)


def allowed_cpus(source: Source) -> frozenset[int]:
    """The logical CPUs that this process may run on: affinity ∩ cpuset ∩ online. Empty where nothing of it can be read."""
    online = online_cpus(source.tree)
    cpuset = cpu_list(cgroup.cpuset(source.tree).value or "")
    masks = [mask for mask in (source.affinity.value, cpuset or None, online or None) if mask is not None]
    return frozenset.intersection(*masks) if masks else frozenset()


def fast_cpus(tree: Tree, cpus: frozenset[int]) -> frozenset[int]:
    """Those of `cpus` that are of the fast kind; all of them where they are of one kind, or nothing tells them apart.

    Intel's kernel driver names the kinds. Else the scheduler's capacities tell (ARM, and what has them), else the highest clocks:
    neither by small differences. CPPC's figures are not asked: AMD ranks equal cores by them.
    """
    named = cpu_list(tree.text("sys/devices/cpu_core/cpus").value or "")
    if named:
        return named & cpus or cpus
    for file in ("cpu_capacity", "cpufreq/cpuinfo_max_freq"):
        found = {cpu: whole(tree.line(f"sys/devices/system/cpu/cpu{cpu}/{file}").value or "") for cpu in cpus}
        known_all = {cpu: value for cpu, value in found.items() if value is not None and value > 0}
        if cpus and len(known_all) == len(cpus):
            fast = _fast_kind(known_all)
            if fast != cpus:
                return fast
    return cpus


def _fast_kind(speed: Mapping[int, int]) -> frozenset[int]:
    """The CPUs above the widest gap between neighbouring speeds; all where no gap is wide."""
    levels = sorted(set(speed.values()), reverse=True)
    gaps = [(upper / lower, lower) for upper, lower in pairwise(levels)]
    widest, below = max(gaps, default=(1.0, 0))
    return frozenset(cpu for cpu, value in speed.items() if widest < _APART or value > below)


def _linux(source: Source) -> Topology:
    tree = source.tree
    online = online_cpus(tree)
    none = "the kernel lists no CPU"
    logical = maybe(len(online) or None, none)
    groups = core_groups(tree, online) if online else unknown(none)
    physical = groups.then(len, none)

    allowed = allowed_cpus(source)
    allowed_fact = maybe(len(allowed) or None, "no affinity mask, cpuset or list of CPUs can be read")

    active = tree.line("sys/devices/system/cpu/smt/active").then(lambda t: {"1": True, "0": False}.get(t), "smt/active")
    derived = groups.then(lambda g: any(len(core) > 1 for core in g), none)
    fast, allowed_fast = fast_cpus(tree, online), fast_cpus(tree, allowed)
    kinds = groups.then(lambda g: sum(1 for core in g if core & fast) if fast != online else None, ONE_KIND)
    # Where nothing says which CPUs share a core, each of the fast kind passes for one.
    fast_cores = len(allowed_fast) if groups.value is None else sum(1 for core in groups.value if core & allowed_fast)
    allowed_kinds = maybe(fast_cores if allowed_fast != allowed else None, ONE_KIND)
    return Topology(
        logical_cores=logical,
        physical_cores=physical,
        performance_cores=kinds,
        smt=first_known(derived, active),
        allowed_logical_cores=allowed_fact,
        allowed_physical_cores=groups.then(
            lambda g: sum(1 for core in g if core & allowed) or None, allowed_fact.reason or none
        ),
        quota_millicores=cgroup.cpu_quota_millicores(tree),
        numa_nodes=tree.line("sys/devices/system/node/online").then(
            lambda t: len(cpu_list(t)) or None, "no node is listed"
        ),
        allowed_fast_cores=allowed_kinds,
    )


def _darwin(source: Source) -> Topology:
    def count(name: str) -> Fact[int]:
        return source.setting(name).then(whole, f"sysctl {name} is not a number")

    logical, physical = count("hw.logicalcpu"), count("hw.physicalcpu")
    fast = count("hw.perflevel0.physicalcpu") if "hw.perflevel1.physicalcpu" in source.sysctl else None
    return Topology(
        logical_cores=logical,
        physical_cores=physical,
        performance_cores=unknown("the cores are of one kind") if fast is None else fast,
        smt=logical.then(
            lambda n: None if physical.value is None else n > physical.value, physical.reason or "no count"
        ),
        allowed_logical_cores=logical,
        allowed_physical_cores=physical if fast is None else fast,
        quota_millicores=unknown(cgroup.NO_LIMIT),
        numa_nodes=known(1),
        allowed_fast_cores=unknown("the cores are of one kind") if fast is None else fast,
    )


def read_topology(source: Source) -> Topology:
    """The cores of this machine."""
    if source.linux:
        return _linux(source)
    if source.system == "Darwin":
        return _darwin(source)
    nothing = unknown(f"cores are read on Linux and macOS, not on {source.system or 'this system'}")
    return Topology(nothing, nothing, nothing, nothing, nothing, nothing, nothing, nothing)


def usable_cores(topology: Topology) -> Fact[int]:
    """How many threads a runtime should use by default: never os.cpu_count(), which counts what is not ours.

    Physical cores that the process may run on, of the fast kind where there are two, and no more than its quota pays for. A
    hyper-thread adds no arithmetic and no bandwidth; a slow core, or a thread without quota, stops all the others at the next
    barrier.
    """
    return _within_quota(
        first_known(topology.allowed_fast_cores, topology.allowed_physical_cores, topology.allowed_logical_cores),
        topology,
    )


def most_cores(topology: Topology) -> Fact[int]:
    """Physical cores of every kind that the process may run on, within its quota: what bounds a run that uses more threads."""
    return _within_quota(first_known(topology.allowed_physical_cores, topology.allowed_logical_cores), topology)


def _within_quota(cores: Fact[int], topology: Topology) -> Fact[int]:
    if cores.value is None:
        return cores
    limits = [cores.value]
    if topology.quota_millicores.value is not None:
        limits.append(-(-topology.quota_millicores.value // 1000))
    return known(max(1, min(limits)))
