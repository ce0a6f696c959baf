"""The registry's life on both databases: submit, approve, withdraw; what the database itself forbids; nothing is lost."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from harness.errors import BadInput, RecordInvalid
from harness.progress import SILENT
from harness.registry.actions import acts
from harness.registry.actions.create import sign_checkpoint, tree_of
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.facts import KINDS, RecordFact
from harness.registry.opening import open_database, open_readable
from tests.support.registry_world import World, charter, key, world


def sound(world: World) -> None:
    found = audit(world.registry, None, SILENT)
    assert not found.faults, found.faults


def test_a_record_waits_until_an_editor_approves_it(registry):
    found = registry.record("ann")
    registry.submit(found)
    assert registry.status(found.id) == "pending"
    registry.approve(found.id)
    assert registry.status(found.id) == "accepted"
    sound(registry)


def test_a_registry_says_whether_another_process_can_open_it(registry, tmp_path):
    own = registry.registry
    assert not own.in_memory
    assert own.file == (None if own.target.startswith("postgresql") else tmp_path / "registry" / "registry.sqlite")
    files.export(own, tmp_path / "out", SILENT)
    read = files.in_memory(tmp_path / "out")
    assert read.in_memory
    assert read.file is None
    read.close()


def test_the_same_record_twice_is_one(registry):
    found = registry.record("ann")
    registry.submit(found)
    assert acts.submit(registry.registry, registry.actor("ann"), found) is None
    with registry.registry.reading() as reader:
        assert reader.size() == 3  # created, joined, submitted


def test_a_second_record_of_the_same_device_goes_to_the_same_row(registry):
    first = registry.accepted("ann")
    second = registry.record("bob", rate=101.0)
    taken = registry.submit(second)
    assert taken.event.detail["row"] == first


def test_nobody_opens_a_second_row_of_the_same_device(registry):
    registry.accepted("ann")
    second = registry.record("bob", rate=50.0)
    registry.join("bob")
    with registry.registry.reading() as reader:
        item = acts.submission(reader, registry.actor("bob"), second, acts.Wish())
        event = acts.event(reader, registry.actor("bob"), "record-submitted", second.id, detail=None)
    from dataclasses import replace

    from harness.record.envelope import read as unseal
    from harness.registry.db.transaction import Item
    from harness.tlog.event import read

    detail = dict(read(unseal(item.envelope, "").payload, "").detail) | {"row": second.id}
    forged = replace(event, detail=detail).signed([registry.person("bob").operator]).to_bytes()
    with pytest.raises(BadInput, match="has a row of the same model"):
        registry.registry.append_one(Item(forged, second), acts.utc())
    sound(registry)


def test_another_device_opens_its_own_row_or_reproduces_by_name(registry):
    first = registry.accepted("ann")
    other = registry.record("bob", sku="Synthetic GPU B")
    assert registry.submit(other).event.detail["row"] == other.id
    named = registry.record("cat", sku="Synthetic GPU C")
    assert registry.submit(named, row=first[:8]).event.detail["row"] == first
    sound(registry)


def test_another_model_never_joins_a_row(registry):
    first = registry.accepted("ann")
    other = registry.record("bob", model="another-1b")
    with pytest.raises(BadInput, match="differs from the row in model"):
        registry.submit(other, row=first)


def test_an_operator_takes_its_record_back(registry):
    identity = registry.accepted("ann")
    registry.join("bob")
    with pytest.raises(BadInput, match="somebody else's record"):
        registry.act(registry.actor("bob"), "record-withdrawn", identity)
    registry.act(registry.actor("ann"), "record-withdrawn", identity, reason="a wrong driver")
    assert registry.status(identity) == "withdrawn"
    sound(registry)


def test_an_idempotency_key_stands_for_one_record(registry):
    registry.submit(registry.record("ann"), idempotency="night-1")
    with pytest.raises(BadInput, match="same idempotency key"):
        registry.submit(registry.record("ann", rate=90.0), idempotency="night-1")


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
def test_the_database_itself_keeps_the_truth(registry, statement):
    registry.submit(registry.record("ann"))
    sign_checkpoint(registry.registry, key("registry"))
    with (
        pytest.raises(DatabaseError, match="immutable"),
        registry.registry.engine.connect().execution_options(write=True) as connection,
        connection.begin(),
    ):
        connection.execute(text(statement))
    sound(registry)


def test_a_takedown_drops_the_bytes_and_keeps_the_proof(registry):
    identity = registry.accepted("ann")
    with pytest.raises(BadInput, match="is accepted"):
        registry.act(registry.editor(), "body-dropped", identity, reason="names its owner")
    registry.act(registry.editor(), "record-rejected", identity, reason="names its owner")
    registry.act(registry.editor(), "body-dropped", identity, reason="names its owner")
    with registry.registry.reading() as reader:
        fact = reader.get(RecordFact, identity)
        assert reader.body(fact.envelope_sha256) is None
        assert reader.body(fact.samples_sha256) is None
    sound(registry)


def test_export_and_import_lose_nothing(registry, tmp_path):
    first = registry.accepted("ann")
    registry.accepted("bob", rate=101.0)
    registry.submit(registry.record("cat", sku="Synthetic GPU B"), row=first)
    dropped = registry.accepted("dan", sku="Synthetic GPU C")
    registry.act(registry.editor(), "record-rejected", dropped, reason="names its owner")
    registry.act(registry.editor(), "body-dropped", dropped, reason="names its owner")
    sign_checkpoint(registry.registry, key("registry"))
    files.export(registry.registry, tmp_path / "out", SILENT)
    again = files.into(tmp_path / "out", str(tmp_path / "again"), SILENT)
    with registry.registry.reading() as one, again.reading() as other:
        assert tree_of(one) == tree_of(other)
        assert one.checkpoint() == other.checkpoint()
        for kind in KINDS:
            assert one.all(kind) == other.all(kind)
    assert not audit(again, None, SILENT).faults
    files.export(again, tmp_path / "second", SILENT)

    def listing(folder):
        return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}

    assert listing(tmp_path / "out") == listing(tmp_path / "second")


def test_a_registry_is_made_once(registry):
    with pytest.raises(BadInput, match="there is a registry already"):
        world(registry.registry.target)


def test_a_place_without_a_registry_says_so(tmp_path):
    with pytest.raises(BadInput, match="there is no registry"):
        open_database(str(tmp_path))
    assert not list(tmp_path.iterdir())


def test_a_charter_that_its_editor_did_not_sign_leaves_nothing(tmp_path):
    from harness.registry.actions.create import found

    with pytest.raises(RecordInvalid, match="no known key"):
        found(str(tmp_path / "registry"), charter().event("ed"), [key("stranger")])
    assert not list((tmp_path / "registry").iterdir())


def test_synthetic_records_are_for_demonstrations(small, tmp_path):
    found = small.record("ann", synthetic=True)
    with pytest.raises(BadInput, match="never a measurement"):
        small.submit(found)
    demo = world(str(tmp_path / "demo"), demonstration=True)
    demo.submit(found)
    assert demo.status(found.id) == "pending"


@pytest.mark.parametrize("policy", ["network-v1", "network-v2", "network-v3"])
def test_both_policies_score_a_registry_and_its_copy_alike(small, tmp_path, policy):
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
    files.export(small.registry, tmp_path / "out", SILENT)
    rules = policies.load(policy).policy
    with small.registry.reading() as one, files.in_memory(tmp_path / "out").reading() as other:
        first, second = (list(standings(reader, rules, date(2026, 11, 24))) for reader in (one, other))
    assert first == second
    assert len(first) == 1
    assert first[0].tier is not None


@pytest.mark.parametrize("name", ["hub.json", "hub.sqlite"])
def test_a_registry_of_version_0_1_is_told_from_none(tmp_path, name):
    (tmp_path / name).write_text("{}")
    with pytest.raises(BadInput, match=r"made by version 0\.1, whose log has other words"):
        open_readable(str(tmp_path))
