"""A run that failed at a registry: it is shown as one operator's word, and no row, tier or comparison knows of it."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.progress import SILENT
from harness.registry.actions import acts, failures
from harness.registry.db.transaction import Item
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.exchange.rebuild import rebuild
from harness.registry.facts import FailureFact, RecordFact, RegistryFact
from harness.registry.intake import ingest
from harness.registry.queries import failures as asked
from harness.registry.queries import rows
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.scores import standings
from harness.tiers.values import Status
from tests.support.failed_runs import EMPTY, envelope_of, failed_run, shown, submitted
from tests.support.registry_world import World, world

DAY = date(2026, 11, 24)
LATER = datetime(2026, 11, 20, 12)
B = "Synthetic GPU B"


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


def public(made: World) -> list[asked.Told]:
    with made.registry.reading() as reader:
        return asked.public(reader)


def scores(made: World) -> list[object]:
    with made.registry.reading() as reader:
        return list(standings(reader, in_force(reader).policy, DAY))


def test_a_failure_waits_until_an_editor_approves_it(registry: World) -> None:
    small = registry  # in both kinds of database
    identity = submitted(small, "ann")
    assert public(small) == []
    with small.registry.reading() as reader:
        assert asked.waiting(reader) == [identity]
    failures.decide(small.registry, small.editor(), failures.Decision.APPROVE, identity[:12], "seen the log")
    (told,) = public(small)
    assert (told.record, told.operator, told.words) == (identity, "ann", "out of memory (while loading)")
    assert told.failure.device.startswith("GeForce RTX 4090")
    assert audit(small.registry, None, SILENT).faults == []


def test_a_failure_changes_no_score_and_opens_no_row(small: World) -> None:
    row = small.accepted("ann")
    small.accepted("bob", row, sku=B)
    before = scores(small)
    shown(small, "cyd")
    shown(small, "ann")
    shown(small, "dan", model="another-model")
    assert scores(small) == before
    with small.registry.reading() as reader:
        assert {one.id for one in rows.members(rows.read(reader, row))} & set(reader.all(FailureFact)) == set()


def test_no_editor_can_approve_a_failure_as_a_record(small: World) -> None:
    identity = submitted(small, "ann")
    for kind in ("record-approved", "record-sent-back", "record-moved"):
        with pytest.raises(BadInput, match="knows no record"):
            small.act(small.editor(), kind, identity, reason="yes", detail={"row": identity} if "moved" in kind else {})
    assert scores(small) == []


def test_a_failure_can_not_be_submitted_as_a_measurement_nor_the_other_way_round(small: World) -> None:
    with pytest.raises(BadInput, match="holds no number: it does not run here: out of memory"):
        ingest.checked(envelope_of(small, "ann"), EMPTY, "ann")
    whole = small.record("ann")
    with pytest.raises(RecordInvalid, match="its samples have"):
        failed_run_of(whole.envelope, whole.samples + bytes(1 << 17))
    with pytest.raises(BadInput, match="did not fail"):
        failed_run_of(whole.envelope, whole.samples)


def failed_run_of(envelope: bytes, samples: bytes) -> object:
    from harness.registry.intake.failures import checked

    return checked(envelope, samples, "x")


def test_other_samples_beside_a_failure_are_refused(small: World) -> None:
    with pytest.raises(RecordInvalid, match="not those of the record"):
        failed_run_of(envelope_of(small, "ann"), EMPTY + b"\0")


def test_a_newer_success_of_the_same_operator_and_device_takes_its_place(small: World) -> None:
    row = small.accepted("ann")
    shown(small, "bob", sku=B)
    assert len(public(small)) == 1
    small.accepted("cyd", row, sku=B, started=LATER)  # another operator's success does not
    assert len(public(small)) == 1
    small.accepted("bob", row, started=LATER)  # nor one on another device
    assert len(public(small)) == 1
    small.accepted("bob", row, sku=B, started=LATER, seed=99)
    assert public(small) == []


def test_an_older_success_does_not_hide_a_newer_failure(small: World) -> None:
    row = small.accepted("ann")
    small.accepted("bob", row, sku=B)
    shown(small, "bob", sku=B, started=LATER)
    assert [told.operator for told in public(small)] == ["bob"]


def test_a_flood_by_one_operator_is_one_word(small: World) -> None:
    for number in range(4):
        shown(small, "eve", {"evidence": {"attempts": number}})
    shown(small, "ann")
    found = public(small)
    assert sorted(told.operator for told in found) == ["ann", "eve"]
    with small.registry.reading() as reader:
        assert asked.heads(found, rows.people(reader)) == 2


def test_a_flood_in_the_queue_displaces_nobody_elses(small: World) -> None:
    for number in range(4):
        submitted(small, "eve", {"evidence": {"attempts": number}})
    own = submitted(small, "ann")
    with small.registry.reading() as reader:
        found = asked.listed(reader, most=2)
    assert own in [one.record for one in found.told]
    assert (len(found.told), found.unreadable, len(found.unread)) == (2, (), 3)
    assert {one.operator for one in found.unread} == {"eve"}


def test_two_handles_of_one_machine_are_one_head(small: World) -> None:
    small.people["eve"] = small.person("eve", "shared")
    small.people["eva"] = small.person("eva", "shared")
    shown(small, "eve")
    shown(small, "eva")
    with small.registry.reading() as reader:
        assert asked.heads(asked.public(reader), rows.people(reader)) == 1


def test_it_stands_at_every_row_of_its_model_and_engine(small: World) -> None:
    row, other = small.accepted("ann"), small.accepted("ann", sku=B)
    small.accepted("ann", model="another-model")
    shown(small, "bob", sku="Synthetic GPU C")
    with small.registry.reading() as reader:
        assert set(asked.at_rows(reader, asked.public(reader))) == {row, other}


def test_a_rejected_one_is_not_shown_and_its_bytes_can_be_taken_down(small: World, tmp_path: Path) -> None:
    identity = shown(small, "ann")
    failures.decide(small.registry, small.editor(), failures.Decision.REJECT, identity, "a wrong cable")
    assert public(small) == []
    made = failures.decide(small.registry, small.editor(), failures.Decision.TAKE_DOWN, identity, "it names somebody")
    assert made.dropped
    with small.registry.reading() as reader:
        assert reader.body(reader.need(FailureFact, identity).envelope_sha256) is None
    assert audit(small.registry, None, SILENT).faults == []
    files.export(small.registry, tmp_path / "files", SILENT)  # where nothing of it is left
    for copy in (files.in_memory(tmp_path / "files"), rebuild(small.registry, str(tmp_path / "again"), SILENT)):
        assert audit(copy, None, SILENT).faults == []


def test_only_its_operator_withdraws_it(small: World) -> None:
    identity = shown(small, "ann")
    small.join("bob")
    with pytest.raises(BadInput, match="somebody else's"):
        failures.withdraw(small.registry, small.actor("bob"), identity, "no")
    failures.withdraw(small.registry, small.actor("ann"), identity, "it runs with a newer driver")
    assert public(small) == []


def test_what_a_revoked_key_signed_is_not_shown(small: World) -> None:
    identity = shown(small, "ann")
    with small.registry.reading() as reader:
        key = reader.need(FailureFact, identity).key
    small.act(small.editor(), "key-revoked", key, reason="lost", detail={"from_index": 0})
    assert public(small) == []


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("outcome_reason", "timed_out", "names another reason"),
        ("outcome_reason", "out_of_luck", "no reason that is known"),
        ("subject_sha256", "0" * 64, "names another subject"),
        ("device_sha256", "0" * 64, "names another device"),
        ("samples_sha256", "0" * 64, "names another samples"),
        ("started", "2026-11-01T12:00:01Z", "names another start"),
        ("envelope_sha256", "x", "must be a digest"),
    ],
)
def test_an_event_that_says_otherwise_than_its_record_is_refused(
    small: World, field: str, value: str, words: str
) -> None:
    found = failed_run(small, "ann")
    small.join("ann")
    with small.registry.reading() as reader:
        claims = found.claims
        from hashlib import sha256

        detail = {
            "envelope_sha256": sha256(found.envelope).hexdigest(), "samples_sha256": claims.samples_sha256,
            "subject_sha256": found.subject_sha256, "device_sha256": found.device_sha256, "outcome_reason": found.failure.reason,
            "operator_key": claims.operator_key, "rig_key": claims.rig_key, "started": claims.started, "finished": claims.finished,
            "idempotency": found.id, "challenge": "",
        } | {field: value}  # fmt: skip
        made = acts.event(reader, small.actor("ann"), "failure-submitted", found.id, detail=detail)
    with pytest.raises(BadInput, match=words):
        small.registry.append_one(Item(made.signed(small.actor("ann").keys).to_bytes(), failure=found), acts.utc())


def test_the_same_one_enters_once(small: World) -> None:
    found = failed_run(small, "ann")
    small.join("ann")
    assert failures.send(small.registry, small.actor("ann"), found) is not None
    assert failures.send(small.registry, small.actor("ann"), found) is None


def test_a_synthetic_failure_enters_a_demonstration_alone(small: World, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="is synthetic"):
        submitted(small, "ann", synthetic=True)
    made = world(str(tmp_path / "demo"), demonstration=True)
    assert shown(made, "ann", synthetic=True)


def test_an_export_an_import_and_a_rebuild_keep_it(tmp_path: Path) -> None:
    made = world(str(tmp_path / "registry"))
    row = made.accepted("ann")
    kept, gone = shown(made, "bob"), shown(made, "cyd")
    failures.decide(made.registry, made.editor(), failures.Decision.REJECT, gone, "a wrong cable")
    failures.decide(made.registry, made.editor(), failures.Decision.TAKE_DOWN, gone, "it names somebody")
    files.export(made.registry, tmp_path / "out", SILENT)
    copy = files.in_memory(tmp_path / "out")
    assert audit(copy, None, SILENT).faults == []
    with copy.reading() as reader:
        assert [told.record for told in asked.public(reader)] == [kept]
        assert reader.need(RecordFact, row).status is Status.ACCEPTED
    again = rebuild(made.registry, str(tmp_path / "again"), SILENT)
    with again.reading() as reader:
        assert [told.record for told in asked.public(reader)] == [kept]


def test_an_audit_finds_a_changed_one(tmp_path: Path) -> None:
    import sqlite3

    made = world(str(tmp_path / "registry"))
    identity = shown(made, "ann")
    with made.registry.reading() as reader:
        digest = reader.need(FailureFact, identity).envelope_sha256
        assert reader.need(RegistryFact)
    connection = sqlite3.connect(tmp_path / "registry" / "registry.sqlite")
    connection.execute("DROP TRIGGER bodies_no_update")
    connection.execute("UPDATE bodies SET data = ? WHERE sha256 = ?", (b"{}", digest))
    connection.commit()
    connection.close()
    told = [fault.what for fault in audit(made.registry, None, SILENT).faults]
    assert any("its envelope were changed" in one for one in told)
    assert public(made) == []


def test_a_device_that_nobody_told_is_unknown_never_the_processor(small: World) -> None:
    found = failed_run(small, "ann", {"loaded": False, "stage": "load", "devices": None, "given": {}})
    assert found.failure.device == "unknown"
    card = {"name": "CUDA0", "kind": "gpu", "description": "NVIDIA GeForce RTX 3090", "memory_bytes": 24 << 30}
    told = failed_run(small, "ann", {"loaded": False, "devices": [card], "given": {}})
    assert told.failure.device.startswith("GeForce RTX 3090")
    processor = failed_run(small, "ann", {"loaded": False, "devices": [card], "given": {"gpu_layers": 0}})
    assert "cores" in processor.failure.device
