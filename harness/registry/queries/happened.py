"""What a host's webhooks tell: what entered the log since, which tiers changed, which regression candidates are new."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from hashlib import sha256
from typing import Any

from harness.errors import ReproError
from harness.registry.db.reader import Reader
from harness.registry.facts import FailureFact, RecordFact
from harness.registry.queries import believed, public, regressions, rows
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.history import acts_of
from harness.registry.queries.operators import rows_of
from harness.registry.store import Registry


class Topic(StrEnum):
    """What a receiver may ask for."""

    QUEUE = "queue"
    DECISION = "decision"
    TIER = "tier"
    REGRESSION = "regression"


_QUEUE = {"record-submitted", "failure-submitted", "row-reported", "request-opened"}
_DECISION = {
    "record-approved", "record-rejected", "record-sent-back", "record-moved", "failure-approved", "failure-rejected",
    "reports-closed", "request-accepted", "request-rejected",
}  # fmt: skip
_OF_RECORDS = {
    "record-approved", "record-rejected", "record-withdrawn", "record-moved", "body-dropped",
    "row-reported", "report-withdrawn", "reports-closed",
}  # fmt: skip
_OF_OPERATORS = {"operator-verified", "operator-unverified"}
_OF_ALL = {"operators-tied", "operators-untied", "key-revoked", "policy-adopted"}


@dataclass(frozen=True, slots=True)
class News:
    """One thing to tell."""

    topic: Topic
    type: str  # as the message names it
    timestamp: str
    data: Mapping[str, Any]

    def body(self) -> bytes:
        """As it is sent."""
        told = {"type": self.type, "timestamp": self.timestamp, "data": dict(self.data)}
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def entered(reader: Reader, first: int, end: int) -> list[News]:
    """Of the entries from `first` on, before `end`: what waits for editors, and what they decided."""
    found = []
    for act in acts_of(reader, first=first, end=end):
        topic = Topic.QUEUE if act["kind"] in _QUEUE else Topic.DECISION if act["kind"] in _DECISION else None
        if topic is not None:
            named = {name: act[name] for name in ("kind", "subject", "by", "reason")}
            data = {"registry": reader.origin(), "entry": act["index"], **named, **_status(reader, act)}
            found.append(News(topic, f"log.{act['kind']}", act["at"], data))
    return found


def _status(reader: Reader, act: Mapping[str, Any]) -> dict[str, str]:
    """Of a record or a failed run now: one of two approvals that it needs leaves it pending."""
    fact: RecordFact | FailureFact | None = None
    if act["kind"].startswith("record-"):
        fact = reader.get(RecordFact, act["subject"])
    elif act["kind"].startswith("failure-"):
        fact = reader.get(FailureFact, act["subject"])
    return {} if fact is None else {"status": fact.status.value}


def touched(reader: Reader, first: int, end: int) -> frozenset[str] | None:
    """Rows whose tiers these entries may have moved; None: any."""
    found: set[str] = set()
    for act in acts_of(reader, first=first, end=end):
        if act["kind"] in _OF_ALL:
            return None
        if act["kind"] in _OF_OPERATORS:
            found |= rows_of(reader, [act["subject"]])
        elif act["kind"] in _OF_RECORDS:
            fact = reader.get(RecordFact, act["subject"])
            found |= set() if fact is None else {fact.row, *fact.came_from}
    return frozenset(found)


def tiers(registry: Registry, some: Collection[str] | None, day: date) -> dict[str, str]:
    """Row → its tier, "" where it has none; of these rows, or of all public ones. What does not hold is left out."""
    if some is None:
        with registry.reading() as reader:
            some = public.rows(reader)
    found: dict[str, str] = {}
    with believed.reading(registry, sorted(some)) as (reader, left_out):
        policy, broken = in_force(reader).policy, {one.record for one in left_out}
        for row in some:
            try:
                score = None if row in broken else rows.score_row(reader, row, policy, day)[1]
            except ReproError:
                continue
            if score is not None:
                found[row] = str(score.tier or "")
    return found


def moved(origin: str, before: Mapping[str, str], now: Mapping[str, str], at: str) -> list[News]:
    """Tiers that are others than before; a row that was not known is one without a tier."""
    changed = ((row, before.get(row, ""), tier) for row, tier in sorted(now.items()) if before.get(row, "") != tier)
    return [
        News(Topic.TIER, "row.tier-changed", at, {"registry": origin, "row": row, "before": old or None, "after": new or None})
        for row, old, new in changed
    ]  # fmt: skip


def candidates(reader: Reader) -> dict[str, dict[str, Any]]:
    """Regression candidates by what they are of, as they are told."""
    found = {}
    for one in regressions.candidates(reader, in_force(reader).policy):
        change = one.change
        parts = (*(change.subject.model, change.subject.quantisation, change.subject.engine, change.subject.workload),)
        name = sha256(
            "\n".join((*parts, change.axis, change.before, change.after, str(change.sign))).encode()
        ).hexdigest()
        found[name] = {
            "model": one.model,
            "axis": change.axis,
            "value_before": change.before or None,
            "value_after": change.after or None,
            "label": str(change.label),
            "verdict": str(change.sign),
            "rows": sorted({pair.after_row for pair in one.pairs}),
        }
    return found


def appeared(origin: str, known: Collection[str], now: Mapping[str, Mapping[str, Any]], at: str) -> list[News]:
    """Candidates that were not known."""
    fresh: Iterable[str] = sorted(now.keys() - set(known))
    return [News(Topic.REGRESSION, "regression.candidate", at, {"registry": origin, **now[name]}) for name in fresh]
