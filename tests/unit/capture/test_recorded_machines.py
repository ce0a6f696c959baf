"""Whole machines, recorded as /proc and /sys trees."""

from pathlib import Path

import pytest

from harness.capture import cgroup
from harness.capture.cpu import read_cpu
from harness.capture.facts import known, to_plain
from harness.capture.source import Source, Tree, parse_sysctl
from harness.capture.topology import read_topology, usable_cores

LAPTOP = {
    "proc/cpuinfo": "".join(
        f"processor\t: {n}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\n"
        "model name\t: Intel(R) Core(TM) i7-8565U CPU @ 1.80GHz\nstepping\t: 12\nmicrocode\t: 0xf4\n"
        f"physical id\t: 0\ncore id\t\t: {n % 4}\nflags\t\t: fpu sse4_2 fma avx f16c avx2 rdseed\n\n"
        for n in range(8)
    ),
    "proc/self/cgroup": "0::/user.slice/user-1000.slice/session-3.scope\n",
    "sys/devices/system/cpu/online": "0-7\n",
    "sys/devices/system/cpu/intel_pstate/no_turbo": "0\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "4600000\n",
    "sys/devices/system/node/online": "0\n",
    **{f"sys/devices/system/cpu/cpu{n}/topology/core_cpus_list": f"{n % 4},{n % 4 + 4}\n" for n in range(8)},
}
EPYC_VM = {
    "proc/cpuinfo": "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nmodel name\t: AMD EPYC\n"
    "physical id\t: 0\ncore id\t\t: 0\nflags\t\t: avx2 avx512f avx512_vnni hypervisor\n\n"
    "processor\t: 1\nphysical id\t: 0\ncore id\t\t: 1\nflags\t\t: avx2\n",
    "proc/self/cgroup": "1:cpu:/\n3:cpuset:/\n0::/\n",
    "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "sys/devices/system/cpu/online": "0-1\n",
}
CONTAINER = {
    **LAPTOP,
    # Without a namespace of its own the path is the host's and is not there: the top is the container's group.
    "proc/self/cgroup": "0::/docker/8283e72dcd50\n",
    "sys/fs/cgroup/cpu.max": "250000 100000\n",
    "sys/fs/cgroup/memory.max": "4294967296\n",
    "sys/fs/cgroup/cpuset.cpus.effective": "0-2,4-6\n",
    "sys/fs/cgroup/cpu.stat": "usage_usec 5\nnr_periods 9\nnr_throttled 3\nthrottled_usec 1200\n",
}
PI = {
    "proc/cpuinfo": "".join(
        f"processor\t: {n}\nFeatures\t: fp asimd asimddp crc32\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n"
        for n in range(4)
    )
    + "Serial\t\t: 10000000deadbeef\nModel\t\t: Raspberry Pi 5 Model B Rev 1.0\n",
    "sys/devices/system/cpu/online": "0-3\n",
    **{f"sys/devices/system/cpu/cpu{n}/topology/core_cpus_list": f"{n}\n" for n in range(4)},
}
MAC = (
    "hw.memsize: 17179869184\nhw.physicalcpu: 8\nhw.logicalcpu: 8\nhw.perflevel0.physicalcpu: 4\n"
    "hw.perflevel1.physicalcpu: 4\nmachdep.cpu.brand_string: Apple M1\nhw.optional.neon: 1\n"
    "hw.optional.arm.FEAT_DotProd: 1\nkern.hostname: zanzibar.local\nkern.uuid: 0000-1111\n"
)


def machine(root: Path, files: dict[str, str], affinity: range, arch: str = "x86_64") -> Source:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Source("Linux", arch, Tree(root), {}, known(frozenset(affinity)))


def test_a_laptop_with_smt_offers_its_four_cores_not_its_eight_threads(tmp_path: Path) -> None:
    cpu = read_cpu(machine(tmp_path, LAPTOP, range(8)))
    topology = cpu.topology
    assert (topology.logical_cores.value, topology.physical_cores.value, topology.smt.value) == (8, 4, True)
    assert usable_cores(topology).value == 4
    assert topology.quota_millicores.value is None
    assert (cpu.vendor.value, cpu.family.value, cpu.model_number.value) == ("GenuineIntel", 6, 142)
    assert (cpu.governor.value, cpu.boost.value, cpu.max_hz.value) == ("powersave", True, 4_600_000_000)
    assert {"avx2", "f16c", "fma"} <= set(cpu.flags.value or ())
    assert "rdseed" not in (cpu.flags.value or ())


def test_affinity_to_two_threads_of_one_core_leaves_one_core(tmp_path: Path) -> None:
    source = machine(tmp_path, LAPTOP, range(0, 5, 4))
    assert usable_cores(read_topology(source)).value == 1


def test_a_virtual_machine_without_topology_files_is_counted_from_cpuinfo(tmp_path: Path) -> None:
    source = machine(tmp_path, EPYC_VM, range(2))
    topology = read_topology(source)
    assert (topology.physical_cores.value, topology.smt.value, usable_cores(topology).value) == (2, False, 2)
    assert topology.quota_millicores.reason == cgroup.NO_LIMIT
    assert cgroup.memory_limit_bytes(source.tree).reason == cgroup.NO_LIMIT
    assert not read_cpu(source).governor.known


def test_a_container_is_held_to_its_quota_rounded_up_and_to_its_cpuset(tmp_path: Path) -> None:
    source = machine(tmp_path, CONTAINER, range(8))
    topology = read_topology(source)
    assert topology.quota_millicores.value == 2500
    assert (topology.allowed_logical_cores.value, topology.allowed_physical_cores.value) == (6, 3)
    assert usable_cores(topology).value == 3
    assert cgroup.memory_limit_bytes(source.tree).value == 4 << 30


def test_the_name_of_a_control_group_is_in_no_fact(tmp_path: Path) -> None:
    for number, files in enumerate((LAPTOP, CONTAINER)):
        source = machine(tmp_path / str(number), files, range(8))
        text = str(to_plain(read_cpu(source))) + str(to_plain(cgroup.cpuset(source.tree)))
        assert "user-1000" not in text
        assert "8283e72dcd50" not in text
        assert str(tmp_path) not in text


def test_the_tightest_quota_of_all_groups_above_holds(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "0::/a/b\n",
        "sys/fs/cgroup/a/b/cpu.max": "max 100000\n",
        "sys/fs/cgroup/a/cpu.max": "50000 100000\n",
        "sys/fs/cgroup/cpu.max": "400000 100000\n",
    }
    assert cgroup.cpu_quota_millicores(machine(tmp_path, files, range(4)).tree).value == 500


def test_a_raspberry_pi_has_four_cores_and_its_serial_stays_out(tmp_path: Path) -> None:
    cpu = read_cpu(machine(tmp_path, PI, range(4), "aarch64"))
    assert (cpu.topology.physical_cores.value, cpu.topology.smt.value) == (4, False)
    assert {"asimd", "asimddp"} <= set(cpu.flags.value or ())
    assert "deadbeef" not in str(to_plain(cpu))


def test_a_mac_offers_its_performance_cores_and_its_host_name_is_not_parsed() -> None:
    settings = parse_sysctl(MAC)
    assert not any("zanzibar" in value or "1111" in value for value in settings.values())
    cpu = read_cpu(Source("Darwin", "arm64", Tree(Path("/nowhere")), settings))
    assert (cpu.model.value, cpu.vendor.value) == ("Apple M1", "Apple")
    assert (cpu.topology.performance_cores.value, cpu.topology.physical_cores.value) == (4, 8)


@pytest.mark.parametrize("system", ["FreeBSD", "Windows", ""])
def test_another_system_is_unknown_with_a_reason(system: str) -> None:
    cpu = read_cpu(Source(system, "x86_64"))
    assert not cpu.model.known
    assert cpu.model.reason
    assert not usable_cores(cpu.topology).known
