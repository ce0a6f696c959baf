"""A row's state and tier: a pure function of policy, records, editors' decisions and the date asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

from harness.measure.plural import count
from harness.tiers.policy import Policy
from harness.tiers.values import (
    NOT_COMPARED,
    TIERS,
    UNKNOWN,
    Mark,
    Measurement,
    Ring,
    Row,
    Source,
    State,
    Status,
    Tier,
)
from harness.tiers.verdict import Judged, compared, judge
from harness.tiers.voices import Chorus, chorus, covering

_BEFORE_APPROVAL = {
    Status.PENDING: State.QUEUED,
    Status.REJECTED: State.REJECTED,
    Status.SENT_BACK: State.SENT_BACK,
    Status.WITHDRAWN: State.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class Step:
    """One rule that was applied, in order: what it made of the tier, in words, and the records that fed it."""

    rule: str
    tier: Tier
    text: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Factor:
    """One of the six factors, in words, with the records behind it."""

    name: str
    text: str
    records: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Score:
    """What a row has earned; `tier` is None until it is public. `derived_from` is the whole derivation in order."""

    state: State
    tier: Tier | None
    contested: bool
    judged: dict[str, Judged]
    factors: tuple[Factor, ...]
    derived_from: tuple[Step, ...]


def score(
    row: Row,
    policy: Policy,
    as_of: date,
    judged: Mapping[str, Judged] | None = None,
    people: Mapping[str, str] | None = None,
) -> Score:
    """The score of `row` under `policy` on that date.

    `judged`: the verdicts by record id of everybody in `compared(row)`, where they are known already. `people`: operator →
    person of every operator of the row, where more is known than the row tells.
    """
    verdicts = _judged(row, policy) if judged is None else dict(judged)
    if row.hub.status is not Status.ACCEPTED:
        return Score(_BEFORE_APPROVAL[row.hub.status], None, False, verdicts, (), ())
    earned = _earned(row, policy, as_of, verdicts, people)
    factors = _factors(row.hub, earned.voices, as_of)
    return Score(earned.state, earned.steps[-1].tier, earned.contested, verdicts, factors, tuple(earned.steps))


def standing(
    row: Row,
    policy: Policy,
    as_of: date,
    judged: Mapping[str, Judged] | None = None,
    people: Mapping[str, str] | None = None,
) -> tuple[State, Tier | None, bool]:
    """State, tier and whether it is contested: what `score` says, without its factors and verdicts."""
    if row.hub.status is not Status.ACCEPTED:
        return _BEFORE_APPROVAL[row.hub.status], None, False
    earned = _earned(row, policy, as_of, _judged(row, policy) if judged is None else judged, people)
    return earned.state, earned.steps[-1].tier, earned.contested


class _Earned(NamedTuple):
    voices: Chorus
    state: State
    contested: bool
    steps: list[Step]


def _judged(row: Row, policy: Policy) -> dict[str, Judged]:
    return {record.id: judge(row.hub, record, policy) for record in compared(row)}


def _earned(
    row: Row, policy: Policy, as_of: date, judged: Mapping[str, Judged], people: Mapping[str, str] | None
) -> _Earned:
    voices = chorus(row.hub, row.others, {key: found.mark for key, found in judged.items()}, people)
    contested = _contested(voices)
    return _Earned(voices, _state(voices, policy), contested, _derivation(row.hub, voices, policy, as_of, contested))


def _state(voices: Chorus, policy: Policy) -> State:
    people, rigs = voices.people(Mark.INSIDE), voices.rigs(Mark.INSIDE)
    if len(people) >= policy.independent_operators and len(rigs) >= policy.independent_rigs:
        return State.INDEPENDENT
    return State.REPRODUCED if len(people) >= policy.reproduced_operators else State.APPROVED


def _contested(voices: Chorus) -> bool:
    """As many reds as greens, and at least one of them by an independent operator."""
    reds, greens = voices.people(Mark.OUTSIDE), voices.people(Mark.INSIDE)
    return bool(voices.people(Mark.OUTSIDE, Ring.INDEPENDENT)) and len(reds) >= len(greens)


def _derivation(hub: Measurement, voices: Chorus, policy: Policy, as_of: date, contested: bool) -> list[Step]:
    steps = [_base(hub, voices, policy)]
    independent = covering([voice for voice in voices.inside if voice.ring is Ring.INDEPENDENT])
    if len(independent) >= policy.high_classes:
        ids = tuple(voice.record.id for voice in independent.values())
        axes = sorted({axis for hardware in independent for axis in hardware.differs_in(hub.hardware)})
        text = f"{len(independent)} independent operators on distinct hardware classes, inside (they differ in {', '.join(axes)})"
        steps.append(Step("high", _at_least(steps, Tier.HIGH), text, ids))
    skus = {hub.hardware.device, *(voice.hardware.device for voice in voices.inside)} - {UNKNOWN, NOT_COMPARED}
    everybody = covering(voices.inside) if steps[-1].tier is Tier.HIGH and len(skus) >= policy.very_high_skus else {}
    if everybody and len(everybody) >= policy.very_high_classes:
        ids = tuple(voice.record.id for voice in everybody.values())
        text = f"{len(everybody)} reproductions across distinct hardware classes, inside, on {len(skus)} device SKUs"
        steps.append(Step("very-high", Tier.VERY_HIGH, text, ids))
    caps = [
        (bool(hub.missing), "cap: missing", policy.missing_cap, f"the record lacks {', '.join(hub.missing)}"),
        (bool(hub.failed), "cap: failed", policy.failed_cap, f"consistency fails: {', '.join(hub.failed)}"),
        (hub.source is Source.IMPORTED, "cap: imported", policy.imported_cap, "the hub is a log from elsewhere"),
        (contested, "cap: contested", policy.contested_cap, "as many operators outside as inside"),
    ]
    for applies, rule, cap, text in caps:
        if applies:
            outside = tuple(v.record.id for v in voices.outside) if "contested" in rule else (hub.id,)
            steps.append(Step(rule, _at_most(steps, cap), text, outside))
    stale = _stale(hub, voices, policy, as_of)
    if stale:
        lower = TIERS[max(TIERS.index(steps[-1].tier) - 1, 0)]
        steps.append(Step("stale", lower, stale, (hub.id,)))
    return steps


def _base(hub: Measurement, voices: Chorus, policy: Policy) -> Step:
    others = voices.people(Mark.INSIDE)
    if not hub.missing and hub.source in policy.moderate_sources:
        return Step("base", Tier.MODERATE, f"measured by {hub.source}, with complete metadata", (hub.id,))
    if not hub.missing and len(others) >= policy.moderate_operators:
        ids = tuple(voice.record.id for voice in voices.inside)
        return Step("base", Tier.MODERATE, f"complete metadata, and {len(others)} other operators inside", ids)
    return Step("base", Tier.LOW, f"one source: {hub.source}", (hub.id,))


def _stale(hub: Measurement, voices: Chorus, policy: Policy, as_of: date) -> str:
    """Why it is stale; empty where it is not. The newest record that counts decides, and the least drifted one."""
    months, behind = _age_and_drift(hub, voices, as_of)
    if months > policy.stale_months:
        return f"the newest measurement is {months} months old"
    if behind >= policy.stale_series:
        return f"every measured runtime lies {behind} series or more behind the newest that is known"
    return ""


def _age_and_drift(hub: Measurement, voices: Chorus, as_of: date) -> tuple[int, int]:
    """Months since the newest measurement that counts, and the series that the least drifted one lies behind."""
    counted = [hub, *(voice.record for voice in voices.inside)]
    newest = max(measurement.measured for measurement in counted)
    return months_between(newest, as_of), min(measurement.series_behind for measurement in counted)


def months_between(earlier: date, later: date) -> int:
    """Whole months; 0 where `later` lies before."""
    months = 12 * (later.year - earlier.year) + later.month - earlier.month - (later.day < earlier.day)
    return max(months, 0)


def _factors(hub: Measurement, voices: Chorus, as_of: date) -> tuple[Factor, ...]:
    def ids(found: Iterable[Measurement]) -> tuple[str, ...]:
        return tuple(measurement.id for measurement in found)

    inside, outside = voices.people(Mark.INSIDE), voices.people(Mark.OUTSIDE)
    classes = len(covering(voices.inside))
    open_ = len(voices.people(Mark.INCONCLUSIVE))
    reproductions = (
        f"{count(len(inside), 'operator')} inside on {count(classes, 'hardware class', 'hardware classes')}, "
        f"{len(outside)} outside, {open_} inconclusive, "
        f"{len(voices.pending)} pending"
    )
    heard = ids(v.record for v in (*voices.inside, *voices.outside, *voices.inconclusive))
    months, behind = _age_and_drift(hub, voices, as_of)
    return (
        Factor("source", f"measured by {hub.source}", (hub.id,)),
        Factor("reproductions", reproductions, heard + ids(voices.pending)),
        Factor(
            "completeness",
            f"lacks {', '.join(hub.missing)}" if hub.missing else "every mandatory field is there",
            (hub.id,),
        ),
        Factor(
            "consistency",
            f"fails {', '.join(hub.failed)}" if hub.failed else "the numbers agree with themselves",
            (hub.id,),
        ),
        Factor("age", f"{count(months, 'month')} since the newest measurement that counts"),
        Factor("version drift", f"{behind} runtime series behind the newest that is known"),
    )


def _at_least(steps: list[Step], tier: Tier) -> Tier:
    return max(steps[-1].tier, tier, key=TIERS.index)


def _at_most(steps: list[Step], tier: Tier) -> Tier:
    return min(steps[-1].tier, tier, key=TIERS.index)
