"""One event against the facts so far: whether it may be, and what is known after it. Pure; the same code runs when an event is
appended, when the log is audited, and when a registry is rebuilt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.errors import BadInput, RecordInvalid
from harness.record import envelope
from harness.registry.facts import F, Named, RecordFact, RegistryFact, TripleFact
from harness.registry.rules import (
    failures,
    limits,
    log_key,
    passkeys,
    people,
    records,
    reports,
    requests,
    revocations,
    times,
    witnesses,
)
from harness.registry.rules.base import Place, Signed, View
from harness.tiers.values import Status
from harness.tlog.event import PAYLOAD_TYPE, Event, read

Rule = Callable[[Event, Signed, Place, View], list[Named]]

RULES: dict[str, Rule] = {
    "registry-created": people.registry_created,
    "policy-adopted": people.policy_adopted,
    "editors-changed": passkeys.editors_changed,
    "passkeys-allowed": passkeys.allowed,
    "operator-joined": people.operator_joined,
    "operator-rotated": people.operator_rotated,
    "operator-verified": people.operator_verified,
    "operator-unverified": people.operator_unverified,
    "operators-tied": people.operators_tied,
    "operators-untied": people.operators_untied,
    "record-submitted": records.submitted,
    "record-withdrawn": records.withdrawn,
    "record-approved": records.approved,
    "record-rejected": records.rejected,
    "record-sent-back": records.sent_back,
    "record-moved": records.moved,
    "challenge-issued": records.challenge_issued,
    "evidence-imported": records.evidence_imported,
    "evidence-removed": records.evidence_removed,
    "body-dropped": records.body_dropped,
    **failures.RULES,
    **limits.RULES,
    **reports.RULES,
    **requests.RULES,
    **witnesses.RULES,
    **revocations.RULES,
    **log_key.RULES,
}


def applied(
    data: bytes, place: Place, view: View, heads: Callable[[int], str | None]
) -> tuple[Event, list[Named], bytes]:
    """The event in the envelope's bytes, the facts that it makes, and its payload. Signatures first, then its rule.

    `heads(n)` is the digest of entry n − 1, "" for 0. Raises `RecordInvalid` for what is false, `BadInput` for what may not be.
    """
    where = f"entry {place.index}"
    sealed = envelope.read(data, where)
    if sealed.payload_type != PAYLOAD_TYPE:
        raise RecordInvalid(f"is signed as {sealed.payload_type!r}, not as an event", where=where)
    # Whose key it should be stands in the event; nothing in it counts before the signature holds.
    event = read(sealed.payload, where)
    registry = view.get(RegistryFact, "")
    if (registry is None) != (event.kind == "registry-created"):
        raise BadInput(
            "the first event of a registry makes it, no other does", where=where, fix="run: repro registry new"
        )
    if registry is not None and event.registry != registry.origin:
        raise BadInput(
            f"was signed for the registry {event.registry!r}",
            where=where,
            fix=f"this is {registry.origin!r}: sign it again",
        )
    signed = Signed(frozenset(envelope.verify(sealed, passkeys.verifiers(event, view), where, PAYLOAD_TYPE)))
    if event.after > place.index or heads(event.after) != event.head:
        raise BadInput(
            "was signed on another history of this registry", where=where, fix="sign it again, on the log as it is now"
        )
    clock = times.keeps_time(event, signed, place, view)
    facts = [*RULES[event.kind](event, signed, place, view), *clock]
    if len(sealed.signatures) != len(signed.keys) or sealed.to_bytes() != data:
        # It is published as it came: what no signature holds could be anybody's word.
        raise RecordInvalid(
            "its envelope holds more than its payload and the signatures of those who act, or is written in another way",
            where=where,
            fix="sign it again, with those keys only",
        )
    return event, facts, sealed.payload


class Facts:
    """A view in memory: what an audit folds a log into."""

    def __init__(self) -> None:
        self._found: dict[type[Any], dict[str, Any]] = {}
        self._by_key: dict[str, list[str]] = {}
        self._triples: dict[str, list[str]] = {}

    def get(self, kind: type[F], name: str) -> F | None:
        """See `View`."""
        return self.all(kind).get(name)

    def all(self, kind: type[F]) -> dict[str, F]:
        """Every fact of a kind, by name."""
        return self._found.setdefault(kind, {})

    def named(self) -> Iterator[Named]:
        """Every fact of every kind."""
        for found in self._found.values():
            yield from found.items()

    def records_by_key(self, key: str, since: int) -> list[str]:
        """See `View`."""
        records = self.all(RecordFact)
        return [name for name in self._by_key.get(key, []) if records[name].index >= since]

    def of_triple(self, triple: str) -> list[str]:
        """See `View`."""
        return sorted(self._triples.get(triple, []))

    def accepted_in(self, row: str) -> list[str]:
        """See `View`."""
        records = self.all(RecordFact).items()
        return sorted(name for name, fact in records if fact.row == row and fact.status is Status.ACCEPTED)

    def take(self, facts: list[Named]) -> None:
        """These hold from now on."""
        for name, fact in facts:
            if isinstance(fact, RecordFact) and name not in self.all(RecordFact):
                self._by_key.setdefault(fact.key, []).append(name)
            if isinstance(fact, TripleFact) and name and name not in self.all(TripleFact):
                self._triples.setdefault(name[:-64], []).append(name[-64:])
            self._found.setdefault(type(fact), {})[name] = fact
