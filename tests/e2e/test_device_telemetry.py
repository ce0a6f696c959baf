"""The meters behind the real nvidia-ml-py, on a stand-in for the driver's library that this test compiles."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.record.samples import decode
from harness.record.store import read
from harness.verify.trials import trials_of
from tests.e2e.conftest import measured

SOURCE = Path(__file__).parents[1] / "doubles" / "nvml.c"
MODEL = ("--runtime", "simulated", "--suite", "quick", "-o", "device=gpu", "-o", "step_us=6000", "-o", "prefill_us=10")


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """The folder of the stand-in; the loader finds it by LD_LIBRARY_PATH."""
    compiler = shutil.which("cc")
    assert compiler is not None, "the harness itself needs a C compiler"
    folder = tmp_path_factory.mktemp("nvml")
    target = folder / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(target), str(SOURCE)], check=True)
    return {"LD_LIBRARY_PATH": str(folder)}


def asked(code, library, **extra):
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | library | extra, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


READ = """
import json, time
from harness.capture.meters import Nvidia
meter = Nvidia.open(frozenset({11}))
if meter is None:
    print("null")
else:
    before = meter.totals(); time.sleep(0.1); after = meter.totals()
    ticks = []
    for _ in range(20):
        t = time.perf_counter_ns(); sample = meter.sample(); ticks.append(time.perf_counter_ns() - t)
    print(json.dumps([before, after, sample, sorted(ticks)[10], meter.processes()]))
"""


@pytest.mark.alone
def test_totals_count_and_samples_tell(library):
    before, after, sample, tick_ns, processes = asked(READ, library)
    assert (
        3_000_000 < after["device_energy_uj"] - before["device_energy_uj"] < 20_000_000
    )  # 50 W for a tenth of a second
    assert after["thermal_violation_ns"] == 0
    assert sample == {
        "sm_clock_hz": 1_500_000_000,
        "memory_clock_hz": 9_000_000_000,
        "temperature_mc": 61_000,
        "power_mw": 50_000,
        "throttle_reasons": 0,
        "memory_used_bytes": 3 << 30,
        "strangers": 0,
    }
    assert processes == 0
    assert tick_ns < 5_000_000  # loose: the bar of half a millisecond is measured in benchmarks/telemetry.py


def test_a_stranger_is_a_process_that_is_not_ours(library):
    found = asked(READ, library, NVML_DOUBLE_OWN="11", NVML_DOUBLE_STRANGER="99")
    assert found[2]["strangers"] == 1
    # Numbers of another namespace: whoever was there when we began passes for ours.
    assert asked(READ, library, NVML_DOUBLE_STRANGER="99")[2]["strangers"] == 0


def test_without_a_driver_there_is_no_meter(library):
    assert asked(READ, library, NVML_DOUBLE_BROKEN="1") is None


@pytest.mark.alone
def test_a_run_on_a_device_counts_its_energy(repro, tiny, library):
    done = repro("bench", "--model", tiny, *MODEL, "--processes", "1", "--all", **library)
    measured(done)
    record = read(repro.records()[0]).record
    energy = record.derived["energy_per_token"]
    # 50 W over steps of 6 ms: 0.3 J a token.
    assert 250_000_000 < energy["value_nj"] < 400_000_000
    assert energy["source"] == "the devices' energy counter"
    assert record.derived["peak_device_memory"]["value"] == 3 << 30
    telemetry = record.derived["telemetry"]
    assert telemetry["sm_clock_hz_mean"] == 1_500_000_000
    assert telemetry["throttle_reasons"] == 0
    assert "J a token, prefill included (the devices' energy counter)" in done.stdout
    assert "devices: " in done.stdout
    verified = repro("recompute", repro.records()[0].parent)
    assert verified.returncode == 0, verified.stderr


def test_a_throttled_device_makes_its_trials_invalid(repro, tiny, library):
    done = repro("bench", "--model", tiny, *MODEL, "--processes", "1", NVML_DOUBLE_REASONS="0x40", **library)
    assert done.returncode == 3
    assert "throttled: the device held its clocks down" in done.stderr


def test_a_power_cap_is_no_fault(repro, tiny, library):
    done = repro("bench", "--model", tiny, *MODEL, "--processes", "1", NVML_DOUBLE_REASONS="0x4", **library)
    measured(done)
    stored = read(repro.records()[0])
    assert stored.record.derived["telemetry"]["throttle_reasons"] == 4
    trials = trials_of(decode(stored.samples(), stored.record.samples.sha256, "samples"), "samples")
    assert all(trial.counters["throttle_reasons"] == 4 for trial in trials)


def test_doctor_sees_who_computes_on_the_device(repro, library):
    free = {item["name"]: item for item in json.loads(repro("doctor", "--json", **library).stdout)}
    assert free["GPU in use"]["level"] == "ok"
    done = repro("doctor", "--json", NVML_DOUBLE_STRANGER="4242", **library)
    taken = {item["name"]: item for item in json.loads(done.stdout)}
    assert taken["GPU in use"]["level"] == "bad"
    assert done.returncode == 3


def test_the_memory_that_a_card_has_left_is_the_room_for_a_model(library):
    code = """
import json, os
from harness.capture.rooms import read_rooms
from harness.capture.source import this_machine
print(json.dumps([read_rooms(this_machine(), backend, os.environ).gpus for backend in ("cuda", "cpu")]))
"""
    cuda, cpu = asked(code, library)
    assert cpu == []
    assert {(free, total) for _, free, total, *_ in cuda} == {(5 << 30, 8 << 30)}
    cuda, _ = asked(code, library, NVML_DOUBLE_BROKEN="1")
    assert cuda is None
