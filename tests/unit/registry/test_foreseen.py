"""Facts that are read together are those that are read one by one, and nothing else is asked for."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import event as database_event
from sqlalchemy import select, text

from harness.errors import ReproError
from harness.record import envelope
from harness.registry.actions import acts, incoming
from harness.registry.actions.acts import Wish
from harness.registry.actions.incoming import Parcel
from harness.registry.db import tables
from harness.registry.db.foreseen import Foreseen
from harness.registry.facts import KINDS, KeyFact, OperatorFact, RecordFact
from harness.tlog import merkle
from tests.support.registry_world import key, world


def parcels(made, count):
    """Submissions of as many operators."""
    found = []
    for number in range(count):
        name = f"op-{number}"
        made.join(name)
        record = made.record(name, sku=f"GPU {number}")
        with made.registry.reading() as reader:
            item = acts.submission(reader, made.actor(name), record, Wish())
        found.append(Parcel(item.envelope, record.envelope, record.samples))
    return found


def taken(made, some):
    brought = [incoming.brought(incoming.opened(made.registry, one), demonstration=False) for one in some]
    return incoming.take(made.registry, key("registry"), brought)


def test_each_fact_is_the_one_that_is_read_by_itself(place):
    made = world(place)
    made.accepted("ann")
    with made.registry.reading() as reader:
        names = {(kind, name) for kind in KINDS for name in ("", "ann", "nobody", "\0", *reader.all(kind))}
        foreseen = Foreseen(reader, names)
        assert {one: foreseen.get(*one) for one in names} == {one: reader.get(*one) for one in names}
        assert foreseen.get(OperatorFact, "bob") is None


def test_lines_of_the_log_and_open_rows_are_those_that_are_asked_for_one_by_one(place):
    made = world(place)
    hub = made.accepted("ann")
    other = made.record("bob", sku="GPU of bob")
    made.submit(other)
    made.submit(made.record("cyd"), hub)
    with made.registry.reading() as reader:
        size = reader.size()
        digests = [reader.entry(index).event_sha256 for index in range(size)] + ["0" * 64]
        lines = [tables.records.c[name] for name in ("model", "quantisation", "engine", "workload", "sku")]
        homes = {tuple(one) for one in reader.connection.execute(select(*lines))} | {("m", "q", "e", "w", "d")}
        foreseen = Foreseen(reader, [], range(size + 3), digests, homes)
        asked = []
        database_event.listen(reader.connection, "before_cursor_execute", lambda *told: asked.append(told[2]))
        found = (
            [foreseen.head(one) for one in range(size + 3)],
            [foreseen.place_of(one) for one in digests],
            [foreseen.has_event(one) for one in digests],
            {one: foreseen.row_for(one[:4], one[4]) for one in homes},
        )
        assert len(asked) == 0
        assert found == (
            [reader.head(one) for one in range(size + 3)],
            [reader.place_of(one) for one in digests],
            [reader.has_event(one) for one in digests],
            {one: reader.row_for(one[:4], one[4]) for one in homes},
        )
        assert {hub, other.id, None} == set(found[3].values())
        assert foreseen.head(size + 9) is None
        assert foreseen.place_of("1" * 64) is None


def test_a_wrong_hint_changes_nothing(place):
    made = world(place)
    (one,) = parcels(made, 1)
    brought = incoming.brought(incoming.opened(made.registry, one), demonstration=False)
    wrong = replace(brought, item=replace(brought.item, hint=(10**6, "")))
    (answer,) = incoming.take(made.registry, key("registry"), [wrong])
    assert answer.new
    (again,) = incoming.take(made.registry, key("registry"), [wrong])
    assert not again.new
    assert again.receipt.entry == answer.receipt.entry


def test_a_fact_that_cannot_be_read_is_named_where_it_is_asked_for(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    with made.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text("UPDATE facts SET value = '{' WHERE kind = 'operator'"))
    with made.registry.reading() as reader:
        foreseen = Foreseen(reader, [(OperatorFact, "ann"), (KeyFact, "")])
        with pytest.raises(ReproError, match="the database's fact of it is not JSON"):
            foreseen.get(OperatorFact, "ann")


def test_of_many_that_come_together_one_with_a_false_fact_is_refused_alone(tmp_path):
    made = world(str(tmp_path / "registry"))
    some = parcels(made, 3)
    opened = [incoming.opened(made.registry, one) for one in some]
    brought = [incoming.brought(one, demonstration=False) for one in opened]
    with made.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text("UPDATE facts SET value = '{' WHERE kind = 'operator' AND name = 'op-1'"))
    answers = incoming.take(made.registry, key("registry"), brought)
    assert [isinstance(one, ReproError) for one in answers] == [False, True, False]


def test_sixteen_submissions_ask_hardly_more_than_one(tmp_path):
    made = world(str(tmp_path / "registry"))
    some, asked = parcels(made, 17), []
    database_event.listen(made.registry.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    assert taken(made, some[:1])[0].new
    alone = len(asked)
    asked.clear()
    assert all(one.new for one in taken(made, some[1:]))
    assert len(asked) < alone + 15 * 4  # of each: three before it is opened alone, none in the transaction; it was 31


def test_events_that_are_opened_together_are_answered_each_by_itself(place):
    made = world(place)
    some = parcels(made, 3)
    (known,) = taken(made, some[:1])
    broken = Parcel(some[1].event[:-9], some[1].record, some[1].samples)
    asked = []
    database_event.listen(made.registry.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))
    found = incoming.opened_together(made.registry, [some[0], broken, some[2]])
    assert len([one for one in asked if one.startswith("SELECT")]) == 2
    assert found[0].entry == known.receipt.entry
    assert "is not a DSSE envelope" in str(found[1])
    assert found[2] == incoming.opened(made.registry, some[2])
    assert [str(one) for one in incoming.opened_together(made.registry, [broken])] == [str(found[1])]


def test_a_receipt_of_what_is_taken_is_made_before_anybody_else_sees_it_and_told_afterwards(place, monkeypatch):
    made = world(place)
    some = parcels(made, 2)
    with made.registry.reading() as reader:
        size = reader.size()
    sizes = []

    def fails(reader, lines):
        with made.registry.reading() as other:
            sizes.append(other.size())
        raise RuntimeError("no receipt")

    monkeypatch.setattr(incoming, "of_lines", fails)
    with pytest.raises(RuntimeError, match="no receipt"):
        taken(made, some)
    monkeypatch.undo()
    assert sizes == [size]
    with made.registry.reading() as reader:  # and so nothing was taken
        assert reader.size() == size
    assert [one.receipt.entry for one in taken(made, some)] == [size, size + 1]


@pytest.mark.parametrize("name", ["\ud800", "\0", "x" * 70_000, "é"])
def test_a_signature_by_a_key_of_a_strange_name_is_nobodys(place, name):
    made = world(place)
    (one,) = parcels(made, 1)
    told = json.loads(one.event)
    told["signatures"][0]["keyid"] = name
    with pytest.raises(ReproError, match="no known key has signed it"):
        incoming.opened(made.registry, Parcel(json.dumps(told).encode(), one.record, one.samples))


def test_nodes_that_are_read_together_make_the_same_proofs(place):
    made = world(place)
    for number in range(9):
        made.join(f"op-{number}")
    with made.registry.reading() as reader:
        size = reader.size()
        assert reader.root() == merkle.root(size, reader.node)
        node = reader.nodes_for(lambda asked: [merkle.inclusion_proof(index, size, asked) for index in range(size)])
        for index in range(size):
            assert merkle.inclusion_proof(index, size, node) == merkle.inclusion_proof(index, size, reader.node)
        with pytest.raises(ReproError, match="the tree lacks node 0/99"):
            reader.nodes_for(lambda asked: asked(0, 99))


def test_a_record_that_is_there_is_told_when_it_is_opened(place):
    made = world(place)
    (one,) = parcels(made, 1)
    assert incoming.opened(made.registry, one).entry is None
    (answer,) = taken(made, [one])
    assert incoming.opened(made.registry, one).entry == answer.receipt.entry
    with made.registry.reading() as reader:
        assert len(reader.all(RecordFact)) == 1


def test_a_signature_that_held_holds_for_those_bytes_and_that_key_alone():
    sealed = envelope.sign(b"one", [key("ann")])
    name, public = envelope.key_id(key("ann").public_key()), key("ann").public_key()
    assert envelope.verify(sealed, {name: public}, "here") == (name,)
    assert envelope.verify(sealed, {name: public}, "here") == (name,)
    (signature,) = sealed.signatures
    for payload, sig, by in (
        (b"two", signature.sig, public),
        (b"one", signature.sig[:-1] + bytes([signature.sig[-1] ^ 1]), public),
        (b"one", signature.sig, key("bob").public_key()),
    ):
        changed = envelope.Envelope(sealed.payload_type, payload, (envelope.Signature(name, sig),))
        with pytest.raises(ReproError, match="is false"):
            envelope.verify(changed, {name: by}, "here")
