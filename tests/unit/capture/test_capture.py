"""Machines as recorded trees: what is there is read, what is not is unknown with a reason, nothing is guessed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture import cgroup, cpu, host, load, memory, privacy, snapshot
from harness.capture.bandwidth import measure
from harness.capture.facts import to_plain
from harness.capture.load import Load, between
from harness.capture.peaks import cpu_peak
from harness.capture.source import Source, Tree, known, parse_sysctl
from harness.capture.topology import cpu_list, read_topology, usable_cores
from harness.catalog.memory_tiers import tier_gib

LAPTOP_CPU = """processor\t: {n}
vendor_id\t: GenuineIntel
cpu family\t: 6
model\t\t: 140
model name\t: 11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz
stepping\t: 1
microcode\t: 0xb8
physical id\t: 0
core id\t\t: {core}
flags\t\t: fpu avx avx2 avx512f avx512_vnni fma f16c sse4_2

"""


def write(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Tree(root)


@pytest.fixture
def laptop(tmp_path):
    """Four cores with two threads each, powersave, on Fedora."""
    tree = write(
        tmp_path,
        {
            "proc/cpuinfo": "".join(LAPTOP_CPU.format(n=n, core=n % 4) for n in range(8)),
            "sys/devices/system/cpu/online": "0-7\n",
            "sys/devices/system/cpu/cpu0/cache/index3/size": "12288K\n",
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": "4700000\n",
            "sys/devices/system/cpu/intel_pstate/no_turbo": "0\n",
            "etc/os-release": 'NAME="Fedora Linux"\nVERSION_ID=41\n',
            "sys/class/dmi/id/sys_vendor": "LENOVO\n",
            "sys/devices/system/clocksource/clocksource0/current_clocksource": "tsc\n",
        },
    )
    return Source("Linux", "x86_64", tree, affinity=known(frozenset(range(8))))


@pytest.fixture
def raspberry(tmp_path):
    """Four ARM cores, no cpufreq, no /proc/pressure."""
    block = "processor\t: {n}\nFeatures\t: fp asimd asimddp crc32\nCPU implementer\t: 0x41\nCPU part\t: 0xd0b\n\n"
    tree = write(
        tmp_path,
        {
            "proc/cpuinfo": "".join(block.format(n=n) for n in range(4)) + "Model\t: Raspberry Pi 5 Model B\n",
            "sys/devices/system/cpu/online": "0-3",
            **{f"sys/devices/system/cpu/cpu{n}/topology/core_cpus_list": f"{n}\n" for n in range(4)},
        },
    )
    return Source("Linux", "aarch64", tree, affinity=known(frozenset(range(4))))


def test_a_laptop_is_read(laptop):
    seen = cpu.read_cpu(laptop)
    assert seen.model.value == "11th Gen Intel(R) Core(TM) i7-1165G7 @ 2.80GHz"
    assert (seen.family.value, seen.model_number.value, seen.l3_bytes.value) == (6, 140, 12288 << 10)
    assert (seen.governor.value, seen.boost.value, seen.max_hz.value) == ("powersave", True, 4_700_000_000)
    assert (seen.topology.physical_cores.value, seen.topology.logical_cores.value) == (4, 8)
    assert seen.topology.smt.value is True
    assert usable_cores(seen.topology).value == 4
    assert host.read_host(laptop).os.value == "Fedora Linux 41"
    assert host.read_host(laptop).virtualisation.value == "none"
    assert cpu_peak(seen, 4).operations_per_s == 4 * 4_700_000_000 * 256


def test_an_arm_board_is_read_and_what_it_lacks_has_a_reason(raspberry):
    seen = cpu.read_cpu(raspberry)
    assert seen.flags.value == ("asimd", "asimddp")
    assert usable_cores(seen.topology).value == 4
    assert seen.governor.value is None
    assert "scaling_governor does not exist" in seen.governor.reason
    assert cpu_peak(seen, 4).formula.endswith("the fastest on sale is assumed")


@pytest.mark.parametrize(
    ("files", "millicores"),
    [
        ({"sys/fs/cgroup/cpu.max": "150000 100000\n"}, 1500),
        ({"sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 500),
        ({"sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"}, 2000),
    ],
)
def test_a_quota_of_either_version_is_found(tmp_path, files, millicores):
    assert cgroup.cpu_quota_millicores(write(tmp_path, files)).value == millicores


def test_threads_follow_affinity_and_quota_never_the_count_of_processors(laptop, tmp_path):
    pinned = Source("Linux", "x86_64", laptop.tree, affinity=known(frozenset({0, 4, 1})))
    assert usable_cores(read_topology(pinned)).value == 2
    write(tmp_path, {"sys/fs/cgroup/cpu.max": "150000 100000\n"})
    assert usable_cores(read_topology(laptop)).value == 2


def test_a_mac_is_read_from_sysctl():
    text = """hw.memsize: 17179869184
hw.physicalcpu: 8
hw.logicalcpu: 8
hw.perflevel0.physicalcpu: 4
hw.perflevel1.physicalcpu: 4
machdep.cpu.brand_string: Apple M2
hw.optional.arm.FEAT_DotProd: 1
hw.optional.arm.FEAT_I8MM: 1
kern.osproductversion: 15.1
kern.hostname: secret.local
kern.hv_vmm_present: 0
"""
    settings = parse_sysctl(text)
    assert "kern.hostname" not in settings
    source = Source("Darwin", "arm64", Tree(), settings)
    seen = cpu.read_cpu(source)
    assert seen.model.value == "Apple M2"
    assert seen.flags.value == ("asimddp", "i8mm")
    assert seen.topology.performance_cores.value == usable_cores(seen.topology).value == 4
    assert host.read_host(source).os.value == "macOS 15.1"


def test_another_system_is_unknown_and_never_raises():
    seen = to_plain(cpu.read_cpu(Source("Plan9", "mips")))
    assert "Plan9" in seen["model"]["reason"]


@pytest.mark.parametrize(("total", "tier"), [(7.7 * 2**30, 8), (25_276_514_304, 24), (15.5 * 2**30, 16), (2**42, 4096)])
def test_memory_is_published_as_a_coarse_tier(total, tier):
    assert tier_gib(int(total)) == tier


@given(st.text())
def test_no_text_makes_a_parser_raise(text):
    for parse in (
        cpu.cpuinfo_fields, cpu.cache_bytes, memory.chosen, host.os_release, load.pressure_us, cpu_list,
        cgroup.quota_of, cgroup.own_groups, parse_sysctl, lambda t: load.counter(t, "pswpin"),
    ):  # fmt: skip
        parse(text)


def reading(busy, idle, own=0, swapped=0):
    return Load(*[known(0)] * 4, known(swapped), known(0), known(0), busy, idle, own)


def test_what_others_used_is_what_we_did_not():
    quiet = between(reading(0, 0), reading(8_000, 2_000, own=8_000))
    assert quiet.others_ppm == 0
    noisy = between(reading(0, 0), reading(8_000, 2_000, own=5_000, swapped=7))
    assert noisy.others_ppm == 300_000
    assert noisy.swapped_in_pages == 7


def test_this_machine_is_captured_without_floats_and_without_its_owner(monkeypatch):
    canaries = {name: f"canary-{name.lower()}-7f3a" for name in ("HOME", "USER", "LOGNAME", "HOSTNAME")}
    for name, value in canaries.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr("socket.gethostname", lambda: "canary-host-7f3a")
    text = json.dumps(snapshot.capture().to_json())
    assert "canary" not in text
    json.loads(text, parse_float=lambda digits: pytest.fail(f"a float: {digits}"))


def test_the_last_gate_finds_identifiers_wherever_they_stand(monkeypatch):
    monkeypatch.setenv("USER", "Canary-Person")
    names = privacy.own_identifiers()
    assert "canary-person" in names
    document = {"a": ["x", {"b": "run by canary-PERSON at noon"}], "canary-person": 1}
    assert privacy.leaks(document, names) == ["a[1].b", "canary-person"]
    assert privacy.leaks({"a": "root"}, names) == []


def test_bandwidth_is_measured_in_plausible_figures():
    found = measure(1)
    for value in (found.read_bytes_per_s, found.copy_bytes_per_s, found.triad_bytes_per_s):
        assert 10**8 < value < 10**13
    assert found.array_bytes >= 100 << 20


def test_a_name_that_is_a_word_of_ours_names_nobody():
    names = privacy.distinctive(
        {"bench", "llama", "10.0.0.7", "zanzibar", "bench-host"}, 'repro bench "llama.cpp" 10 0 7'
    )
    assert names == {"10.0.0.7", "zanzibar", "bench-host"}
