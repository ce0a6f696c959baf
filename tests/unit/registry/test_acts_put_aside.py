"""An act that was signed, kept back, and brought after another act about the same thing counts no more, whatever the thing."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import text

from harness.errors import BadInput, Conflict
from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts, operators
from harness.registry.actions.acts import Actor
from harness.registry.db import sessions as transactions
from harness.registry.db import transaction
from harness.registry.exchange.audit import audit
from harness.registry.facts import LastActFact
from tests.support.registry_world import World

LIMITS = {"events_per_hour": 600, "events_per_day": 5000, "pending_records": 50}
REQUEST = "ab" * 32


def key_of(made: World) -> str:
    return key_id(made.person("ann").operator.public_key())


# What is kept back, of what; and what happens meanwhile: an act like it, then its reverse.
THINGS = {
    "a verification": ("operator-verified", "ann", ["operator-verified", "operator-unverified"]),
    "its withdrawal": ("operator-unverified", "ann", ["operator-unverified", "operator-verified"]),
    "a tie": ("operators-tied", "ann", ["operators-tied", "operators-untied"]),
    "limits": ("limits-raised", "ann", ["limits-raised", "limits-ended"]),
    "a request accepted": ("request-accepted", REQUEST, ["request-accepted", "request-archived", "request-revived"]),
    "a request archived": ("request-archived", REQUEST, ["request-archived", "request-revived"]),
    "a request rejected": ("request-rejected", REQUEST, ["request-archived", "request-revived"]),
    "a claim": ("request-claimed", REQUEST, ["request-accepted", "request-claimed", "request-released"]),
}  # fmt: skip


def ready(made: World) -> None:
    made.join("ann")
    made.join("bob")
    detail = {"model": "m", "hardware": "h", "runtime": "r"}
    made.act(made.actor("ann"), "request-opened", REQUEST, detail=detail)


def by(made: World, kind: str) -> Actor:
    return made.actor("bob") if kind in ("request-claimed", "request-released") else made.editor()


def detail(kind: str) -> dict[str, object]:
    if kind in ("operators-tied", "operators-untied"):
        return {"other": "bob"}
    last = date.fromisoformat(acts.utc()[:10]) + timedelta(days=9)
    return {**LIMITS, "until": last.isoformat()} if kind == "limits-raised" else {}


@pytest.mark.parametrize("name", THINGS)
def test_it_counts_no_more(registry, name):
    kind, subject, meanwhile = THINGS[name]
    ready(registry)
    actor = by(registry, kind)
    with registry.registry.reading() as reader:
        kept = acts.event(reader, actor, kind, subject, reason="as it was then", detail=detail(kind))
    for one in meanwhile:
        registry.act(by(registry, one), one, subject, reason="meanwhile", detail=detail(one))
    with pytest.raises(BadInput, match=r"was signed before what entry|the request is"):
        registry.raw(kept, *actor.keys)
    assert audit(registry.registry, None, SILENT).faults == []


def test_a_revocation_that_was_withdrawn_is_not_made_again_by_an_older_signature(registry):
    ready(registry)
    with registry.registry.reading() as reader:
        kept = acts.event(
            reader,
            registry.editor(),
            "key-revoked",
            key_of(registry),
            reason="as it was then",
            detail={"from_index": 0},
        )
    operators.revoke(registry.registry, registry.editor(), key_of(registry), 0, "taken for stolen", editorial=True)
    operators.unrevoke(registry.registry, registry.editor(), key_of(registry)[:12], "it was another machine's")
    with pytest.raises(Conflict, match="was signed before what entry"):
        registry.raw(kept, *registry.editor().keys)
    registry.act(
        registry.actor("ann"), "request-opened", "cd" * 32, detail={"model": "m", "hardware": "h", "runtime": "r"}
    )


def test_a_report_that_was_withdrawn_is_not_made_again_by_an_older_signature(registry):
    row = registry.accepted("ann")
    registry.join("bob")
    with registry.registry.reading() as reader:
        kept = acts.event(reader, registry.actor("bob"), "row-reported", row, reason="the numbers are odd")
    registry.act(registry.actor("bob"), "row-reported", row, reason="the numbers look odd")
    registry.act(registry.actor("bob"), "report-withdrawn", row)
    with pytest.raises(Conflict, match="was signed before what entry"):
        registry.raw(kept, *registry.actor("bob").keys)
    assert audit(registry.registry, None, SILENT).faults == []


def test_what_is_signed_now_counts_as_before(registry):
    ready(registry)
    for kind in ("operator-verified", "operator-unverified") * 2:
        registry.act(registry.editor(), kind, "ann", reason="seen, and seen again")
    assert audit(registry.registry, None, SILENT).faults == []


def forget(made: World, lines: list[tuple[str, str]]) -> None:
    """These are all facts about newest acts, as a program of before migration 0008 leaves them."""
    with transactions.writing(made.registry.engine) as writer:
        writer.connection.execute(text("DELETE FROM facts WHERE kind = 'last-act'"))
        for name, value in lines:
            made_again = text("INSERT INTO facts (kind, name, value, key) VALUES ('last-act', :name, :value, NULL)")
            writer.connection.execute(made_again, {"name": name, "value": value})


def newest(made: World) -> dict[str, LastActFact]:
    with made.registry.reading() as reader:
        return reader.all(LastActFact)


@pytest.mark.parametrize("counted", [True, False], ids=["after a newer one", "before any newer one"])
def test_an_act_that_an_older_program_took_is_known_to_the_newer_one(registry, monkeypatch, counted):
    ready(registry)
    registry.act(registry.editor(), "operator-verified", "ann", reason="seen the machine")
    if not counted:  # as the migration leaves it
        with transactions.writing(registry.registry.engine) as writer:
            writer.connection.execute(text("DELETE FROM jobs WHERE name = 'lookups and acts'"))
    with registry.registry.reading() as reader:
        lines = reader.connection.execute(text("SELECT name, value FROM facts WHERE kind = 'last-act'")).all()
        kept = acts.event(reader, registry.editor(), "operator-verified", "ann", reason="as it was then")
    with monkeypatch.context() as older:
        older.setattr(transaction.lookups, "write", lambda *_: None)
        registry.act(registry.editor(), "operator-unverified", "ann", reason="sold it")
        registry.act(registry.editor(), "operators-tied", "ann", reason="one desk", detail={"other": "bob"})
    forget(registry, [(name, value) for name, value in lines])
    assert audit(registry.registry, None, SILENT).faults == []
    with pytest.raises(Conflict, match="was signed before what entry 5 says"):
        registry.raw(kept, *registry.editor().keys)
    registry.join("cat")
    assert newest(registry) == {"verified ann": LastActFact(5), "tie ann|bob": LastActFact(6)}
    assert audit(registry.registry, None, SILENT).faults == []


def test_a_stale_newest_act_of_a_program_between_the_two_is_mended_by_the_next_transaction(registry, monkeypatch):
    ready(registry)
    registry.act(registry.editor(), "operator-verified", "ann", reason="seen the machine")
    with registry.registry.reading() as reader:
        kept = acts.event(reader, registry.editor(), "operator-verified", "ann", reason="as it was then")
    registry.act(registry.editor(), "operator-unverified", "ann", reason="sold it")
    forget(registry, [("verified ann", '{"entry": 4}')])
    with transactions.writing(registry.registry.engine) as writer:  # and counted the entries that it had not looked at
        writer.connection.execute(text("UPDATE jobs SET name = 'lookups' WHERE name = 'lookups and acts'"))
    assert audit(registry.registry, None, SILENT).faults == []
    with pytest.raises(Conflict, match="was signed before what entry 5 says"):
        registry.raw(kept, *registry.editor().keys)
    registry.join("cat")
    assert newest(registry) == {"verified ann": LastActFact(5)}
    assert audit(registry.registry, None, SILENT).faults == []


def test_a_changed_newest_act_is_found_though_an_older_program_wrote_since(registry, monkeypatch):
    ready(registry)
    registry.act(registry.editor(), "operator-verified", "ann", reason="seen the machine")
    with monkeypatch.context() as older:
        older.setattr(transaction.lookups, "write", lambda *_: None)
        registry.act(registry.editor(), "operators-tied", "ann", reason="one desk", detail={"other": "bob"})
    forget(registry, [("verified ann", '{"entry": 1}')])
    (fault,) = audit(registry.registry, None, SILENT).faults
    assert (fault.where, fault.what) == ("last-act verified ann", "the database says otherwise than the log")
