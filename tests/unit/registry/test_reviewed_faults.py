"""Ways round the rules that a reader of them thought of: each is shut."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta

import pytest

from harness.catalog.suites import challenge_seed
from harness.demo.records import Setup, person, sealed
from harness.errors import BadInput, RecordInvalid
from harness.progress import SILENT
from harness.record import envelope
from harness.record.canonical import canonical
from harness.registry.actions import acts
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.facts import RequestFact
from harness.registry.intake.ingest import checked
from harness.registry.queries import rows
from harness.registry.queries.active_policy import in_force
from harness.tiers.values import Source
from tests.support.registry_world import editors, key, text, world


def test_an_editors_handle_makes_nobody_editorial(small):
    who = person("ed")
    eve = acts.Actor("ed", (who.operator,))
    with pytest.raises(BadInput, match="is an editor's handle"):
        acts.join(small.registry, eve, text(who.operator), "0" * 64)
    both = acts.Actor("ed", (who.operator, key("ed")))
    acts.join(small.registry, both, text(who.operator), "0" * 64)
    found = small.record("ed")
    acts.submit(small.registry, acts.Actor("ed", (who.operator,)), found)
    small.approve(found.id)
    with small.registry.reading() as reader:
        assert rows.read(reader, found.id).hub.source is Source.EDITORIAL


def test_an_operators_handle_is_not_made_an_editors_without_its_key(small):
    old = small.accepted("ann")
    document = editors("ed", "ann", version=2)
    with pytest.raises(BadInput, match="is an operator's handle"):
        small.act(small.editor(), "editors-changed", "editors", reason="more of us", detail={"editors": document})
    actor = acts.Actor("ed", (key("ed"), small.person("ann").operator))
    small.act(actor, "editors-changed", "editors", reason="more of us", detail={"editors": document})
    with small.registry.reading() as reader:
        assert rows.read(reader, old).hub.source is Source.COMMUNITY  # what was submitted before stays what it was


def test_a_row_that_was_given_up_may_be_opened_again_in_a_copy_too(small, tmp_path):
    first = small.record("ann")
    small.submit(first)
    small.act(small.actor("ann"), "record-withdrawn", first.id)
    second = small.record("ann", rate=101.0)
    assert small.submit(second).event.detail["row"] == second.id
    files.export(small.registry, tmp_path / "out", SILENT)
    assert not audit(files.in_memory(tmp_path / "out"), None, SILENT).faults


def test_a_rebuild_after_a_takedown_is_the_same_registry(small, tmp_path):
    row = small.accepted("ann")
    gone = small.accepted("bob", rate=101.0)
    small.accepted("cat", rate=100.5)
    small.act(small.editor(), "record-rejected", gone, reason="names somebody")
    small.act(small.editor(), "body-dropped", gone, reason="names somebody")
    files.export(small.registry, tmp_path / "out", SILENT)
    again = files.in_memory(tmp_path / "out")
    day = date(2026, 11, 24)
    with small.registry.reading() as one, again.reading() as other:
        policy = in_force(one).policy
        assert rows.score_row(one, row, policy, day) == rows.score_row(other, row, policy, day)
    assert not audit(again, None, SILENT).faults


def test_a_seed_that_does_not_follow_from_the_challenge_is_refused():
    nonce = "a" * 64
    data, samples = sealed(person("ann"), Setup(challenge=nonce))
    assert checked(data, samples, "x").record.run.seed == challenge_seed(nonce)
    statement = json.loads(envelope.read(data, "").payload)
    statement["predicate"]["run"]["challenge"] = "b" * 64
    who = person("ann")
    forged = envelope.sign(canonical(statement), [who.operator, who.rig]).to_bytes()
    with pytest.raises(RecordInvalid, match="seed does not follow"):
        checked(forged, samples, "x")


@pytest.mark.parametrize(
    "change",
    [
        lambda r: r["model"].pop("sha256"),
        lambda r: r["model"].update(quantisation=["x"]),
        lambda r: r["environment"].update(gpu={"nvidia": "x"}),
        lambda r: r["environment"].update(gpu=7),
        lambda r: r["environment"].update(host=[]),
        lambda r: r["derived"].update(telemetry=[1]),
        lambda r: r["run"].update(started_utc="2026-02-30T00:00:00Z"),
        lambda r: r["run"].update(finished_utc="2026-11-01T０1:00:00Z"),
        lambda r: r["runtime"]["devices"][0].update(name="x" * 5000),
        lambda r: r["runtime"]["devices"][0].update(name="a\0b"),
        lambda r: r["runtime"].update(version="1" * 4000),
    ],
)  # fmt: skip
def test_malformed_insides_end_in_one_line(change):
    who = person("ann")
    data, samples = sealed(who, Setup())
    statement = json.loads(envelope.read(data, "").payload)
    change(statement["predicate"])
    forged = envelope.sign(canonical(statement), [who.operator, who.rig]).to_bytes()
    try:
        found = checked(forged, samples, "x")
    except RecordInvalid as error:
        assert "\n" not in str(error)
    else:  # some of it is only looked at, and then says nothing
        assert found.measured.measurement.hardware.sku == "Synthetic GPU A ×1"


def test_checks_that_were_left_out_are_failures(small):
    bare = small.record("ann", more={"checks": ()})
    assert "no counting" in bare.measured.measurement.failed
    fast = small.record("bob", sku="NVIDIA GeForce RTX 4060", rate=900.0)
    assert "device_physics" in fast.measured.measurement.failed
    # An engine that narrowed the weights reads less than the file holds.
    narrowed = {"derived": {"bytes_per_token": 200_000_000}}
    honest = small.record("bob", sku="NVIDIA GeForce RTX 4060", rate=900.0, more=narrowed)
    assert "device_physics" not in honest.measured.measurement.failed


def test_what_fails_its_own_checks_lifts_nobody(small):
    row = small.accepted("ann")
    small.accepted("eve", rate=100.5, failed=("counting",))
    with small.registry.reading() as reader:
        _, score = rows.score_row(reader, row, in_force(reader).policy, date(2026, 11, 24))
    assert (str(score.state), str(score.tier)) == ("approved-public", "low")


def test_a_revoked_key_revokes_nothing(small):
    ann = small.join("ann")
    from harness.record.envelope import key_id

    following = key_id(key("after next").public_key())
    detail = {"operator_key": text(ann.following), "next_key_sha256": following}
    small.act(acts.Actor("ann", (ann.following,)), "operator-rotated", "ann", detail=detail)
    second = key_id(ann.following.public_key())
    small.act(small.editor(), "key-revoked", second, reason="stolen", detail={"from_index": 0})
    with pytest.raises(BadInput, match="key of ann is revoked"):
        small.act(
            acts.Actor("ann", (ann.following,)),
            "key-revoked",
            key_id(ann.operator.public_key()),
            detail={"from_index": 0},
        )


def test_the_word_of_an_editor_who_left_does_not_count(tmp_path):
    small = world(str(tmp_path / "registry"), "ed", "mal", "flo", approvals=2)
    found = small.record("ann")
    small.submit(found)
    small.approve(found.id, "mal")
    small.act(
        small.editor(),
        "editors-changed",
        "editors",
        reason="mal left",
        detail={"editors": editors("ed", "flo", version=2)},
    )
    small.approve(found.id, "ed")
    assert small.status(found.id) == "pending"
    small.approve(found.id, "flo")
    assert small.status(found.id) == "accepted"


def test_an_expiry_is_a_day(small):
    for text_ in ("zzzzzzzzzz", "01-02-2027", "2027"):
        with pytest.raises(BadInput, match="expiry must be a day"):
            small.act(
                small.editor(),
                "editors-changed",
                "editors",
                reason="x",
                detail={"editors": editors("ed", version=2, expires=text_)},
            )


def test_a_request_that_was_laid_aside_is_not_measured(small):
    small.join("ann")
    small.act(small.actor("ann"), "request-opened", "c" * 64, detail={"model": "m", "hardware": "h", "runtime": "r"})
    small.act(small.editor(), "request-accepted", "c" * 64, reason="wanted")
    found = small.record("ann")
    small.submit(found, request="c" * 64)
    small.act(small.editor(), "request-archived", "c" * 64, reason="stale")
    small.approve(found.id)
    with small.registry.reading() as reader:
        assert reader.need(RequestFact, "c" * 64).status == "archived"


def test_times_are_checked_beside_a_challenge(small):
    small.join("ann")
    nonce, _ = acts.challenge(small.registry, key("registry"), "ann", 7)
    soon = datetime.strptime(acts.utc(), "%Y-%m-%dT%H:%M:%SZ") - timedelta(days=1)
    with pytest.raises(BadInput, match="began before its challenge"):
        small.submit(small.record("ann", challenge=nonce, started=soon))
