"""What `repro doctor` must not warn of, and what it must: by what was measured or by the driver's own words."""

from dataclasses import replace

import pytest

from harness.capture.cpu import read_cpu
from harness.capture.doctor import BALANCED, Observed, clock_cost_ns, examine
from harness.capture.facts import known, to_plain, unknown
from harness.capture.host import on_battery
from harness.capture.load import Between
from harness.capture.snapshot import capture
from harness.capture.source import Source, Tree


@pytest.fixture(scope="module")
def seen():
    return Observed(capture(), Between(0, 0, 0, 0), (), 100 << 30, (3, 11))


def check(seen, name, *, cost_ns=None, host=None, cpu=None):
    environment = replace(
        seen.environment,
        host=replace(seen.environment.host, **(host or {})),
        cpu=replace(seen.environment.cpu, **(cpu or {})),
    )
    found = examine(replace(seen, environment=environment, clock_cost_ns=cost_ns))
    return next(one for one in found if one.name == name)


CLOCKS = [
    "hyperv_clocksource_tsc_page",
    "kvm-clock",
    "arch_sys_counter",
    "xen",
    "tsc-early",
    "timebase",
    "riscv_clocksource",
    "stp",
]


@pytest.mark.parametrize("name", CLOCKS)
def test_a_clock_source_that_is_quick_to_read_is_no_trouble(seen, name):
    for cost in (None, 60):
        assert check(seen, "clock source", cost_ns=cost, host={"clock_source": known(name)}).level == "ok"


@pytest.mark.parametrize("name", ["hpet", "acpi_pm", "jiffies"])
def test_a_slow_clock_source_is_named_where_nothing_was_measured(seen, name):
    assert check(seen, "clock source", host={"clock_source": known(name)}).level == "warn"


@pytest.mark.parametrize(
    ("name", "cost", "level"), [("hpet", 90, "ok"), ("tsc", 3_000, "warn"), ("xen", 1_500, "warn")]
)
def test_what_was_measured_here_outweighs_the_name(seen, name, cost, level):
    found = check(seen, "clock source", cost_ns=cost, host={"clock_source": known(name)})
    assert (found.level, f"{cost} ns" in found.what) == (level, True)


def test_a_clock_of_no_name_is_judged_by_its_cost(seen):
    nameless = {"clock_source": unknown("no such file")}
    assert check(seen, "clock source", cost_ns=50, host=nameless).level == "ok"
    assert check(seen, "clock source", cost_ns=5_000, host=nameless).level == "warn"


def test_the_cost_of_a_reading_is_measured():
    assert 0 < clock_cost_ns(rounds=3, readings=200) < 1_000_000


def supplies(root, **folders):
    for name, facts in folders.items():
        folder = root / "sys/class/power_supply" / name.replace("__", "-")
        folder.mkdir(parents=True)
        for key, value in facts.items():
            (folder / key).write_text(f"{value}\n")
    return on_battery(Tree(root))


MOUSE = {"type": "Battery", "scope": "Device", "status": "Discharging", "present": "1"}
LAPTOP = {"type": "Battery", "status": "Discharging", "present": "1"}


@pytest.mark.parametrize("name", ["hidpp_battery_0", "BAT1", "wacom_battery_2"])
def test_the_battery_of_a_mouse_is_not_this_machines(tmp_path, name):
    assert not supplies(tmp_path, **{name: MOUSE}).known


def test_an_old_kernels_mouse_without_a_scope_is_known_by_its_driver(tmp_path):
    mouse = {key: value for key, value in MOUSE.items() if key != "scope"}
    assert not supplies(tmp_path, hidpp_battery_0=mouse, sony_controller_battery_1=mouse).known


@pytest.mark.parametrize(
    ("folders", "expected"),
    [
        ({"BAT0": LAPTOP}, True),
        ({"BAT0": LAPTOP, "AC": {"type": "Mains", "online": "0"}}, True),
        ({"BAT0": LAPTOP, "AC": {"type": "Mains", "online": "1"}}, False),  # its supply is weaker than its load
        ({"BAT0": LAPTOP | {"status": "Full"}, "hidpp_battery_0": MOUSE}, False),
        ({"BAT0": LAPTOP, "hidpp_battery_0": MOUSE | {"status": "Full"}}, True),
        ({"BAT0": LAPTOP | {"status": "Charging"}, "ucsi__source": {"type": "USB", "online": "1"}}, False),
        ({"BAT0": LAPTOP | {"status": "Full"}, "BAT1": LAPTOP}, True),
        ({"macsmc__battery": LAPTOP, "macsmc__ac": {"type": "Mains", "online": "0"}}, True),
    ],
)
def test_a_laptop_is_on_mains_or_on_its_battery(tmp_path, folders, expected):
    assert supplies(tmp_path, **folders).value is expected


@pytest.mark.parametrize(
    "folders",
    [
        {},
        {"AC": {"type": "Mains", "online": "1"}},
        {"BAT0": LAPTOP | {"present": "0"}},
        {"ups": {"type": "UPS", "status": "Discharging"}},
        {"BAT0": LAPTOP | {"status": "Unknown"}},
    ],
    ids=["nothing", "mains alone", "an empty bay", "a UPS", "a battery that does not tell"],
)
def test_what_is_not_told_is_unknown(tmp_path, folders):
    assert not supplies(tmp_path, **folders).known


def governed(seen, governor, driver=None, preference=None):
    facts = {"governor": known(governor)}
    facts["frequency_driver"] = unknown("none") if driver is None else known(driver)
    facts["energy_preference"] = unknown("none") if preference is None else known(preference)
    return check(seen, "clock governor", cpu=facts)


@pytest.mark.parametrize("driver", ["intel_pstate", "amd-pstate-epp"])
@pytest.mark.parametrize(
    ("preference", "level"),
    [
        ("performance", "ok"), ("0", "ok"), ("balance_performance", "note"), ("default", "note"), (str(BALANCED), "note"),
        ("balance_power", "warn"), ("power", "warn"), ("255", "warn"), ("performance, power", "warn"), (None, "note"),
    ],
)  # fmt: skip
def test_powersave_of_a_driver_that_chooses_itself_is_judged_by_its_preference(seen, driver, preference, level):
    found = governed(seen, "powersave", driver, preference)
    assert (found.level, level == "ok" or bool(found.fix)) == (level, True)


@pytest.mark.parametrize("driver", ["acpi-cpufreq", "intel_cpufreq", "cppc_cpufreq", None])
def test_powersave_of_any_other_driver_is_the_lowest_clock(seen, driver):
    assert governed(seen, "powersave", driver, "performance").level == "warn"


@pytest.mark.parametrize(
    ("governor", "level"), [("schedutil", "ok"), ("performance", "ok"), ("performance, powersave", "warn")]
)
def test_every_cores_governor_counts(seen, governor, level):
    assert governed(seen, governor, "acpi-cpufreq").level == level


def test_governor_driver_and_preference_are_read_of_all_cores_and_only_the_first_is_recorded(tmp_path):
    for n, preference in ((0, "performance"), (1, "power")):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{n}/cpufreq"
        folder.mkdir(parents=True)
        for name, text in (("scaling_governor", "powersave"), ("scaling_driver", "intel_pstate"),
                           ("energy_performance_preference", preference)):  # fmt: skip
            (folder / name).write_text(f"{text}\n")
    cpu = read_cpu(Source("Linux", "x86_64", Tree(tmp_path), {}, known(frozenset({0, 1}))))
    assert (cpu.governor.value, cpu.frequency_driver.value) == ("powersave", "intel_pstate")
    assert cpu.energy_preference.value == "performance, power"
    assert "energy_preference" not in to_plain(cpu)
