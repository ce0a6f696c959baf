"""Other load is a share of what the run may use: its cores, or the quota that it shares."""

from dataclasses import replace

import pytest

from harness.capture.facts import known, to_plain
from harness.capture.load import between, read_load
from harness.capture.source import Source, Tree

TICKS = 6_000  # a minute at 100 ticks a second


@pytest.fixture(autouse=True)
def ticks_of_a_hundredth(monkeypatch):
    monkeypatch.setattr("os.sysconf", lambda name: 100)


def stat(busy, steal=None, cores=64, iowait=None):
    """After a minute: ticks that each core was busy; the others were idle."""
    lines = []
    for n in range(cores):
        used, taken, wait = busy.get(n, 0), (steal or {}).get(n, 0), (iowait or {}).get(n, 0)
        lines.append(f"cpu{n} {used} 0 0 {TICKS - used - taken - wait} {wait} 0 0 {taken} 0 0")
    return "\n".join(["cpu  1 1 1 1 1 1 1 1 0 0", *lines, "intr 5", "ctxt 7"])


def spent(root, affinity, *, busy, own_s=0.0, seconds=60, **files):
    """What lies between a quiet start and a minute of this load, our own part being `own_s`."""
    steal = files.pop("steal", None)

    def reading(name, text, more):
        for path, content in {"proc/stat": text, "sys/devices/system/cpu/online": "0-63", **more}.items():
            (root / name / path).parent.mkdir(parents=True, exist_ok=True)
            (root / name / path).write_text(content)
        return read_load(Source("Linux", "x86_64", Tree(root / name), {}, known(frozenset(affinity))))

    zero = stat({}).replace(str(TICKS), "0")
    before = reading("before", zero, {path: texts[0] for path, texts in files.items()})
    after = reading("after", stat(busy, steal), {path: texts[1] for path, texts in files.items()})
    before = replace(before, own_ns=0, at_ns=0)
    return between(before, replace(after, own_ns=round(own_s * 1e9), at_ns=seconds * 10**9))


def test_load_on_the_cores_of_the_run_is_measured_by_these_cores(tmp_path):
    found = spent(tmp_path, {0, 1}, busy={0: TICKS, 1: TICKS}, own_s=30)
    assert found.others_ppm == 750_000  # 1.5 of two cores; of 64 it would be 2.3 %


def test_load_on_other_cores_is_no_load_of_the_run(tmp_path):
    found = spent(tmp_path, {0, 1}, busy={0: TICKS, 1: TICKS, **dict.fromkeys(range(8, 64), TICKS)}, own_s=120)
    assert found.others_ppm == 0


def test_a_run_on_all_cores_is_measured_by_all(tmp_path):
    found = spent(tmp_path, range(64), busy={0: TICKS, 1: TICKS // 2})
    assert found.others_ppm == 1_000_000 * 3 // 2 // 64


def test_time_stolen_from_other_cores_is_not_ours(tmp_path):
    assert spent(tmp_path / "a", {0, 1}, busy={}, steal={5: TICKS}).steal_ppm == 0
    assert spent(tmp_path / "b", {0, 1}, busy={}, steal={1: TICKS // 10}).steal_ppm == 50_000


GROUP = {"proc/self/cgroup": ("0::/", "0::/")}


def account(seconds):
    return "usage_usec 0\n", f"usage_usec {round(seconds * 1e6)}\nuser_usec 1\n"


def test_a_quota_that_others_use_up_is_load_though_the_machine_is_idle(tmp_path):
    quota = ("200000 100000", "200000 100000")
    files = {**GROUP, "sys/fs/cgroup/cpu.max": quota, "sys/fs/cgroup/cpu.stat": account(60 + 30)}
    found = spent(tmp_path, range(64), busy={0: TICKS, 1: TICKS // 2}, own_s=60, **files)
    assert found.others_ppm == 250_000  # half a core of two


def test_a_quota_of_the_first_version_has_its_account_elsewhere(tmp_path):
    files = {
        "proc/self/cgroup": ("4:cpu,cpuacct:/", "4:cpu,cpuacct:/"),
        "sys/fs/cgroup/cpu/cpu.cfs_quota_us": ("100000", "100000"),
        "sys/fs/cgroup/cpu/cpu.cfs_period_us": ("100000", "100000"),
        "sys/fs/cgroup/cpuacct/cpuacct.usage": ("0", str(45 * 10**9)),
    }
    assert spent(tmp_path, range(64), busy={0: TICKS}, own_s=30, **files).others_ppm == 250_000


def test_our_own_use_of_the_quota_is_not_others(tmp_path):
    quota = ("200000 100000", "200000 100000")
    files = {**GROUP, "sys/fs/cgroup/cpu.max": quota, "sys/fs/cgroup/cpu.stat": account(120)}
    assert spent(tmp_path, range(64), busy={0: TICKS, 1: TICKS}, own_s=120, **files).others_ppm == 0


def test_waiting_for_a_disk_is_idle_time(tmp_path):
    assert spent(tmp_path, {0}, busy={0: 0}).others_ppm == 0


@pytest.mark.parametrize("text", ["", "cpu 1 2\n", "cpu0 x y z\n", "cpu0 1 2 3 4\n\n", "cpu9999999999999999999 1\n"])
def test_a_system_that_counts_no_single_core_is_measured_as_a_whole(tmp_path, text):
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/stat").write_text(text)
    source = Source("Linux", "x86_64", Tree(tmp_path), {}, known(frozenset({0, 3})))
    found = read_load(source)
    assert found.busy_ns > 0
    assert isinstance(to_plain(found), dict)


def test_the_totals_stay_out_of_records():
    listed = to_plain(read_load())
    assert set(listed) == {
        "load1_milli", "cpu_pressure_us", "memory_pressure_us", "io_pressure_us", "swapped_in_pages", "steal_ticks",
        "thermal_throttles",
    }  # fmt: skip
