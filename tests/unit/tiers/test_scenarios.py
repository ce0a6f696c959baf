"""The scenario table of the trust specification, by name; and what the derivation says of each."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.catalog.policies import load
from harness.measure.logs import logs_of
from harness.tiers.score import score
from harness.tiers.values import UNKNOWN, HardwareClass, Mark, Ring, Source, State, Status, Tier, ring_of
from harness.tiers.verdict import judge, too_wide
from tests.support.tier_rows import (
    AS_OF,
    CLASSES,
    HUB_CLASS,
    community,
    editorial,
    hub,
    independent,
    measurement,
    pending,
    row,
    series,
)

POLICY = load("network-v2").policy
FAILED = ("the samples do not recompute to the summary",)

SCENARIOS = {
    "fresh community submission, approved, complete": (row(hub()), State.APPROVED, Tier.LOW),
    "the same with driver version missing, three community greens": (
        row(hub(missing=("driver",)), *community(3)), State.INDEPENDENT, Tier.LOW),
    "editorial hub, no reproduction": (row(editorial()), State.APPROVED, Tier.MODERATE),
    "editorial hub, 3 community greens by 3 operators on 3 machines": (
        row(editorial(), *community(3)), State.INDEPENDENT, Tier.MODERATE),
    "editorial hub, 2 independent on 2 distinct classes": (
        row(editorial(), *independent(2)), State.REPRODUCED, Tier.HIGH),
    "editorial hub, 2 independent operators on one and the same other class": (
        row(editorial(), *independent(2, classes=(CLASSES[0], CLASSES[0]))), State.REPRODUCED, Tier.MODERATE),
    "4 independent operators, all on the hub's SKU and OS, four runtime series": (
        row(editorial(), *series(4)), State.INDEPENDENT, Tier.HIGH),
    "seed's figure: 3 community + 4 independent on 4 classes, all inside": (
        row(editorial(), *community(3), *independent(4)), State.INDEPENDENT, Tier.VERY_HIGH),
    "v1 figure: 4 green, 1 pending, 1 red, all same class": (
        row(editorial(), *community(4), pending("p"), *community(1, 80.0)), State.INDEPENDENT, Tier.MODERATE),
    "4 independent greens, then the hub's samples fail to recompute": (
        row(editorial(failed=FAILED), *independent(4)), State.INDEPENDENT, Tier.LOW),
    "2 independent greens and 2 independent reds": (
        row(editorial(), *independent(2), *independent(4, 70.0)[2:]), State.REPRODUCED, Tier.MODERATE),
    "very-high row, 19 months old": (
        row(*(replace(m, measured=date(2025, 4, 20)) for m in (editorial(), *independent(4)))),
        State.INDEPENDENT, Tier.HIGH),
}  # fmt: skip


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_scenario_holds(name):
    found, state, tier = SCENARIOS[name]
    result = score(found, POLICY, AS_OF)
    assert (result.state, result.tier) == (state, tier), [step.text for step in result.derived_from]
    assert result.derived_from[-1].tier == tier


def test_two_greens_and_two_reds_are_contested():
    found, _, _ = SCENARIOS["2 independent greens and 2 independent reds"]
    result = score(found, POLICY, AS_OF)
    assert result.contested
    assert result.derived_from[-1].rule == "cap: contested"
    assert len(result.derived_from[-1].records) == 2


def test_one_operator_with_five_handles_on_one_rig_counts_once():
    handles = [measurement(f"h{i}", hardware=CLASSES[i % 4], rig="one-rig") for i in range(5)]
    result = score(row(editorial(), *handles), POLICY, AS_OF)
    one = score(row(editorial(), handles[0]), POLICY, AS_OF)
    assert (result.state, result.tier) == (one.state, one.tier) == (State.REPRODUCED, Tier.MODERATE)


def test_handles_are_tied_through_several_rigs():
    tied = [
        measurement("a", hardware=CLASSES[0], operator="a", rig="r1"),
        measurement("b", hardware=CLASSES[1], operator="b", rig="r2"),
        measurement("link", operator="b", rig="r1", status=Status.REJECTED),
    ]
    assert score(row(editorial(), *tied), POLICY, AS_OF).tier is Tier.MODERATE
    assert score(row(editorial(), *tied[:2]), POLICY, AS_OF).tier is Tier.HIGH


def test_the_hub_s_own_operator_never_reproduces_its_row():
    own = measurement("again", hardware=CLASSES[0], operator="op-hub")
    other_handle = measurement("other", hardware=CLASSES[1], rig="rig-hub")
    assert score(row(hub(), own, other_handle), POLICY, AS_OF).state is State.APPROVED


def test_several_rigs_of_one_operator_are_laid_over_the_most_classes():
    # Both of A's classes are open to A alone or to B: only A on the second and B on the first cover two.
    a = [measurement(f"a{i}", hardware=CLASSES[i], operator="a") for i in (0, 1)]
    b = measurement("b", hardware=CLASSES[0], operator="b")
    assert score(row(editorial(), *a, b), POLICY, AS_OF).tier is Tier.HIGH
    assert score(row(editorial(), *a), POLICY, AS_OF).tier is Tier.MODERATE


def test_a_related_row_is_no_reproduction():
    other = replace(measurement("x", hardware=CLASSES[0]), subject=replace(hub().subject, quantisation="Q8_0"))
    result = score(row(editorial(), other), POLICY, AS_OF)
    assert result.state is State.APPROVED
    assert other.id not in result.judged


def test_a_wide_interval_counts_neither_way():
    wide = replace(measurement("w", hardware=CLASSES[0]), medians=(70.0, 100.0, 130.0))
    result = score(row(editorial(), wide), POLICY, AS_OF)
    assert result.judged[wide.id].mark is Mark.INCONCLUSIVE
    assert (result.state, result.tier) == (State.APPROVED, Tier.MODERATE)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (Status.PENDING, State.QUEUED),
        (Status.REJECTED, State.REJECTED),
        (Status.SENT_BACK, State.SENT_BACK),
        (Status.WITHDRAWN, State.WITHDRAWN),
    ],
)
def test_what_is_not_approved_has_no_tier(status, state):
    result = score(row(hub(status=status), *independent(4)), POLICY, AS_OF)
    assert (result.state, result.tier) == (state, None)


def test_an_imported_log_is_low_at_most():
    assert score(row(hub(source=Source.IMPORTED), *independent(4)), POLICY, AS_OF).tier is Tier.LOW


def test_a_runtime_two_series_behind_is_one_tier_down_and_age_adds_nothing():
    old = [replace(m, series_behind=2) for m in (editorial(), *independent(4))]
    assert score(row(*old), POLICY, AS_OF).tier is Tier.HIGH
    older = [replace(m, measured=date(2020, 1, 1)) for m in old]
    assert score(row(*older), POLICY, AS_OF).tier is Tier.HIGH


def test_the_derivation_names_the_axes_and_the_records():
    result = score(row(editorial(), *series(2)), POLICY, AS_OF)
    high = next(step for step in result.derived_from if step.rule == "high")
    assert "runtime_series" in high.text
    assert set(high.records) == {"id-s0", "id-s1"}
    assert [factor.name for factor in result.factors] == [
        "source", "reproductions", "completeness", "consistency", "age", "version drift",
    ]  # fmt: skip


def test_both_versions_score_the_same_hub():
    found = row(editorial(), measurement("x", hardware=CLASSES[0]))
    assert score(found, load("network-v1").policy, AS_OF).tier is Tier.HIGH
    assert score(found, POLICY, AS_OF).tier is Tier.MODERATE
    assert found.hub.hardware == HUB_CLASS


@pytest.mark.parametrize("decided", [60.0, 100.0])
def test_a_newer_noisy_record_hides_no_verdict_of_ones_own(decided):
    first = replace(independent(1, decided)[0], measured=date(2026, 10, 1))
    noisy = replace(first, id="id-noisy", medians=(70.0, 100.0, 130.0), measured=date(2026, 11, 1))
    alone = score(row(editorial(), first), POLICY, AS_OF)
    both = score(row(editorial(), first, noisy), POLICY, AS_OF)
    assert both.judged[noisy.id].mark is Mark.INCONCLUSIVE
    assert (both.state, both.tier, both.contested) == (alone.state, alone.tier, alone.contested)
    assert score(row(editorial(), noisy, first), POLICY, AS_OF).derived_from == both.derived_from


def test_a_newer_record_that_decides_takes_the_place_of_the_older():
    first = replace(independent(1, 60.0)[0], measured=date(2026, 10, 1))
    again = replace(independent(1, 100.0)[0], id="id-again", operator=first.operator, rig=first.rig, measured=AS_OF)
    assert score(row(editorial(), first, again), POLICY, AS_OF).state is State.REPRODUCED


def test_a_newer_and_more_precise_record_is_heard_though_it_decides_nothing():
    wide = replace(independent(1)[0], medians=(97.0, 100.0, 103.0), measured=date(2026, 10, 1))
    edge = replace(wide, id="id-edge", medians=(109.9, 110.0, 110.2), measured=date(2026, 11, 1))
    result = score(row(editorial(), wide, edge), POLICY, AS_OF)
    assert result.judged[wide.id].mark is Mark.INSIDE
    assert result.judged[edge.id].mark is Mark.INCONCLUSIVE
    assert result.state is State.APPROVED


def test_one_process_is_never_the_more_precise():
    first = replace(independent(1, 60.0)[0], measured=date(2026, 10, 1))
    single = replace(first, id="id-single", medians=(100.0,), measured=date(2026, 11, 1))
    assert score(row(editorial(), first, single), POLICY, AS_OF).contested


@given(st.integers(1_000, 10**9), st.integers(3, 8), st.sampled_from((9, 11)))
def test_exactly_at_an_edge_is_inside_whatever_rounds(tenth_micro, processes, tenths):
    one = replace(hub(), medians=(tenth_micro * 10 / 1e6,) * processes)
    other = replace(measurement("o"), medians=(tenth_micro * tenths / 1e6,) * processes)
    assert judge(one, other, POLICY).mark is Mark.INSIDE


@pytest.mark.parametrize("ratio", [0.8999, 1.1001, 0.89999, 1.10001])
def test_beyond_an_edge_is_outside(ratio):
    one = replace(hub(), medians=(100.0,) * 3)
    assert judge(one, replace(measurement("o"), medians=(100.0 * ratio,) * 3), POLICY).mark is Mark.OUTSIDE


UNKNOWN_SKU = replace(CLASSES[0], sku=UNKNOWN, generation=UNKNOWN)


def test_an_unknown_device_is_in_the_community_ring():
    other = measurement("u", hardware=replace(HUB_CLASS, sku=UNKNOWN, generation=UNKNOWN))
    assert ring_of(hub(), other) is Ring.COMMUNITY
    assert score(row(editorial(), other), POLICY, AS_OF).tier is Tier.MODERATE


def test_any_number_of_unknown_devices_and_versions_make_no_row_high():
    parts = [("sku", "generation"), ("runtime_series",), ("sku", "generation", "runtime_series"), ("os_family",)]
    others = [
        measurement(f"u{i}", hardware=replace(HUB_CLASS, **dict.fromkeys(names, UNKNOWN)))
        for i, names in enumerate(parts * 3)
    ]
    result = score(row(editorial(), *others), POLICY, AS_OF)
    assert (result.state, result.tier) == (State.INDEPENDENT, Tier.MODERATE)


def test_an_unknown_part_adds_no_class_beside_one_that_it_may_be():
    known = measurement("k", hardware=CLASSES[3])  # another device on another system
    unknown = measurement("u", hardware=replace(CLASSES[3], sku=UNKNOWN, generation=UNKNOWN))
    assert ring_of(hub(), unknown) is Ring.INDEPENDENT  # its system is known to be another one
    assert score(row(editorial(), known, unknown), POLICY, AS_OF).tier is Tier.MODERATE


def test_two_partly_unknown_classes_are_one_class_before_and_after_a_record_tells_it():
    told = replace(HUB_CLASS, sku="rtx-3090 ×1", generation="ampere", runtime_series="llama.cpp 0.24")
    without_device = measurement("a", hardware=replace(told, sku=UNKNOWN, generation=UNKNOWN))
    without_series = measurement("b", hardware=replace(told, runtime_series=UNKNOWN))
    others = (without_device, without_series, measurement("c", hardware=HUB_CLASS))
    before = score(row(editorial(), *others), POLICY, AS_OF)
    after = score(row(editorial(), *others, measurement("d", hardware=told)), POLICY, AS_OF)
    assert before.tier is after.tier is Tier.MODERATE


def test_a_known_part_still_counts_where_another_is_unknown():
    others = [
        measurement("a", hardware=CLASSES[0]),
        measurement("b", hardware=replace(CLASSES[1], runtime_series=UNKNOWN)),
    ]
    assert score(row(editorial(), *others), POLICY, AS_OF).tier is Tier.HIGH


def test_on_a_hub_of_an_unknown_device_no_other_device_is_distinct():
    nowhere = replace(editorial(), hardware=UNKNOWN_SKU)
    result = score(row(nowhere, *independent(3)), POLICY, AS_OF)
    assert result.tier is Tier.MODERATE


@pytest.mark.parametrize(
    ("medians", "said"),
    [
        ((99.0, 100.0, 101.0, 100.0, 100.0), ""),
        ((80.0, 100.0, 120.0, 90.0, 110.0), "a hub must be known to ± 5.0%"),
        ((100.0, 100.0), "no interval"),
        ((100.0,), "no interval"),
    ],
)
def test_a_hub_must_be_precise_enough_to_judge_against(medians, said):
    logs = logs_of(medians)
    told = too_wide(logs.n, logs.variance, load("network-v3").policy)
    assert said in told
    assert bool(said) == bool(told)
    assert too_wide(logs.n, logs.variance, POLICY) == ""  # version 2 set no limit


def test_version_three_is_version_two_and_a_limit():
    two, three = load("network-v2").policy, load("network-v3").policy
    assert replace(three, version=2, hub_half_width=None) == two
    assert load().policy == three


CPU = HardwareClass("AMD EPYC, 2 cores, 24 GiB", "Zen 3", "Linux", "llama.cpp 0.25")


@pytest.mark.parametrize(
    "sku", ["AMD EPYC, 1 cores, 24 GiB", "AMD EPYC, 2 cores, 8 GiB", "Another name, unknown cores, unknown GiB"]
)
def test_cores_memory_and_names_of_a_processor_make_no_other_class(sku):
    assert CPU.differs_in(replace(CPU, sku=sku)) == ()


def test_another_design_of_processor_is_another_device():
    assert CPU.differs_in(replace(CPU, generation="Zen 4")) == ("device", "generation")
    assert CPU.differs_in(replace(CPU, generation=UNKNOWN)) == ()
    assert CPU.differs_in(CLASSES[0]) != ()


@pytest.mark.parametrize("sku", ["unlisted GPU A ×1", "unlisted GPU B ×1", "rtx-4090 ×1, unlisted GPU A ×1"])
def test_an_unlisted_device_is_distinct_from_nothing(sku):
    assert replace(HUB_CLASS, sku=sku, generation=UNKNOWN).differs_in(HUB_CLASS) == ()


def test_a_split_is_told_apart_by_its_gpu_and_its_layers():
    split = HardwareClass(
        "rtx-4090 ×1 (10 of 29 layers) + AMD EPYC, 2 cores, 24 GiB", "ada + Zen 3", "Linux", "llama.cpp 0.25"
    )
    other = replace(split, sku="rtx-4090 ×1 (10 of 29 layers) + AMD EPYC, 64 cores, 256 GiB")
    assert split.differs_in(other) == ()
    assert "device" in split.differs_in(HUB_CLASS)


def test_one_machine_seen_by_other_cores_and_memory_makes_no_row_high():
    one = replace(editorial(), hardware=CPU)
    others = [
        measurement(f"t{i}", hardware=replace(CPU, sku=f"AMD EPYC, {i + 1} cores, {8 * i} GiB")) for i in range(6)
    ]
    assert score(row(one, *others), POLICY, AS_OF).tier is Tier.MODERATE
