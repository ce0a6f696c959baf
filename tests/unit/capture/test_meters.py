"""RAPL from a tree of files, AMD from a double of amdsmi, and how samples are put in short."""

import sys
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.capture.meters import Amd, Apple, Rapl, open_meters
from harness.measure.throttling import SW_THERMAL
from harness.run.execute.telemetry import Telemetry, in_short


def zone(root, number, name, energy, span=1000):
    folder = root / f"intel-rapl:{number}"
    folder.mkdir(parents=True)
    for file, text in (("name", name), ("energy_uj", energy), ("max_energy_range_uj", span)):
        (folder / file).write_text(f"{text}\n")
    return folder / "energy_uj"


def test_rapl_adds_its_packages_and_survives_a_wrap(tmp_path):
    first, second = zone(tmp_path, 0, "package-0", 900), zone(tmp_path, 1, "package-1", 10)
    zone(tmp_path, 2, "psys", 5)
    meter = Rapl.open(tmp_path)
    assert meter.totals() == {"cpu_energy_uj": 910}
    first.write_text("100\n")  # past its range of 1000
    second.write_text("30\n")
    assert meter.totals() == {"cpu_energy_uj": 910 + 200 + 20}


def test_rapl_is_absent_where_nothing_can_be_read(tmp_path):
    assert Rapl.open(tmp_path / "none") is None
    zone(tmp_path, 0, "package-0", "not a number")
    assert Rapl.open(tmp_path) is None


class _Smi:
    """What amdsmi 7 offers of the calls that are made, for two devices."""

    AmdSmiException = type("AmdSmiException", (Exception,), {})
    AmdSmiClkType = SimpleNamespace(GFX=0, MEM=1)
    AmdSmiTemperatureType = SimpleNamespace(HOTSPOT=0)
    AmdSmiTemperatureMetric = SimpleNamespace(CURRENT=0)
    stopped = False

    def amdsmi_init(self):
        pass

    def amdsmi_get_processor_handles(self):
        return ["a", "b"]

    def amdsmi_get_energy_count(self, handle):
        return {"energy_accumulator": {"a": 1000, "b": 3000}[handle], "counter_resolution": 15.3}

    def amdsmi_get_clock_info(self, handle, kind):
        return {"clk": {"a": 2100, "b": 1900}[handle] if kind == 0 else 1200}

    def amdsmi_get_power_info(self, handle):
        return {"average_socket_power": 150}

    def amdsmi_get_temp_metric(self, handle, sensor, metric):
        if handle == "b":
            raise self.AmdSmiException
        return 70

    def amdsmi_get_gpu_vram_usage(self, handle):
        return {"vram_used": 1024}

    def amdsmi_shut_down(self):
        self.stopped = True


def test_amd_takes_the_slowest_clock_and_the_sum_of_energy(monkeypatch):
    smi = _Smi()
    monkeypatch.setitem(sys.modules, "amdsmi", smi)
    meter = Amd.open()
    assert meter.totals() == {"device_energy_uj": 15300 + 45900}
    assert meter.sample() == {
        "sm_clock_hz": 1_900_000_000,
        "memory_clock_hz": 1_200_000_000,
        "power_mw": 300_000,
        "temperature_mc": 70_000,
        "memory_used_bytes": 2 << 30,
    }
    meter.close()
    assert smi.stopped


def test_amd_is_absent_without_its_library():
    assert "amdsmi" not in sys.modules
    assert Amd.open() is None


@given(
    st.lists(
        st.fixed_dictionaries({"power_mw": st.integers(0, 10**6), "throttle_reasons": st.integers(0, 255)}), min_size=1
    )
)
def test_samples_in_short_are_bounded_by_what_was_sampled(samples):
    found = in_short(samples)
    powers = [sample["power_mw"] for sample in samples]
    assert found["device_samples"] == len(samples)
    assert min(powers) == found["power_mw_min"] <= found["power_mw_mean"] <= max(powers)
    for sample in samples:
        assert found["throttle_reasons"] & sample["throttle_reasons"] == sample["throttle_reasons"]


def test_apple_says_when_heat_holds_the_processor_down(tmp_path, monkeypatch):
    program = tmp_path / "pmset"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Apple.open() is None  # this is no Apple machine
    monkeypatch.setattr("harness.capture.meters.sys.platform", "darwin")
    assert Apple.open() is None  # and there is no pmset
    for limit, reasons in ((100, 0), (80, SW_THERMAL)):
        program.write_text(f"#!/bin/sh\necho 'CPU_Scheduler_Limit  = 100'\necho 'CPU_Speed_Limit  = {limit}'\n")
        program.chmod(0o755)
        meter = Apple.open()
        assert meter.sample() == {"throttle_reasons": reasons}
        assert meter.totals() == {}
    program.write_text("#!/bin/sh\necho nothing\n")
    assert meter.sample() == {}


class _Meter:
    quick = True

    def __init__(self):
        self.energy = 0
        self.samples = 0
        self.closed = False

    def totals(self):
        self.energy += 7
        return {"device_energy_uj": self.energy}

    def sample(self):
        self.samples += 1
        return {"power_mw": 10}

    def close(self):
        self.closed = True


@pytest.mark.parametrize(("cores", "threads", "beside"), [(2, 2, 0), (4, 2, 1)])
def test_it_samples_beside_a_trial_only_where_a_core_is_free(cores, threads, beside):
    meter = _Meter()
    telemetry = Telemetry(cores, lambda kinds, own, ids: [meter])
    telemetry.begin({"devices": [{"kind": "cpu"}], "settings": {"threads": threads}})
    found = telemetry.trial()
    telemetry.rest()
    telemetry.end()
    assert found["device_energy_uj"] == 7
    assert found["sampled_beside"] == beside
    assert meter.closed


def test_what_the_engine_uses_decides_what_is_metered():
    asked = []

    def opened(kinds, own, ids):
        asked.append((set(kinds), list(ids)))
        return []

    gpu = [{"kind": "gpu"}, {"kind": "cpu"}]
    for facts in (
        {"devices": gpu[1:], "settings": {}},
        {"devices": gpu, "computed_on": ["cpu", "gpu"], "settings": {}},
        {"devices": gpu, "computed_on": ["gpu"], "settings": {}, "device_ids": ["GPU-1"]},
    ):
        Telemetry(8, opened).begin(facts)
    assert asked == [({"cpu"}, []), ({"cpu", "gpu"}, []), ({"gpu"}, ["GPU-1"])]
    assert open_meters(frozenset({"server"}), frozenset(), []) == []


def test_without_meters_nothing_is_counted():
    telemetry = Telemetry(8, lambda kinds, own, ids: [])
    telemetry.begin({"devices": [{"kind": "cpu"}], "settings": {}})
    telemetry.rest()
    assert telemetry.trial() == {}
    telemetry.end()
