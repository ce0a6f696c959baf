"""What only a client wrote down is not believed before somebody has looked: the table, checks without a result, dropped bytes."""

import json
from pathlib import Path

import pytest
from sqlalchemy import text

from harness.errors import RecordInvalid
from harness.record.schema import Check
from harness.registry.actions import acts
from harness.registry.db.transaction import Item
from harness.registry.intake import ingest
from harness.registry.intake.measurement import _failed
from harness.registry.queries import review
from tests.support.registry_world import World, world


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


def kinds(registry, identity):
    with registry.registry.reading() as reader:
        return {remark.kind: remark.text for remark in review.dossier(reader, identity).remarks}


@pytest.mark.parametrize("change", ["medians = '900000000,900000001,900000002'", "log_mean = 9.9", "editorial = 1"])
def test_what_the_table_says_otherwise_is_shown_and_never_approved(small, change):
    found = small.record("ann")
    small.submit(found)
    assert "inconsistent" not in kinds(small, found.id)
    with small.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text(f"UPDATE records SET {change}"))
    assert "the table says otherwise of" in kinds(small, found.id)["inconsistent"]
    with small.registry.reading() as reader, pytest.raises(RecordInvalid, match="the table says otherwise"):
        review.held(reader, found.id)


def test_checks_without_a_result_are_remarked(small, monkeypatch):
    found = small.record("ann")
    small.submit(found)
    assert "unchecked" not in kinds(small, found.id)
    honest = review.record_in

    def unknown(reader, identity):
        record = honest(reader, identity)
        return record.model_copy(
            update={"checks": tuple(c.model_copy(update={"status": "unknown"}) for c in record.checks)}
        )

    monkeypatch.setattr(review, "record_in", unknown)
    assert kinds(small, found.id)["unchecked"].startswith("9 of its 9 checks")


@pytest.mark.parametrize("code", ["", " ", "; ", ";"])
def test_a_failed_check_without_a_code_still_fails(small, code):
    record = small.record("ann").record
    bad = Check(code=code, status="fail", text="", evidence={})
    assert _failed(record.model_copy(update={"checks": (*record.checks, bad)})) == ["a check without a name"]


def test_bytes_that_were_taken_down_are_gone_from_the_file(small, tmp_path):
    found = small.record("ann")
    small.submit(found)
    small.act(small.editor(), "record-rejected", found.id, reason="names its owner")
    small.act(small.editor(), "body-dropped", found.id, reason="names its owner")
    with small.registry.engine.connect() as connection:
        assert connection.execute(text("PRAGMA secure_delete")).scalar_one() == 1
    small.registry.engine.dispose()
    held = b"".join(path.read_bytes() for path in (tmp_path / "registry").iterdir())
    assert found.samples[100:400] not in held


@pytest.mark.parametrize("change", [
    lambda value: value["signatures"][0].update(note="unsigned"),
    lambda value: value["signatures"].append({"keyid": "call me", "sig": "AAAA"}),
    lambda value: value["signatures"].append(value["signatures"][0]),
    lambda value: None,  # other white space
])  # fmt: skip
def test_what_nobody_signed_is_not_taken_into_a_public_envelope(small, change):
    found = small.record("ann")
    value = json.loads(found.envelope)
    change(value)
    with pytest.raises(RecordInvalid, match="more than its payload and two signatures"):
        ingest.checked(json.dumps(value, indent=3).encode(), found.samples, "x")


@pytest.mark.parametrize("change", [
    lambda value: value["signatures"][0].update(note="unsigned"),
    lambda value: value["signatures"].append({"keyid": "call me", "sig": "AAAA"}),
    lambda value: value["signatures"].append(value["signatures"][0]),
    lambda value: value["signatures"][0].update(sig=value["signatures"][0]["sig"].replace("+", "-").replace("/", "_")),
    lambda value: None,  # other white space
])  # fmt: skip
def test_what_nobody_signed_is_not_taken_into_an_events_envelope(small, change):
    found = small.record("ann")
    small.submit(found)
    with small.registry.reading() as reader:
        made = acts.event(reader, small.editor(), "record-approved", found.id, reason="complete, and possible")
        size = reader.size()
    value = json.loads(made.signed(small.editor().keys).to_bytes())
    change(value)
    with pytest.raises(RecordInvalid, match="more than its payload and the signatures of those who act"):
        small.registry.append_one(Item(json.dumps(value, indent=3).encode()), acts.utc())
    with small.registry.reading() as reader:
        assert reader.size() == size
