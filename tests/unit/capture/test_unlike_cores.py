"""Default threads where cores differ: the fast ones, one thread each, within affinity and quota."""

import pytest

from harness.capture import snapshot
from harness.capture.facts import known
from harness.capture.source import Source, Tree
from harness.capture.topology import most_cores, read_topology, usable_cores
from runtimes.support.cpu_choice import cpus_for

CPU = "sys/devices/system/cpu"


def machine(root, cores, files=None, affinity=None, arch="x86_64"):
    """`cores` are the kernel's lists of the threads of each core."""
    wanted = dict(files or {})
    cpus = [n for core in cores for n in core]
    wanted[f"{CPU}/online"] = ",".join(map(str, sorted(cpus)))
    for core in cores:
        for n in core:
            wanted[f"{CPU}/cpu{n}/topology/core_cpus_list"] = ",".join(map(str, core))
            wanted[f"{CPU}/cpu{n}/topology/thread_siblings_list"] = ",".join(map(str, core))
    for name, text in wanted.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{text}\n")
    return Source("Linux", arch, Tree(root), {}, known(frozenset(cpus if affinity is None else affinity)))


# A Core i9: eight performance cores of two threads each, sixteen efficiency cores.
HYBRID = [(2 * n, 2 * n + 1) for n in range(8)] + [(n,) for n in range(16, 32)]
NAMED = {"sys/devices/cpu_core/cpus": "0-15", "sys/devices/cpu_atom/cpus": "16-31"}


def threads(source):
    return usable_cores(read_topology(source)).value


def test_eight_fast_cores_with_two_threads_and_sixteen_slow_ones_are_eight_threads(tmp_path):
    source = machine(tmp_path, HYBRID, NAMED)
    topology = read_topology(source)
    assert (threads(source), topology.performance_cores.value, topology.physical_cores.value) == (8, 8, 24)
    assert most_cores(topology).value == 24


@pytest.mark.parametrize(
    ("affinity", "expected"),
    [(range(8), 4), (range(4, 24), 6), (range(16, 24), 8), ({0, 1}, 1), ({1, 17, 18}, 1)],
    ids=["some fast", "mixed", "slow only", "one core's threads", "one fast, two slow"],
)
def test_only_the_cores_of_the_affinity_are_judged(tmp_path, affinity, expected):
    assert threads(machine(tmp_path, HYBRID, NAMED, affinity)) == expected


def test_fast_cpus_are_told_where_nothing_says_which_share_a_core(tmp_path):
    source = machine(tmp_path, HYBRID, NAMED)
    for file in (tmp_path / CPU).glob("cpu*/topology/*"):
        file.unlink()
    assert threads(source) == 16


def test_a_quota_holds_beside_the_kinds(tmp_path):
    files = NAMED | {"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "250000 100000"}
    assert threads(machine(tmp_path, HYBRID, files)) == 3


def speeds(file, *groups):
    numbers = [speed for speed, count in groups for _ in range(count)]
    return [(n,) for n in range(len(numbers))], {f"{CPU}/cpu{n}/{file}": speed for n, speed in enumerate(numbers)}


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([(414, 4), (1024, 4)], 4),  # RK3588
        ([(485, 4), (1024, 2)], 2),  # RK3399
        ([(290, 4), (768, 3), (1024, 1)], 4),  # a telephone: one prime core alone would be slower than four
        ([(1024, 8)], 8),
        ([(1010, 4), (1024, 4)], 8),  # binning, not kinds
    ],
)
def test_the_schedulers_capacities_tell_kinds_of_arm_cores_apart(tmp_path, groups, expected):
    assert threads(machine(tmp_path, *speeds("cpu_capacity", *groups), arch="aarch64")) == expected


@pytest.mark.parametrize(
    ("groups", "expected"),
    [
        ([(5_157_000, 4), (3_300_000, 8)], 4),  # Zen 5 and Zen 5c
        ([(5_800_000, 2), (5_500_000, 6)], 8),  # favoured cores of one kind
        ([(5_250_000, 8), (5_700_000, 8)], 16),  # one die with a large cache, one without
    ],
)
def test_clocks_tell_kinds_apart_where_nothing_else_does_and_only_by_a_wide_gap(tmp_path, groups, expected):
    assert threads(machine(tmp_path, *speeds("cpufreq/cpuinfo_max_freq", *groups))) == expected


def test_a_clock_that_is_not_told_for_every_core_tells_nothing(tmp_path):
    cores, files = speeds("cpufreq/cpuinfo_max_freq", (5_157_000, 4), (3_300_000, 8))
    del files[f"{CPU}/cpu0/cpufreq/cpuinfo_max_freq"]
    assert threads(machine(tmp_path, cores, files)) == 12


def test_ranks_of_equal_cores_are_not_taken_for_kinds(tmp_path):
    assert threads(machine(tmp_path, *speeds("acpi_cppc/highest_perf", (236, 4), (166, 12)))) == 16


def test_a_run_with_more_threads_is_bounded_by_all_cores(tmp_path):
    environment = snapshot.capture(machine(tmp_path, HYBRID, NAMED))
    assert snapshot.cores_for(8, environment) == 8
    assert snapshot.cores_for(None, environment) == 8
    assert snapshot.cores_for(32, environment) == 24


def test_threads_are_bound_to_one_cpu_of_each_core_the_fast_ones_first(tmp_path):
    machine(tmp_path, HYBRID, NAMED)
    root = tmp_path / "sys/devices"
    assert cpus_for(8, range(32), root) == [0, 2, 4, 6, 8, 10, 12, 14]
    assert cpus_for(10, range(32), root) == [0, 2, 4, 6, 8, 10, 12, 14, 16, 17]
    assert len(cpus_for(32, range(32), root)) == 32
    assert cpus_for(2, {1, 2, 3}, root) == [1, 2]


def test_cores_without_any_topology_are_taken_in_order(tmp_path):
    assert cpus_for(2, {4, 5, 6}, tmp_path) == [4, 5]
