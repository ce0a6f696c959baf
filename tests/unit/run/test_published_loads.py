"""What a record says of load and memory links no two records of one boot."""

from __future__ import annotations

from harness.capture.facts import Fact
from harness.capture.load import Load
from harness.run.assemble import _coarse, loads


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


def test_free_memory_is_told_in_coarse_steps():
    seen = {"memory": {"available_bytes": {"value": 24_544_960_512}, "tier_gib": {"value": 24}}, "host": {}}
    told = _coarse(seen)["memory"]
    assert told["available_bytes"]["value"] % (256 << 20) == 0
    assert 0 <= 24_544_960_512 - told["available_bytes"]["value"] < 256 << 20
    assert told["tier_gib"] == {"value": 24}


def test_memory_that_is_not_known_stays_so():
    assert (
        _coarse({"memory": {"available_bytes": {"value": None, "reason": "x"}}})["memory"]["available_bytes"]["reason"]
        == "x"
    )
