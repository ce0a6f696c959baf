"""Rules of records that outlive their row or their key, of ties, and of what names things."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.db import prefixes
from harness.registry.exchange.audit import audit
from harness.registry.facts import KeyFact
from harness.registry.queries import rows
from harness.registry.queries.review import dossier
from harness.tlog import event
from tests.support.registry_world import World, key, text, world


@pytest.fixture
def small(tmp_path) -> World:
    return world(str(tmp_path / "registry"))


def sound(small: World) -> None:
    assert not audit(small.registry, None, SILENT).faults


def gaps(small: World, record: str) -> list[str]:
    with small.registry.reading() as reader:
        return [remark.text for remark in dossier(reader, record).remarks if remark.kind == "gap in the runs"]


def test_the_chain_of_runs_is_read_by_number_and_not_by_arrival(small):
    day = timedelta(days=1)
    first = small.record("ann", number=1, started=datetime(2026, 11, 1))
    second = small.record("ann", number=2, previous=first.id, started=datetime(2026, 11, 1) + day)
    small.submit(second)
    assert "was not submitted" in gaps(small, second.id)[0]
    small.submit(first)
    assert gaps(small, first.id) == gaps(small, second.id) == []


@pytest.mark.parametrize(("number", "days", "says"), [(2, 3, "is"), (1, 3, "in the other order of time")])
def test_a_rig_whose_count_starts_again_is_shown(small, number, days, says):
    old = small.record("ann", number=2, started=datetime(2026, 11, 1))
    small.submit(old)
    again = small.record("ann", number=number, started=datetime(2026, 11, 1) + timedelta(days=days), rate=104.0)
    small.submit(again)
    assert any("count started again" in remark and says in remark for remark in gaps(small, again.id))


def rotated(small: World) -> None:
    ann = small.person("ann")
    following = key_id(key("after next").public_key())
    detail = {"operator_key": text(ann.following), "next_key_sha256": following}
    small.act(acts.Actor("ann", (ann.following,)), "operator-rotated", "ann", detail=detail)


def test_a_rotated_key_vouches_for_its_own_time_only(small):
    small.join("ann")
    early = small.record("ann", started=datetime(2026, 11, 1))
    rotated(small)
    newest = acts.Actor("ann", (small.person("ann").following,))
    with small.registry.reading() as reader:
        until = datetime.fromisoformat(reader.need(KeyFact, key_id(small.person("ann").operator.public_key())).until)
    assert acts.submit(small.registry, newest, early) is not None
    # Taken 12 minutes after its rotation would be too late; the rule sees times only, so the event is folded at a later one.
    late = small.record("ann", sku="Synthetic GPU B", started=until.replace(tzinfo=None) + timedelta(minutes=12))
    with small.registry.reading() as reader:
        item = acts.submission(reader, newest, late, acts.Wish())
    with pytest.raises(BadInput, match="was measured after its key was rotated out"):
        small.registry.append_one(item, acts.utc(until + timedelta(hours=1)))
    sound(small)


def test_a_thief_of_a_rotated_key_submits_nothing(small):
    small.join("ann")
    rotated(small)
    with pytest.raises((BadInput, RecordInvalid), match=r"no known key|not signed by the key"):
        acts.submit(small.registry, small.actor("ann"), small.record("ann"))


def test_a_tie_holds_until_it_is_taken_back(small):
    small.join("bob")
    small.join("cat")

    def voices() -> int:
        with small.registry.reading() as reader:
            found = rows.people(reader, ["bob", "cat"])
        return len({found.get("bob", "bob"), found.get("cat", "cat")})

    for kind, other, count in (
        ("operators-tied", "cat", 1),
        ("operators-untied", "cat", 2),
        ("operators-tied", "cat", 1),
    ):
        small.act(small.editor(), kind, "bob", reason="so seen", detail={"other": other})
        assert voices() == count
    with pytest.raises(BadInput, match="bob is not an editor"):
        small.act(small.actor("bob"), "operators-untied", "bob", reason="mine", detail={"other": "cat"})
    sound(small)


def closed(small: World) -> tuple[str, str, str]:
    row = small.accepted("ann")
    others = [small.accepted(name, rate=rate) for name, rate in (("bob", 100.5), ("cat", 101.0))]
    small.act(small.editor(), "record-rejected", row, reason="wrong clock")
    return row, others[0], others[1]


def move(small: World, record: str, row: str, actor: acts.Actor | None = None) -> None:
    small.act(actor or small.editor(), "record-moved", record, reason="its row is gone", detail={"row": row})


def test_a_moved_record_is_decided_again_and_two_rows_of_a_triple_are_refused(small):
    row, bob, cat = closed(small)
    move(small, bob, bob)
    assert small.status(bob) == "pending"
    with pytest.raises(BadInput, match="the registry has a row of the same model"):
        move(small, cat, cat)
    move(small, cat, bob)
    small.approve(bob)
    small.approve(cat)
    with small.registry.reading() as reader:
        assert [one.id for one in rows.read(reader, bob).others] == [cat]
        assert [one.id for one in rows.read(reader, row).others] == []
    sound(small)


def test_who_may_move_what(small):
    row, bob, cat = closed(small)
    other = small.accepted("dan", model="synthetic-2b")
    for record, to, actor, words in [
        (bob, bob, small.actor("bob"), "bob is not an editor"),
        (bob, row, None, "the row is rejected"),
        (bob, cat, None, "must name a row"),
        (bob, other, None, "differs from the row"),
        (row, bob, None, "is rejected"),
        (other, bob, None, "is a row of its own"),
    ]:
        with pytest.raises(BadInput, match=words):
            move(small, record, to, actor)
    small.approve(row)
    with pytest.raises(BadInput, match="its row is accepted"):
        move(small, bob, bob)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"by": "Not A Handle"}, "as its author"),
        ({"at": "yesterday"}, "as its time"),
        ({"reason": "x" * 2001}, "2001 characters.*at most 2000"),
    ],
)
def test_an_event_says_which_part_is_wrong(small, change, words):
    with small.registry.reading() as reader:
        good = acts.event(reader, small.editor(), "operator-verified", "ann", reason="x")
    with pytest.raises(RecordInvalid, match=words):
        event.read(replace(good, **change).payload(), "entry 1")


def test_several_that_begin_so_are_listed():
    found = ["abcd" + "0" * 60, "abcd" + "0" * 20 + "f" * 40]
    with pytest.raises(BadInput) as caught:
        prefixes.only(found, "abcd", "record", "")
    assert all(one[:25] in str(caught.value) for one in found)
    assert prefixes.only(found[:1], "abcd", "record", "") == found[0]
    for prefix in ("abc", "wxyz", ""):
        with pytest.raises(BadInput, match="at least 4 hexadecimal digits"):
            prefixes.only([], prefix, "record", "see elsewhere")


def test_all_of_a_batch_or_nothing(small):
    small.submit(small.record("ann"))
    with small.registry.reading() as reader:
        size = reader.size()
        good = acts.event(reader, small.editor(), "operator-verified", "ann", reason="seen")
        bad = acts.event(reader, small.editor(), "operator-verified", "nobody", reason="seen")
    from harness.registry.db.transaction import Item

    with pytest.raises(BadInput, match="knows no operator"):
        small.registry.append_all([Item(one.signed([key("ed")]).to_bytes()) for one in (good, bad)], acts.utc())
    with small.registry.reading() as reader:
        assert reader.size() == size
