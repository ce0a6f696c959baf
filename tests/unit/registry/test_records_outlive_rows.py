"""Reproductions and reds outlive their hub: they come along to the next row of the same subject and device (issue 14, 0038)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.progress import SILENT
from harness.registry.actions import acts
from harness.registry.db.transaction import Item
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.exchange.rebuild import rebuild
from harness.registry.facts import RecordFact, TripleFact
from harness.registry.facts.stored import dump
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.queue import shown
from harness.registry.queries.rows import read, score_row
from harness.registry.store import Registry
from tests.support.registry_world import World, world

DAY = date(2026, 11, 24)
B = "Synthetic GPU B"


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


def close(made: World, row: str, how: str = "withdrawn") -> None:
    if how == "withdrawn":
        owner = fact(made.registry, row).operator
        made.act(made.actor(owner), "record-withdrawn", row, reason="never mind")
    elif how == "rejected":
        made.act(made.editor(), "record-rejected", row, reason="wrong clock")
    else:
        key = fact(made.registry, row).key
        made.act(made.editor(), "key-revoked", key, reason="lost", detail={"from_index": 0})


def fact(registry: Registry, record: str) -> RecordFact:
    with registry.reading() as reader:
        return reader.need(RecordFact, record)


def others(made: World, row: str) -> list[str]:
    with made.registry.reading() as reader:
        return sorted(one.id for one in read(reader, row).others)


def contested(made: World, row: str) -> bool:
    with made.registry.reading() as reader:
        return bool(score_row(reader, row, in_force(reader).policy, DAY)[1].contested)


def remarks(made: World, record: str) -> dict[str, str]:
    return {remark.kind: remark.text for remark in shown(made.registry, record)[0].remarks}


def same_everywhere(made: World, tmp_path: Path) -> None:
    """Append, audit, import and rebuilding see the same facts."""
    assert audit(made.registry, None, SILENT).faults == []
    copy = rebuild(made.registry, str(tmp_path / "copy"), SILENT)
    assert audit(copy, None, SILENT).faults == []
    with copy.reading() as ours, made.registry.reading() as theirs:
        for kind in (RecordFact, TripleFact):
            assert ours.all(kind) == theirs.all(kind)
        assert ours.root() == theirs.root()


def test_both_databases_know_what_comes_along(registry, tmp_path):
    row = registry.accepted("ann", rate=100.0)
    red = registry.accepted("bob", row, rate=60.0, os="Windows")
    close(registry, row)
    again = registry.accepted("eve", rate=101.0)
    assert others(registry, again) == [red]
    same_everywhere(registry, tmp_path)


@pytest.mark.parametrize("how", ["withdrawn", "rejected", "revoked"])
def test_reds_come_along_and_contest_the_next_hub(small, tmp_path, how):
    row = small.accepted("ann", rate=100.0)
    reds = [small.accepted(f"red{n}", row, rate=60.0, os=("Windows", "macOS")[n]) for n in range(2)]
    close(small, row, how)
    assert others(small, row) == sorted(reds)
    again = small.record("eve", rate=101.0)
    small.submit(again)
    assert fact(small.registry, reds[0]).row == row  # before an editor's word nothing moves
    small.approve(again.id)
    assert others(small, again.id) == sorted(reds)
    assert [small.status(red) for red in reds] == ["accepted", "accepted"]
    assert contested(small, again.id)
    assert others(small, row) == []
    same_everywhere(small, tmp_path)


def test_the_editor_is_told_what_comes_and_where_from(small):
    row = small.accepted("ann", rate=100.0)
    red = small.accepted("bob", row, rate=60.0, os="Windows")
    close(small, row)
    again = small.record("eve", rate=101.0)
    small.submit(again)
    before = remarks(small, again.id)["earlier-row"]
    assert "come along: 1, outside its tolerance: 1" in before
    assert row[:12] in before
    assert "contested" in shown(small.registry, again.id)[0].effect
    small.approve(again.id)
    assert "earlier-row" not in remarks(small, again.id)
    assert remarks(small, again.id)["took along"].endswith("approved: 1")
    assert row[:12] in remarks(small, red)["came along"]


def test_records_of_another_device_or_subject_stay(small, tmp_path):
    row = small.accepted("ann")
    device = small.accepted("bob", row, sku=B)
    own = small.accepted("cat", row, rate=100.5)
    other = small.accepted("dan", model="synthetic-2b")
    close(small, row)
    close(small, other)
    again = small.accepted("eve", rate=101.0)
    assert others(small, again) == [own]
    assert fact(small.registry, device).row == row
    # But the next row of their own device takes them.
    second = small.accepted("fay", sku=B, rate=99.0)
    assert others(small, second) == [device]
    same_everywhere(small, tmp_path)


def test_records_of_several_closed_rows_come_and_remember_each(small, tmp_path):
    first = small.accepted("ann")
    one = small.accepted("bob", first, rate=100.5)
    close(small, first)
    second = small.accepted("cat", rate=101.0)
    two = small.accepted("dan", second, rate=99.0)
    close(small, second, "rejected")
    third = small.accepted("eve", rate=98.5)
    assert others(small, third) == sorted([one, two])
    assert fact(small.registry, one).came_from == (first, second)
    assert fact(small.registry, two).came_from == (second,)
    close(small, third)
    small.approve(second)  # a rejected hub that is approved again is the next row, too
    assert others(small, second) == sorted([one, two])
    same_everywhere(small, tmp_path)


def test_one_that_waits_is_decided_in_the_new_row(tmp_path):
    made = world(str(tmp_path / "registry"), "ed", "eve", approvals=2)

    def accepted(name: str, **more: Any) -> str:
        found = made.record(name, **more)
        made.submit(found)
        made.approve(found.id, "ed")
        made.approve(found.id, "eve")
        return found.id

    row = accepted("ann")
    waits = made.record("bob", rate=100.5)
    made.submit(waits, row)
    made.approve(waits.id, "ed")
    close(made, row)
    again = accepted("cat", rate=101.0)
    assert (fact(made.registry, waits.id).row, made.status(waits.id)) == (again, "pending")
    assert fact(made.registry, waits.id).approvals == ()
    same_everywhere(made, tmp_path)


def test_what_is_out_stays_where_it_was(small, tmp_path):
    row = small.accepted("ann")
    out = [small.accepted(name, row, rate=rate) for name, rate in (("bob", 100.5), ("cat", 100.7))]
    close(small, out[0])
    small.act(small.editor(), "record-rejected", out[1], reason="wrong fan")
    close(small, row)
    again = small.accepted("eve", rate=101.0)
    assert others(small, again) == []
    same_everywhere(small, tmp_path)


def test_a_body_that_was_taken_down_later_changes_nothing_in_a_replay(small, tmp_path):
    row = small.accepted("ann")
    red = small.accepted("bob", row, rate=60.0)
    close(small, row)
    again = small.accepted("eve", rate=101.0)
    close(small, red)
    for record in (red, row):
        small.act(small.editor(), "body-dropped", record, reason="names a person")
    assert fact(small.registry, red).row == again
    same_everywhere(small, tmp_path)


def test_a_decision_on_a_record_that_moved_along_is_made_again(small):
    row = small.accepted("ann")
    red = small.accepted("bob", row, rate=60.0)
    with small.registry.reading() as reader:
        stale = acts.event(reader, small.editor(), "record-rejected", red, reason="an outlier of that row")
    close(small, row)
    small.accepted("eve", rate=101.0)
    with pytest.raises(BadInput, match="was signed before what entry"):
        small.raw(stale, *small.editor().keys)


def item(made: World, found: Any, **detail: Any) -> Item:
    """A submission whose event says something else of its device."""
    actor = made.actor(found.measured.measurement.operator)
    with made.registry.reading() as reader:
        whole = acts.submission(reader, actor, found, acts.Wish())
        told = decoded(whole.envelope)
        changed = {name: value for name, value in {**told, **detail}.items() if value is not None}
        event = acts.event(reader, actor, "record-submitted", found.id, detail=changed)
    return replace(whole, envelope=event.signed(actor.keys).to_bytes())


def decoded(data: bytes) -> dict[str, Any]:
    from harness.record import envelope
    from harness.tlog import event

    return dict(event.read(envelope.read(data, "x").payload, "x").detail)


@pytest.mark.parametrize(
    ("digest", "words"),
    [
        ("0" * 64, "names another device than its record"),
        ("GPU", "64 hexadecimal digits"),
        (None, "does not name its device"),
    ],
)
def test_a_hub_can_not_slip_its_reds_by_another_device(small, digest, words):
    row = small.accepted("ann")
    small.accepted("bob", row, rate=60.0)
    close(small, row)
    small.join("eve")
    with pytest.raises(BadInput, match=words):
        small.registry.append_one(item(small, small.record("eve", rate=101.0), device_sha256=digest), acts.utc())


def test_a_log_from_before_devices_were_named_holds_and_its_editor_moves(small, tmp_path):
    """Its entries lack the field: as they were taken then, in a replay."""

    def old(name: str, row: str = "", **setup: Any) -> str:
        found = small.record(name, **setup)
        small.join(name)
        actor = small.actor(name)
        with small.registry.reading() as reader:
            whole = acts.submission(reader, actor, found, acts.Wish(row=row))
            told = {k: v for k, v in decoded(whole.envelope).items() if k != "device_sha256"}
            event = acts.event(reader, actor, "record-submitted", found.id, detail=told)
        small.registry.append_one(Item(event.signed(actor.keys).to_bytes(), found, at=acts.utc()), acts.utc())
        small.approve(found.id)
        return found.id

    row = old("ann")
    red = old("bob", row, rate=60.0)
    close(small, row)
    again = small.record("eve", rate=101.0)
    small.submit(again)
    assert "repro review move" in remarks(small, again.id)["earlier-row"]
    small.approve(again.id)
    assert fact(small.registry, red).row == row
    assert "device_sha256" not in dump(fact(small.registry, red))
    same_everywhere(small, tmp_path)
    late = item(small, small.record("bob", sku=B), device_sha256=None)
    with pytest.raises((BadInput, RecordInvalid), match="does not name its device"):
        small.registry.append_one(replace(late, at=acts.utc()), acts.utc())


def test_a_device_that_is_listed_later_leaves_its_log_whole(small):
    """The event names it as it was called before; who submits now must name it as it is called now."""
    from harness.registry.intake.ingest import agrees, names_device
    from harness.registry.intake.projection import device_digest
    from harness.tlog.event import Event

    found = small.record("ann")
    assert found.measured.unlisted.startswith("unlisted ")
    small.join("ann")
    detail = decoded(item(small, found, device_sha256=device_digest(found.measured.unlisted)).envelope)
    event = Event("record-submitted", "x", "ann", acts.utc(), found.id, "", 0, "", detail)
    agrees(event, found)
    with pytest.raises(BadInput, match="another device"):
        names_device(event, found)


def test_an_export_with_records_that_came_along_is_read_as_it_is(small, tmp_path):
    row = small.accepted("ann")
    red = small.accepted("bob", row, rate=60.0)
    close(small, row)
    again = small.accepted("eve", rate=101.0)
    files.export(small.registry, tmp_path / "out", SILENT)
    assert fact(files.in_memory(tmp_path / "out"), red).row == again
