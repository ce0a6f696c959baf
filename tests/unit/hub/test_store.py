"""The hub's life on both databases: submit, approve, withdraw; what the database itself forbids; nothing is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from harness.errors import BadInput, RecordInvalid
from harness.registry.actions import acts
from harness.registry.actions.create import sign_checkpoint, tree_of
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.opening import open_hub
from tests.hub_world import World, charter, key, world


def quiet(_done: int, _of: int) -> None:
    pass


def sound(world: World) -> None:
    found = audit(world.hub, None, quiet)
    assert not found.faults, found.faults


def test_a_record_waits_until_an_editor_approves_it(hub):
    found = hub.record("ann")
    hub.submit(found)
    assert hub.status(found.id) == "pending"
    hub.approve(found.id)
    assert hub.status(found.id) == "accepted"
    sound(hub)


def test_the_same_record_twice_is_one(hub):
    found = hub.record("ann")
    hub.submit(found)
    assert acts.submit(hub.hub, hub.actor("ann"), found) is None
    with hub.hub.reading() as reader:
        assert reader.size() == 3  # created, joined, submitted


def test_a_second_record_of_the_same_device_goes_to_the_same_row(hub):
    first = hub.accepted("ann")
    second = hub.record("bob", rate=101.0)
    taken = hub.submit(second)
    assert taken.event.detail["row"] == first


def test_nobody_opens_a_second_row_of_the_same_device(hub):
    hub.accepted("ann")
    second = hub.record("bob", rate=50.0)
    hub.join("bob")
    with hub.hub.reading() as reader:
        item = acts.submission(reader, hub.actor("bob"), second, acts.Wish())
        event = acts.event(reader, hub.actor("bob"), "record-submitted", second.id, detail=None)
    from dataclasses import replace

    from harness.record.envelope import read as unseal
    from harness.registry.db.transaction import Item
    from harness.tlog.event import read

    detail = dict(read(unseal(item.envelope, "").payload, "").detail) | {"row": second.id}
    forged = replace(event, detail=detail).signed([hub.person("bob").operator]).to_bytes()
    with pytest.raises(BadInput, match="has a row of the same model"):
        hub.hub.append_one(Item(forged, second), acts.utc())
    sound(hub)


def test_another_device_opens_its_own_row_or_reproduces_by_name(hub):
    first = hub.accepted("ann")
    other = hub.record("bob", sku="Synthetic GPU B")
    assert hub.submit(other).event.detail["row"] == other.id
    named = hub.record("cat", sku="Synthetic GPU C")
    assert hub.submit(named, row=first[:8]).event.detail["row"] == first
    sound(hub)


def test_another_model_never_joins_a_row(hub):
    first = hub.accepted("ann")
    other = hub.record("bob", model="another-1b")
    with pytest.raises(BadInput, match="differs from the row in model"):
        hub.submit(other, row=first)


def test_an_operator_takes_its_record_back(hub):
    identity = hub.accepted("ann")
    hub.join("bob")
    with pytest.raises(BadInput, match="somebody else's record"):
        hub.act(hub.actor("bob"), "record-withdrawn", identity)
    hub.act(hub.actor("ann"), "record-withdrawn", identity, reason="a wrong driver")
    assert hub.status(identity) == "withdrawn"
    sound(hub)


def test_an_idempotency_key_stands_for_one_record(hub):
    hub.submit(hub.record("ann"), idempotency="night-1")
    with pytest.raises(BadInput, match="same idempotency key"):
        hub.submit(hub.record("ann", rate=90.0), idempotency="night-1")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET digest = 'x'",
        "DELETE FROM entries WHERE idx = 0",
        "UPDATE bodies SET data = ''",
        "DELETE FROM bodies",
        "UPDATE checkpoints SET size = 1",
        "DELETE FROM checkpoints",
    ],
)
def test_the_database_itself_keeps_the_truth(hub, statement):
    hub.submit(hub.record("ann"))
    sign_checkpoint(hub.hub, key("hub"))
    with (
        pytest.raises(DatabaseError, match="immutable"),
        hub.hub.engine.connect().execution_options(write=True) as connection,
        connection.begin(),
    ):
        connection.execute(text(statement))
    sound(hub)


def test_a_takedown_drops_the_bytes_and_keeps_the_proof(hub):
    identity = hub.accepted("ann")
    with pytest.raises(BadInput, match="is accepted"):
        hub.act(hub.editor(), "body-dropped", identity, reason="names its owner")
    hub.act(hub.editor(), "record-rejected", identity, reason="names its owner")
    hub.act(hub.editor(), "body-dropped", identity, reason="names its owner")
    with hub.hub.reading() as reader:
        fact = reader.get("record", identity)
        assert reader.body(fact["envelope_sha256"]) is None
        assert reader.body(fact["samples_sha256"]) is None
    sound(hub)


def test_export_and_import_lose_nothing(hub, tmp_path):
    first = hub.accepted("ann")
    hub.accepted("bob", rate=101.0)
    hub.submit(hub.record("cat", sku="Synthetic GPU B"), row=first)
    dropped = hub.accepted("dan", sku="Synthetic GPU C")
    hub.act(hub.editor(), "record-rejected", dropped, reason="names its owner")
    hub.act(hub.editor(), "body-dropped", dropped, reason="names its owner")
    sign_checkpoint(hub.hub, key("hub"))
    files.export(hub.hub, tmp_path / "out", quiet)
    again = files.into(tmp_path / "out", str(tmp_path / "again"), quiet)
    with hub.hub.reading() as one, again.reading() as other:
        assert tree_of(one) == tree_of(other)
        assert one.checkpoint() == other.checkpoint()
        for kind in ("record", "operator", "editors", "policy", "hub", "key", "idempotency"):
            assert one.all(kind) == other.all(kind)
    assert not audit(again, None, quiet).faults
    files.export(again, tmp_path / "second", quiet)

    def listing(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert listing(tmp_path / "out") == listing(tmp_path / "second")


def test_a_hub_is_made_once(hub):
    with pytest.raises(BadInput, match="there is a hub already"):
        world(hub.hub.target)


def test_a_place_without_a_hub_says_so(tmp_path):
    with pytest.raises(BadInput, match="there is no hub"):
        open_hub(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_charter_that_its_editor_did_not_sign_leaves_nothing(tmp_path):
    from harness.registry.actions.create import found

    with pytest.raises(RecordInvalid, match="no known key"):
        found(str(tmp_path / "hub"), charter().event("ed"), [key("stranger")])
    assert not list((tmp_path / "hub").iterdir())


def test_synthetic_records_are_for_demonstrations(small, tmp_path):
    found = small.record("ann", synthetic=True)
    with pytest.raises(BadInput, match="never a measurement"):
        small.submit(found)
    demo = world(str(tmp_path / "demo"), demonstration=True)
    demo.submit(found)
    assert demo.status(found.id) == "pending"


@pytest.mark.parametrize("policy", ["network-v1", "network-v2", "network-v3"])
def test_both_policies_score_a_hub_and_its_copy_alike(small, tmp_path, policy):
    from datetime import date

    from harness.catalog import policies
    from harness.registry.queries.scores import standings

    row = small.accepted("ann")
    for name, changes in (
        ("bob", {}),
        ("cat", {"sku": "Synthetic GPU B"}),
        ("dan", {"os": "Windows"}),
        ("eve", {"rate": 60.0}),
    ):
        small.accepted(name, row=row, **changes)
    files.export(small.hub, tmp_path / "out", quiet)
    rules = policies.load(policy).policy
    with small.hub.reading() as one, files.in_memory(tmp_path / "out").reading() as other:
        first, second = (list(standings(reader, rules, date(2026, 11, 24))) for reader in (one, other))
    assert first == second
    assert len(first) == 1
    assert first[0].tier is not None
