"""A record as the tier rules see it: what it is, and on what hardware."""

import pytest

from harness.errors import BadInput
from harness.record.store import read
from harness.registry.intake.measurement import hardware_of, measurement_of
from tests.support.sound import sound


@pytest.fixture
def stored(simulated_record):
    return sound(read(simulated_record))


def real(stored, **changes):
    """The simulated record, as if it had been measured, on a machine of which there is nothing to say."""
    run = stored.record.run.model_copy(update={"synthetic": False})
    record = stored.record.model_copy(update={"run": run, "findings": (), **changes})
    return type(stored)(stored.path, stored.id, record, stored.payload)


def devices(stored, *kinds, **other):
    one = stored.record.runtime.devices[0]
    found = tuple(one.model_copy(update={"kind": kind, "name": "RTX 4090", "description": "cc 8.9"}) for kind in kinds)
    return stored.record.runtime.model_copy(update={"devices": found, **other})


def test_a_synthetic_record_counts_for_nobody(stored):
    with pytest.raises(BadInput, match="is synthetic"):
        measurement_of(stored)


def test_a_processor_is_its_model_cores_and_memory(stored):
    found = measurement_of(real(stored))
    assert found.id == stored.id
    assert found.operator == found.rig == f"unsigned {stored.id[:12]}"
    assert found.hardware.os_family == "Linux"
    assert "cores" in found.hardware.sku
    assert len(found.medians) == 3
    assert found.missing == ()


def test_gpus_are_counted_and_their_driver_is_asked_for(stored):
    found = measurement_of(real(stored, runtime=devices(stored, "gpu", "gpu", "cpu")))
    assert (found.hardware.sku, found.hardware.generation) == ("GeForce RTX 4090 ×2", "Ada Lovelace")
    assert set(found.missing) >= {"driver", "thermal state"}
    settings = {**stored.record.runtime.settings, "gpu_layers": 0}
    idle = measurement_of(real(stored, runtime=devices(stored, "gpu", settings=settings)))
    assert "cores" in idle.hardware.sku


@pytest.mark.parametrize(("options", "missing"), [({}, True), ({"context": 4096}, False)])
def test_a_context_that_no_server_tells_is_missing_unless_the_operator_says_it(stored, options, missing):
    runtime = stored.record.runtime.model_copy(update={"context_tokens": 0, "options": options})
    assert ("context" in measurement_of(real(stored, runtime=runtime)).missing) == missing


def test_a_server_on_unknown_hardware_has_no_class(stored):
    with pytest.raises(BadInput, match="hardware is not known"):
        hardware_of(real(stored, runtime=devices(stored, "server")).record, "x")


def test_failed_checks_are_failures_of_consistency(stored):
    first, *rest = stored.record.checks
    failed = first.model_copy(update={"status": "fail"})
    assert measurement_of(real(stored, checks=(failed, *rest))).failed == (first.code,)
    assert f"no {rest[0].code}" in measurement_of(real(stored, checks=(first, *rest[1:]))).failed


def test_a_device_is_called_by_its_name_and_never_by_an_engines_number(stored):
    for name, description, sku in (
        ("CUDA0", "NVIDIA GeForce RTX 4090", "GeForce RTX 4090 ×1"),
        ("Vulkan1", "A GPU of tomorrow", "A GPU of tomorrow ×1"),
        ("A GPU of tomorrow", "arch 9000", "A GPU of tomorrow ×1"),
    ):
        one = stored.record.runtime.devices[0].model_copy(
            update={"kind": "gpu", "name": name, "description": description, "memory_bytes": None}
        )
        runtime = stored.record.runtime.model_copy(update={"devices": (one,)})
        assert hardware_of(stored.record.model_copy(update={"runtime": runtime}), "here").sku == sku


def finding(stored, code, workload, severity="warning"):
    from harness.record.schema import Finding

    return Finding(code=code, severity=severity, workload=workload, metric="", text="x", evidence={})


def test_a_spread_counts_where_it_is_the_headlines(stored):
    headline = stored.record.suite.headline
    other = next(one.id for one in stored.record.workloads if one.id != headline)
    for code in ("unstable", "clock_disagreement"):
        assert measurement_of(real(stored, findings=(finding(stored, code, other),))).failed == ()
        assert measurement_of(real(stored, findings=(finding(stored, code, headline),))).failed == (code,)
    assert measurement_of(real(stored, findings=(finding(stored, "clock_drift", ""),))).failed == ("clock_drift",)
    assert measurement_of(real(stored, findings=(finding(stored, "clock_drift", "", "note"),))).failed == ()


def failing(stored, code, **evidence):
    return tuple(
        one.model_copy(update={"status": "fail", "evidence": evidence}) if one.code == code else one
        for one in stored.record.checks
    )


def test_a_failed_check_counts_where_it_is_about_the_headline(stored):
    headline = stored.record.suite.headline
    greedy = [one.workload for one in stored.record.results if one.deterministic is not None]
    for code in ("counting", "prefill_complete", "physics_ttft", "engine_counters"):
        assert measurement_of(real(stored, checks=failing(stored, code, headline_fails=0))).failed == ()
        assert measurement_of(real(stored, checks=failing(stored, code, headline_fails=1))).failed == (code,)
        assert measurement_of(real(stored, checks=failing(stored, code))).failed == (code,)
    other = next(name for name in greedy if name != headline)
    for name, failed in ((other, ()), (headline, ("determinism",))):
        results = tuple(
            one.model_copy(update={"deterministic": one.workload != name}) if one.workload in greedy else one
            for one in stored.record.results
        )
        assert measurement_of(real(stored, checks=failing(stored, "determinism"), results=results)).failed == failed
    longest = max(stored.record.workloads, key=lambda one: one.prompt_tokens).id
    expected = ("physics_prefill",) if longest == headline else ()
    assert measurement_of(real(stored, checks=failing(stored, "physics_prefill"))).failed == expected


def test_a_servers_settings_are_never_the_same_as_anothers(stored):
    from harness.registry.intake.measurement import versions_of

    runtime = devices(stored, "local-server")
    ours = versions_of(stored.record.model_copy(update={"runtime": runtime}))
    samples = stored.record.samples.model_copy(update={"sha256": "f" * 64})
    theirs = versions_of(stored.record.model_copy(update={"runtime": runtime, "samples": samples}))
    assert ours["setting server"] != theirs["setting server"]
