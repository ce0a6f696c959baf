"""Revoking an operator's key, and the editors' threshold withdrawing that. Pure."""

from __future__ import annotations

from dataclasses import replace

from harness.registry.facts import KeyFact, Named, OperatorFact, RecordFact
from harness.registry.rules import triples
from harness.registry.rules.base import (
    Place,
    Signed,
    View,
    editor_of,
    editors_in,
    id_of,
    known,
    newest,
    operator_of,
    refuse_unless,
)
from harness.registry.rules.triples import OPEN
from harness.tiers.values import Status
from harness.tlog.event import Event


def revoked(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """What the key signed at `from_index` or later counts no more; wall time has no say.

    Its owner signs, with the key that took over, or an editor.
    """
    entry = known(view, KeyFact, event.subject)
    since = event.detail["from_index"]
    refuse_unless(since <= place.index, "a key can't be revoked from an entry that is not there yet", "from_index")
    operator = view.get(OperatorFact, event.by)
    current = "" if operator is None else id_of(operator.key)
    if entry.owner == event.by and current != event.subject and current in signed.keys:
        operator_of(view, event.by, signed)
    else:
        editor_of(view, event, signed, place)
    earlier = entry.revoked_from
    since = since if earlier is None else min(since, earlier)
    facts: list[Named] = [(event.subject, replace(entry, revoked_from=since, revoked_at=place.index))]
    facts.append(newest(event, place, view))
    for record in view.records_by_key(event.subject, since):
        fact = known(view, RecordFact, record)
        if not fact.dropped:
            stood = fact.status_before if fact.revoked else fact.status
            out = replace(fact, status=Status.REJECTED, why="its key was revoked", revoked=True, status_before=stood)
            facts.append((record, out))
    return facts


def unrevoked(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """The revocation was a mistake: the editors' threshold says so. The key may act again, and its records are what they were.

    A row's own record stays out where another row of its subject and device was accepted since: one open row a triple.
    """
    document, entry = editor_of(view, event, signed, place), known(view, KeyFact, event.subject)
    refuse_unless(
        len(editors_in(document, signed)) >= document.threshold,
        "too few editors signed",
        "signature",
        "pass it round: repro operator unrevoke … --out FILE, repro registry cosign FILE, repro registry apply FILE",
    )
    refuse_unless(entry.revoked_from is not None, "the key is not revoked", event.subject[:12])
    at = entry.revoked_at
    refuse_unless(
        at is None or event.after > at,
        f"was signed before entry {at} revoked it",
        event.subject[:12],
        "propose it again",
    )
    facts: list[Named] = [(event.subject, replace(entry, revoked_from=None, revoked_at=None))]
    facts.append(newest(event, place, view))
    opened: set[str] = set()  # subject and device of the rows that this very act opens
    for record in view.records_by_key(event.subject, entry.revoked_from or 0):
        fact = known(view, RecordFact, record)
        if not fact.revoked or fact.dropped:
            continue
        status, why = fact.status_before or Status.PENDING, event.reason
        triple = fact.subject_sha256 + (fact.device_sha256 or "")
        if fact.row == record and status in OPEN:
            if triple in opened or not triples.free(record, fact, view):
                status, why = (
                    Status.REJECTED,
                    "another row of its model, device, engine and workload was accepted meanwhile",
                )
            opened.add(triple)
        made = replace(fact, status=status, why=why, revoked=False, status_before=None, changed=place.index)
        facts.append((record, made))
    return facts


RULES = {"key-revoked": revoked, "key-unrevoked": unrevoked}
