"""Defects found on commit 8aba286, with controls beside them. The test on git says something in a checkout only."""

import subprocess
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture import bandwidth, load, privacy
from harness.capture.cpu import read_cpu
from harness.capture.facts import known, to_plain
from harness.capture.host import read_host
from harness.capture.load import read_load
from harness.capture.software import read_software
from harness.capture.source import Source, Tree, parse_sysctl
from harness.capture.topology import read_topology, usable_cores

CPU = "sys/devices/system/cpu"


def machine(root: Path, files: dict[str, str], arch: str = "x86_64") -> Source:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return Source("Linux", arch, Tree(root), {}, known(frozenset(range(8))))


def test_a_server_up_for_a_month_can_still_write_its_record(monkeypatch: pytest.MonkeyPatch) -> None:
    times = psutil.cpu_times()._replace(idle=64 * 30 * 86400.0)
    monkeypatch.setattr(psutil, "cpu_times", lambda: times)
    assert isinstance(to_plain(read_load()), dict)


@given(st.from_regex(r"(some |pswpin )(total=)?[²٣0-9]{1,5}"))
def test_no_counter_raises_on_odd_digits(text: str) -> None:
    load.pressure_us(text)
    load.counter(text, "pswpin")


def test_an_apple_chip_is_read_and_offers_its_performance_cores() -> None:
    settings = parse_sysctl(
        "hw.physicalcpu: 8\nhw.logicalcpu: 8\nhw.perflevel0.physicalcpu: 4\nhw.perflevel1.physicalcpu: 4\n"
    )
    assert usable_cores(read_topology(Source("Darwin", "arm64", Tree(), settings))).value == 4


@pytest.mark.parametrize(
    ("maker", "product", "kind"),
    [
        ("Microsoft Corporation", "Surface Laptop 5", "none"),
        ("Microsoft Corporation", "Virtual Machine", "hyper-v"),
        ("Google", "Kohaku", "none"),
        ("Google", "Google Compute Engine", "kvm"),
        ("Amazon EC2", "m5.xlarge", "kvm"),
        ("Amazon EC2", "m5.metal", "none"),
        ("innotek GmbH", "VirtualBox", "virtualbox"),
        ("OpenStack Foundation", "OpenStack Nova", "kvm"),
    ],
)
def test_a_maker_of_laptops_is_no_hypervisor(tmp_path: Path, maker: str, product: str, kind: str) -> None:
    dmi = {"sys/class/dmi/id/sys_vendor": maker, "sys/class/dmi/id/product_name": product}
    assert read_host(machine(tmp_path, {**dmi, "proc/cpuinfo": "flags: avx2\n"})).virtualisation.value == kind


@pytest.mark.parametrize(
    ("release", "kind"),
    [
        ("5.15.167.4-microsoft-standard-WSL2", "wsl2"),
        ("6.6.87.2-Microsoft-standard-WSL2+", "wsl2"),
        ("4.4.0-19041-Microsoft", "wsl1"),
        ("6.8.0-1021-azure", "a hypervisor that does not say which"),
        ("6.12.0-generic", "a hypervisor that does not say which"),
    ],
)
def test_the_linux_of_windows_is_named(tmp_path: Path, release: str, kind: str) -> None:
    files = {"proc/sys/kernel/osrelease": f"{release}\n", "proc/cpuinfo": "flags: avx2 hypervisor\n"}
    host = read_host(machine(tmp_path, files))
    assert host.virtualisation.value == kind


def test_an_arm_machine_without_dmi_is_not_claimed_to_be_bare_metal(tmp_path: Path) -> None:
    assert not read_host(machine(tmp_path, {"proc/cpuinfo": "Features: asimd\n"}, "aarch64")).virtualisation.known


def test_a_battery_that_cannot_tell_mains_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=None))
    assert not read_host(machine(tmp_path, {})).on_battery.known


def test_all_caches_of_level_three_count(tmp_path: Path) -> None:
    files = {}
    for n in range(16):
        files[f"{CPU}/cpu{n}/cache/index3/level"] = "3"
        files[f"{CPU}/cpu{n}/cache/index3/size"] = "32768K"
        files[f"{CPU}/cpu{n}/cache/index3/shared_cpu_list"] = f"{n // 8 * 8}-{n // 8 * 8 + 7}"
    assert read_cpu(machine(tmp_path, files)).l3_bytes.value == 64 << 20


def test_the_highest_clock_is_that_of_the_fastest_core(tmp_path: Path) -> None:
    clocks = {0: "1800000", 4: "2400000"}
    files = {f"{CPU}/cpu{n}/cpufreq/cpuinfo_max_freq": khz for n, khz in clocks.items()}
    assert read_cpu(machine(tmp_path, files)).max_hz.value == 2_400_000_000


def test_a_driver_that_hides_the_boost_gives_no_maximum(tmp_path: Path) -> None:
    folder = f"{CPU}/cpu0/cpufreq"
    files = {f"{folder}/scaling_driver": "acpi-cpufreq\n", f"{folder}/cpuinfo_max_freq": "2250000"}
    assert "boost" in read_cpu(machine(tmp_path, files)).max_hz.reason


def test_a_raspberry_pi_has_a_name(tmp_path: Path) -> None:
    text = "processor\t: 0\nCPU part\t: 0xd0b\n\nSerial\t: deadbeef\nModel\t: Raspberry Pi 5 Model B Rev 1.0\n"
    cpu = read_cpu(machine(tmp_path, {"proc/cpuinfo": text}, "aarch64"))
    assert cpu.model.value == "Raspberry Pi 5 Model B Rev 1.0"
    assert "deadbeef" not in str(to_plain(cpu))


def test_the_arrays_lie_beyond_a_servers_caches_and_within_a_containers_limit() -> None:
    assert 3 * 96 * bandwidth.array_bytes(96, 1152 << 20, 1 << 40) >= 4 * (1152 << 20) - 3 * 96 * 8
    assert 3 * 2 * bandwidth.array_bytes(2, 32 << 20, 512 << 20) <= 64 << 20


def test_the_short_form_of_the_host_name_is_found_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gethostname", "getfqdn"):
        monkeypatch.setattr(f"socket.{name}", lambda: "zanzibar.lan")
    assert privacy.leaks({"x": "on zanzibar today"}, privacy.own_identifiers()) == ["x"]


def test_git_of_a_surrounding_hook_does_not_answer_for_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = ["git", "-C", str(tmp_path), "-c", "user.name=x", "-c", "user.email=x@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    stranger = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    monkeypatch.setenv("GIT_DIR", str(tmp_path / ".git"))
    assert read_software().commit.value != stranger
