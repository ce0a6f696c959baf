"""What a record says of load and memory links no two records of one boot."""

from __future__ import annotations

from harness.capture.facts import Fact
from harness.capture.load import Load
from harness.run.conclude.head import coarse, loads
from harness.run.prepare.environments import Installed
from harness.worker.packages import built_here, file_list


def reading(**changed) -> Load:
    facts = dict.fromkeys(
        ("load1_milli", "cpu_pressure_us", "memory_pressure_us", "io_pressure_us", "swapped_in_pages", "steal_ticks"), 0
    )
    known = {name: Fact(value) for name, value in (facts | changed).items()}
    return Load(**known, thermal_throttles=Fact(None, "no core counts"), busy_ns=1, idle_ns=1, own_ns=1)


def test_counters_since_boot_are_published_as_what_the_run_added():
    first, second = loads(
        reading(load1_milli=500, cpu_pressure_us=301_041_199, steal_ticks=1613),
        reading(load1_milli=900, cpu_pressure_us=301_590_370, steal_ticks=1637),
    )
    assert first == {"load1_milli": {"value": 500}}
    assert second["load1_milli"] == {"value": 900}
    assert second["cpu_pressure_us"] == {"value": 549_171}
    assert second["steal_ticks"] == {"value": 24}
    assert second["thermal_throttles"]["value"] is None
    assert "301041199" not in f"{first}{second}"
    assert "301590370" not in f"{first}{second}"


def test_free_memory_is_told_incoarse_steps():
    seen = {"memory": {"available_bytes": {"value": 24_544_960_512}, "tier_gib": {"value": 24}}, "host": {}}
    told = coarse(seen)["memory"]
    assert told["available_bytes"]["value"] % (256 << 20) == 0
    assert 0 <= 24_544_960_512 - told["available_bytes"]["value"] < 256 << 20
    assert told["tier_gib"] == {"value": 24}


def test_memory_that_is_not_known_stays_so():
    assert (
        coarse({"memory": {"available_bytes": {"value": None, "reason": "x"}}})["memory"]["available_bytes"]["reason"]
        == "x"
    )


def test_swap_and_limits_are_told_incoarse_steps_and_a_little_swap_is_not_none():
    step = 256 << 20
    seen = {
        "memory": {name: {"value": 5_000_000_001} for name in ("limit_bytes", "swap_total_bytes", "swap_used_bytes")}
    }
    assert all(one["value"] % step == 0 for one in coarse(seen)["memory"].values())
    told = {"memory": {"swap_used_bytes": {"value": 1}, "swap_total_bytes": {"value": 0}}}
    assert coarse(told)["memory"] == {"swap_used_bytes": {"value": step}, "swap_total_bytes": {"value": 0}}


def test_nothing_of_a_build_that_was_made_here_is_published_but_its_source_and_flags():
    digest, key = "ab" * 32, "cpu-0123456789ab"
    one = Installed("llama.cpp", "cpu", key, "cd" * 32, ("-DGGML_NATIVE=ON",), digest, 187)
    told = one.public()
    assert told.keys() == {"runtime", "backend", "lock_sha256", "build_flags", "built", "source_sha256"}
    assert told["built"] == "llama-cpp-python"
    assert len(told["source_sha256"]) == 1  # of the sdist that the lock names
    assert not {digest, key, 187} & {str(value) for value in told.values()}
    assert digest not in f"{told}"
    other = Installed("llama.cpp", "cpu", "cpu-ffffffffffff", "cd" * 32, ("-DGGML_NATIVE=ON",), "ef" * 32, 12)
    assert other.public() == told


def test_an_environment_of_wheels_alone_tells_no_source():
    one = Installed("pytorch", "cpu", "cpu-1", "cd" * 32, (), "", 3)
    assert one.public().keys() == {"runtime", "backend", "lock_sha256", "build_flags"}


def test_a_file_list_is_the_same_wherever_its_wheel_was_installed():
    wheel = "a/__init__.py,sha256=x,10\na-1.dist-info/METADATA,sha256=y,20\n"
    here = (
        wheel
        + "../../../bin/a,sha256=of-my-path,214\na/__pycache__/a.cpython-311.pyc,,\na-1.dist-info/INSTALLER,sha256=p,4\n"
    )
    there = "a-1.dist-info/REQUESTED,sha256=,0\na-1.dist-info/RECORD,,\n/opt/x,sha256=z,1\n" + wheel
    assert file_list(here) == file_list(there) == file_list(wheel)
    assert file_list(wheel) != file_list(wheel.replace("sha256=x", "sha256=other"))


def test_a_wheel_for_one_linux_alone_was_built_somewhere_and_is_told_by_its_version_only():
    assert built_here(["Wheel-Version: 1.0", "Tag: cp311-cp311-linux_x86_64"])
    assert built_here(["Wheel-Version: 1.0"])
    assert not built_here(["Tag: cp311-cp311-manylinux_2_17_x86_64", "Tag: cp311-cp311-manylinux2014_x86_64"])
    assert not built_here(["Tag: py3-none-any"])
