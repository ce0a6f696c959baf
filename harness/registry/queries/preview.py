"""What one more record would do to a row, as if an editor had accepted it. Nothing is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date

from harness.registry.db.reader import Reader
from harness.registry.facts import EditorsFact
from harness.registry.queries import reports, rows
from harness.registry.queries.coming import coming
from harness.tiers.policy import Policy
from harness.tiers.score import Score, score
from harness.tiers.values import Measurement, Row, Status, ring_of


@dataclass(frozen=True, slots=True)
class Fall:
    """In words: where it falls, and the row before and after."""

    text: str
    effect: str


def falls(reader: Reader, row: str, one: Measurement, policy: Policy, as_of: date) -> Fall:
    """Of a record on a row that the registry knows."""
    found, before = rows.score_row(reader, row, policy, as_of)
    held = reports.frozen_row(reader, row) is not None
    about = rows.known(reader, [one.operator])
    newcomer = replace(
        one,
        status=Status.ACCEPTED,
        source=about.source(one.operator, one.operator in reader.need(EditorsFact).editors),
        series_behind=about.behind(one.subject.engine, one.hardware.runtime_series),
    )
    hub = found.hub
    if one.id == hub.id:
        approved = Row(replace(hub, status=Status.ACCEPTED), (*found.others, *coming(reader, hub.id)))
        after = score(approved, policy, as_of, people=rows.people(reader, [m.operator for m in rows.members(approved)]))
        return Fall("it is the row's own record", _change(before, after))
    others = tuple(other for other in found.others if other.id != one.id)
    with_it = Row(hub, (*others, newcomer))
    ties = rows.people(reader, [m.operator for m in rows.members(with_it)], [(one.operator, one.rig)])
    after = score(with_it, policy, as_of, people=ties)
    effect = f"{_change(before, before)}: the row is under review" if held else _change(before, after)
    return Fall(_words(hub, newcomer, after, ties), effect)


def _words(hub: Measurement, one: Measurement, after: Score, ties: dict[str, str]) -> str:
    ring = f"{ring_of(hub, one)} ring"
    differs = ", ".join(one.hardware.differs_in(hub.hardware))
    where = f"{ring} (differs in {differs})" if differs else f"{ring} (the row's own hardware class)"
    judged = after.judged.get(one.id)
    if judged is None or judged.comparison is None or judged.comparison.ratio is None:
        verdict = "not judged before the row is approved"
    else:
        made = judged.comparison
        interval = "" if made.low is None else f" [{made.low:.3f}, {made.high:.3f}]"
        verdict = f"ratio {made.ratio:.3f}{interval}: {judged.mark}"
    own = (
        "; by the operator who opened this row, so it is shown and never counted"
        if ties.get(one.operator) == ties.get(hub.operator)
        else ""
    )
    return f"{where}, {verdict}{own}"


def _change(before: Score, after: Score) -> str:
    def words(found: Score) -> str:
        contested = ", contested" if found.contested else ""
        return f"{found.state}, {found.tier or 'no tier'}{contested}"

    return f"stays {words(after)}" if words(before) == words(after) else f"{words(before)} → {words(after)}"
