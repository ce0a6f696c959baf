"""Who may do what: each refusal by name, in front of a real log."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.progress import SILENT
from harness.record import envelope
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.db.transaction import Item
from harness.registry.exchange.audit import audit
from harness.registry.facts import EditorsFact, PolicyFact, RecordFact, RequestFact
from harness.registry.facts.stored import dump
from tests.support.registry_world import World, editors, key, text, world


def sound(world: World) -> None:
    found = audit(world.registry, None, SILENT)
    assert not found.faults, found.faults


def made(world: World, actor: acts.Actor, kind: str, subject: str, **more: object):
    with world.registry.reading() as reader:
        return acts.event(reader, actor, kind, subject, **more)


def test_an_approval_by_a_non_editor_is_refused(small):
    found = small.record("ann")
    small.submit(found)
    small.join("eve")
    with pytest.raises(BadInput, match="eve is not an editor"):
        small.act(small.actor("eve"), "record-approved", found.id, reason="mine")


def test_an_editors_name_under_a_strangers_key_is_refused(small):
    found = small.record("ann")
    small.submit(found)
    with pytest.raises(RecordInvalid, match="no known key has signed"):
        small.act(acts.Actor("ed", (key("stranger"),)), "record-approved", found.id, reason="x")


def test_an_operators_key_does_not_make_its_owner_an_editor(small):
    small.join("ed2")
    found = small.record("ann")
    small.submit(found)
    with pytest.raises(BadInput, match="not signed by the editor's key"):
        small.act(
            acts.Actor("ed", (small.person("ed2").operator, small.person("ann").operator, key("registry"))),
            "record-approved",
            found.id,
            reason="x",
        )


def test_an_editor_gives_a_reason(small):
    found = small.record("ann")
    small.submit(found)
    with pytest.raises(BadInput, match="needs a reason"):
        small.approve(found.id, reason=" ")


def test_two_editors_where_the_policy_asks_for_two(tmp_path):
    small = world(str(tmp_path / "registry"), "ed", "flo", "gil", approvals=2)
    found = small.record("ann")
    small.submit(found)
    small.approve(found.id)
    assert small.status(found.id) == "pending"
    small.approve(found.id, reason="still")  # the same editor twice is one
    assert small.status(found.id) == "pending"
    small.approve(found.id, "flo")
    assert small.status(found.id) == "accepted"
    sound(small)


def test_no_event_grants_reproduced_or_sets_a_tier(small):
    from harness.tlog.event import KINDS

    assert not [kind for kind in KINDS if "reproduced" in kind or "tier" in kind or "promote" in kind]
    found = small.record("ann")
    small.submit(found)
    event = replace(made(small, small.editor(), "record-approved", found.id, reason="x"), kind="record-reproduced")
    with pytest.raises(RecordInvalid, match="unknown"):
        small.raw(event, key("ed"))


def test_a_forged_signature_is_refused(small):
    found = small.record("ann")
    small.submit(found)
    sealed = made(small, small.editor(), "record-approved", found.id, reason="x").signed([key("ed")])
    forged = replace(sealed, signatures=(replace(sealed.signatures[0], sig=bytes(64)),))
    with pytest.raises(RecordInvalid, match="is false"):
        small.registry.append_one(Item(forged.to_bytes()), acts.utc())


def test_another_payload_type_is_refused(small):
    found = small.record("ann")
    small.submit(found)
    event = made(small, small.editor(), "record-approved", found.id, reason="x")
    for kind in (envelope.PAYLOAD_TYPE, "application/json", "application/vnd.in-toto+json"):
        sealed = envelope.sign(event.payload(), [key("ed")], kind)
        with pytest.raises(RecordInvalid, match="not as an event"):
            small.registry.append_one(Item(sealed.to_bytes()), acts.utc())
        lied = replace(sealed, payload_type="application/vnd.repro.event.v1+json")
        with pytest.raises(RecordInvalid, match="is false"):
            small.registry.append_one(Item(lied.to_bytes()), acts.utc())


def test_an_act_is_not_done_twice_by_replay(small):
    found = small.record("ann")
    small.submit(found)
    event = made(small, small.editor(), "record-approved", found.id, reason="x")
    small.raw(event, key("ed"))
    small.act(small.editor(), "record-rejected", found.id, reason="a mistake")
    with pytest.raises(BadInput, match="was signed before what entry"):
        small.raw(event, key("ed"))


def test_an_act_of_another_registry_is_refused(small, tmp_path):
    found = small.record("ann")
    small.submit(found)
    event = replace(
        made(small, small.editor(), "record-approved", found.id, reason="x"), registry="other.example/registry"
    )
    with pytest.raises(BadInput, match="was signed for the registry"):
        small.raw(event, key("ed"))


def test_an_act_on_another_history_is_refused(small):
    found = small.record("ann")
    small.submit(found)
    event = made(small, small.editor(), "record-approved", found.id, reason="x")
    for after, head in ((event.after, "0" * 64), (event.after + 5, event.head), (1, event.head)):
        with pytest.raises(BadInput, match="another history"):
            small.raw(replace(event, after=after, head=head), key("ed"))


def test_a_handle_is_taken_once(small):
    small.join("ann")
    thief = acts.Actor("ann", (key("thief"),))
    detail = {"operator_key": text(key("thief")), "next_key_sha256": "0" * 64}
    with pytest.raises(BadInput, match="is taken"):
        small.act(thief, "operator-joined", "ann", detail=detail)


def test_another_persons_record_can_not_be_submitted(small):
    stolen = small.record("ann")
    small.join("ann")
    small.join("eve")
    with pytest.raises(BadInput, match="another key than the registry knows"):
        acts.submit(small.registry, small.actor("eve"), stolen)


def test_a_record_signed_again_under_a_second_key_is_refused(small):
    """Copied content under the thief's own signature but the victim's handle: the registry knows the handle by another key."""
    small.join("ann")
    theirs = small.record("ann")
    small.submit(theirs)
    from harness.demo.records import Person, sealed
    from harness.registry.intake.ingest import checked
    from tests.support.registry_world import REAL

    thief = Person("ann", key("thief"), key("thief next"), key("thief rig"))
    copy = checked(*sealed(thief, REAL), "copy")
    with pytest.raises((BadInput, RecordInvalid), match="not signed by the key of ann"):
        acts.submit(small.registry, acts.Actor("ann", (key("thief"),)), copy)
    with pytest.raises(BadInput, match="another key than the registry knows"):
        acts.submit(small.registry, small.actor("ann"), copy)


def test_a_stolen_key_can_not_rotate_and_its_owner_can(small):
    ann = small.join("ann")
    stolen = acts.Actor("ann", (ann.operator, key("thief")))
    detail = {"operator_key": text(key("thief")), "next_key_sha256": "0" * 64}
    with pytest.raises(BadInput, match="not the one that ann announced"):
        small.act(stolen, "operator-rotated", "ann", detail=detail)
    following = key_id(key("after next").public_key())
    owner = acts.Actor("ann", (ann.following,))
    small.act(
        owner, "operator-rotated", "ann", detail={"operator_key": text(ann.following), "next_key_sha256": following}
    )
    with pytest.raises(BadInput, match="no known key"):
        small.act(small.actor("ann"), "record-withdrawn", "0" * 64)
    sound(small)


def test_revocation_names_an_entry_and_no_date_helps(small):
    before = small.accepted("ann")
    with small.registry.reading() as reader:
        since = reader.size()
    after = small.record("ann", sku="Synthetic GPU B", started=datetime(2020, 1, 1))  # back-dated on purpose
    small.submit(after)
    small.approve(after.id)
    ann = small.person("ann")
    small.act(
        small.editor(), "key-revoked", key_id(ann.operator.public_key()), reason="stolen", detail={"from_index": since}
    )
    assert small.status(before) == "accepted"
    assert small.status(after.id) == "rejected"
    with pytest.raises(BadInput, match="revoked"):
        small.submit(small.record("ann", sku="Synthetic GPU C", started=datetime(2019, 1, 1)))
    with pytest.raises(BadInput, match="its key was revoked"):
        small.approve(after.id)
    sound(small)


def test_a_stranger_can_not_revoke(small):
    ann = small.join("ann")
    small.join("eve")
    with pytest.raises(BadInput, match="eve is not an editor"):
        small.act(
            small.actor("eve"), "key-revoked", key_id(ann.operator.public_key()), reason="x", detail={"from_index": 0}
        )


def test_a_key_does_not_revoke_itself(small):
    ann = small.join("ann")
    with pytest.raises(BadInput, match="ann is not an editor"):
        small.act(small.actor("ann"), "key-revoked", key_id(ann.operator.public_key()), detail={"from_index": 0})


def test_a_challenge_is_used_once_in_time_and_by_its_operator(small):
    small.join("ann")
    small.join("bob")
    nonce, _ = acts.challenge(small.registry, key("registry"), "ann", 7)
    soon = datetime.strptime(acts.utc(), "%Y-%m-%dT%H:%M:%SZ")
    late = small.record("ann", challenge=nonce, started=soon - timedelta(hours=1))
    with pytest.raises(BadInput, match="began before its challenge"):
        small.submit(late)
    foreign = small.record("bob", challenge=nonce, started=soon)
    with pytest.raises(BadInput, match="issued to somebody else"):
        small.submit(foreign)
    good = small.record("ann", challenge=nonce, started=soon)
    small.submit(good)
    with pytest.raises(BadInput, match="was used before"):
        small.submit(small.record("ann", challenge=nonce, started=soon, rate=90.0))
    with small.registry.reading() as reader:
        assert reader.need(RecordFact, good.id).challenged
    sound(small)


def test_a_challenge_expires(small):
    from harness.registry.actions.acts import Actor

    small.join("ann")
    small.act(
        Actor("registry", (key("registry"),)),
        "challenge-issued",
        "a" * 64,
        detail={"handle": "ann", "expires": "2020-01-01T00:00:00Z"},
    )
    soon = datetime.strptime(acts.utc(), "%Y-%m-%dT%H:%M:%SZ")
    with pytest.raises(BadInput, match="has expired"):
        small.submit(small.record("ann", challenge="a" * 64, started=soon))


def test_only_the_registry_issues_challenges(small):
    small.join("ann")
    with pytest.raises(BadInput, match="not signed by the registry"):
        small.act(
            small.actor("ann"),
            "challenge-issued",
            "a" * 64,
            detail={"handle": "ann", "expires": "2099-01-01T00:00:00Z"},
        )


def test_a_record_of_the_future_is_refused(small):
    ahead = datetime.strptime(acts.utc(), "%Y-%m-%dT%H:%M:%SZ") + timedelta(hours=2)
    with pytest.raises(BadInput, match="ends in the future"):
        small.submit(small.record("ann", started=ahead))


def test_expired_editors_decide_nothing(tmp_path):
    small = world(str(tmp_path / "registry"))
    document = editors("ed", version=2, expires="2020-01-01")
    small.act(small.editor(), "editors-changed", "editors", reason="so agreed", detail={"editors": document})
    found = small.record("ann")
    small.submit(found)
    with pytest.raises(BadInput, match="list of editors expired"):
        small.approve(found.id)
    renewed = editors("ed", version=3)
    small.act(small.editor(), "editors-changed", "editors", reason="so agreed", detail={"editors": renewed})
    small.approve(found.id)
    sound(small)


# As python-tuf's table of root rotations: (present editors, their threshold, next editors, their threshold, who signs, holds).
ROTATIONS = [
    ("same list again", ("a",), 1, ("a",), 1, ("a",), True),
    ("one joins, present one signs alone", ("a",), 1, ("a", "b"), 1, ("a",), True),
    ("one joins, threshold two, both sign", ("a",), 1, ("a", "b"), 2, ("a", "b"), True),
    ("one joins, threshold two, only present signs", ("a",), 1, ("a", "b"), 2, ("a",), False),
    ("one joins, threshold two, only newcomer signs", ("a",), 1, ("a", "b"), 2, ("b",), False),
    ("all replaced, both lists sign", ("a",), 1, ("b",), 1, ("a", "b"), True),
    ("all replaced, only the new sign", ("a",), 1, ("b",), 1, ("b",), False),
    ("all replaced, only the old sign", ("a",), 1, ("b",), 1, ("a",), False),
    ("two of three, two sign", ("a", "b", "c"), 2, ("a", "b"), 2, ("a", "b"), True),
    ("two of three, one signs", ("a", "b", "c"), 2, ("a", "b", "c"), 2, ("a",), False),
    ("two of three, one signs twice", ("a", "b", "c"), 2, ("a", "b", "c"), 2, ("a", "a"), False),
    ("threshold lowered by the old threshold", ("a", "b", "c"), 2, ("a", "b", "c"), 1, ("a", "c"), True),
    ("threshold lowered by the new one alone", ("a", "b", "c"), 2, ("a", "b", "c"), 1, ("a",), False),
    ("threshold raised, new one meets it", ("a", "b", "c"), 1, ("a", "b", "c"), 3, ("a", "b", "c"), True),
    ("threshold raised, new one does not", ("a", "b", "c"), 1, ("a", "b", "c"), 3, ("a", "b"), False),
    ("a stranger beside enough others", ("a", "b"), 2, ("a", "b"), 2, ("a", "b", "x"), False),
    ("strangers alone", ("a", "b"), 1, ("a", "b"), 1, ("x", "y"), False),
]


@pytest.mark.parametrize(
    ("name", "old", "old_threshold", "new", "new_threshold", "who", "holds"), ROTATIONS, ids=[r[0] for r in ROTATIONS]
)
def test_editors_change_as_tuf_roots_do(tmp_path, name, old, old_threshold, new, new_threshold, who, holds):
    from harness.registry.actions.create import found
    from tests.support.registry_world import charter

    ring = {letter: letter * 2 for letter in "abcxy"}
    made_of = charter(*[ring[o] for o in old], threshold=old_threshold)
    small = World(found(str(tmp_path / "registry"), made_of.event(ring[old[0]]), [key(ring[o]) for o in old]))
    document = editors(*[ring[n] for n in new], version=2, threshold=new_threshold)
    actor = acts.Actor(ring[who[0]], tuple(key(ring[w]) for w in who))
    if holds:
        small.act(actor, "editors-changed", "editors", reason="so agreed", detail={"editors": document})
        with small.registry.reading() as reader:
            assert dump(reader.need(EditorsFact)) == document
        sound(small)
    else:
        with pytest.raises((BadInput, RecordInvalid), match=r"too few|no known key|holds more than"):
            small.act(actor, "editors-changed", "editors", reason="so agreed", detail={"editors": document})


@pytest.mark.parametrize("version", [1, 3, 7])
def test_editors_versions_are_not_skipped_nor_taken_back(small, version):
    with pytest.raises(BadInput, match="version 2 comes next"):
        small.act(
            small.editor(),
            "editors-changed",
            "editors",
            reason="so agreed",
            detail={"editors": editors("ed", version=version)},
        )


def test_an_editors_key_rotates_to_its_announced_successor_only(tmp_path):
    small = world(str(tmp_path / "registry"), "ed", "flo", threshold=1)
    stolen = editors("ed", "flo", version=2, keys={"ed": "thief"})
    with pytest.raises(BadInput, match="not the one that was announced"):
        small.act(
            acts.Actor("ed", (key("ed"), key("thief"))),
            "editors-changed",
            "editors",
            reason="so agreed",
            detail={"editors": stolen},
        )
    good = editors("ed", "flo", version=2, keys={"ed": "next:ed"})
    small.act(
        acts.Actor("flo", (key("flo"), key("next:ed"))),
        "editors-changed",
        "editors",
        reason="so agreed",
        detail={"editors": good},
    )
    sound(small)


def test_a_policy_is_adopted_with_its_digest_and_in_the_log(small):
    from harness.catalog import policies

    detail = {"policy_sha256": policies.load("network-v1").sha256, "approvals": 3}
    small.join("ann")
    with pytest.raises(BadInput, match="not an editor"):
        small.act(small.actor("ann"), "policy-adopted", "network-v1", detail=detail)
    taken = small.act(small.editor(), "policy-adopted", "network-v1", reason="stricter", detail=detail)
    with small.registry.reading() as reader:
        assert reader.need(PolicyFact).since == taken.entry.index
    sound(small)


def test_a_policys_file_that_is_not_the_adopted_one_is_refused(small):
    from harness.registry.queries.active_policy import in_force

    small.act(
        small.editor(), "policy-adopted", "network-v2", reason="x", detail={"policy_sha256": "1" * 64, "approvals": 1}
    )
    with (
        small.registry.reading() as reader,
        pytest.raises(RecordInvalid, match="not the one that the registry adopted"),
    ):
        in_force(reader)


def test_requests_move_as_they_should(small):
    small.join("ann")
    small.join("bob")
    wish = {"model": "m", "hardware": "h", "runtime": "r"}
    small.act(small.actor("ann"), "request-opened", "b" * 64, detail=wish)

    def status() -> str:
        with small.registry.reading() as reader:
            return reader.need(RequestFact, "b" * 64).status

    with pytest.raises(BadInput, match="request is pending"):
        small.act(small.actor("bob"), "request-claimed", "b" * 64)
    small.act(small.editor(), "request-accepted", "b" * 64, reason="wanted")
    small.act(small.actor("bob"), "request-claimed", "b" * 64)
    assert status() == "claimed"
    with pytest.raises(BadInput, match="ann is not an editor"):
        small.act(small.actor("ann"), "request-released", "b" * 64)
    small.act(small.actor("bob"), "request-released", "b" * 64)
    small.act(small.editor(), "request-archived", "b" * 64, reason="stale")
    small.act(small.editor(), "request-revived", "b" * 64, reason="asked again")
    small.act(small.editor(), "request-accepted", "b" * 64, reason="wanted")
    small.act(small.actor("bob"), "request-claimed", "b" * 64)
    found = small.record("bob")
    small.submit(found, request="b" * 64)
    small.approve(found.id)
    assert status() == "measured"
    with pytest.raises(BadInput, match="request is measured"):
        small.act(small.editor(), "request-archived", "b" * 64, reason="x")
    sound(small)
