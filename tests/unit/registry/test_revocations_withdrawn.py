"""A revocation that was a mistake: the editors' threshold withdraws it, and what the key signed stands as it did."""

from __future__ import annotations

import pytest

from harness.errors import BadInput
from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts, editors, operators
from harness.registry.exchange import files, public
from harness.registry.exchange.audit import audit
from harness.registry.facts import KeyFact, RecordFact
from tests.support.registry_world import World, key, text, world


def key_of(made: World, name: str) -> str:
    return key_id(made.person(name).operator.public_key())


def revoke(made: World, name: str, since: int = 0) -> None:
    operators.revoke(made.registry, made.editor(), key_of(made, name), since, "taken for stolen", editorial=True)


def unrevoke(made: World, name: str) -> None:
    operators.unrevoke(made.registry, made.editor(), key_of(made, name)[:12], "it was another machine's")


def facts(made: World) -> dict[str, RecordFact]:
    with made.registry.reading() as reader:
        return reader.all(RecordFact)


def sound(made: World, tmp_path) -> None:
    found = audit(made.registry, None, SILENT)
    assert not found.faults, found.faults
    files.export(made.registry, tmp_path / "files", SILENT)
    assert not audit(files.in_memory(tmp_path / "files"), None, SILENT).faults


def test_records_stand_as_they_did_and_the_key_acts_again(place, tmp_path):
    made = world(place)
    accepted = made.accepted("ann", sku="Synthetic GPU A")
    other = made.accepted("bob", sku="Synthetic GPU B")
    second = made.record("ann", sku="Synthetic GPU C", seed=4)
    pending = second.id
    made.submit(second)
    gone = made.record("ann", sku="Synthetic GPU D", seed=5)
    made.submit(gone)
    made.act(made.actor("ann"), "record-withdrawn", gone.id)
    before = facts(made)
    revoke(made, "ann")
    assert {made.status(one) for one in (accepted, pending, gone.id)} == {"rejected"}
    with pytest.raises(BadInput, match="is revoked"):
        made.act(made.actor("ann"), "request-opened", "a" * 64, detail={"model": "m", "hardware": "h", "runtime": "r"})
    revoke(made, "ann", 3)  # a later entry changes nothing
    unrevoke(made, "ann")
    assert [made.status(one) for one in (accepted, pending, gone.id, other)] == [
        "accepted",
        "pending",
        "withdrawn",
        "accepted",
    ]
    after = facts(made)
    for name, fact in before.items():
        now = after[name]
        assert (now.approvals, now.public_from, now.row, now.revoked) == (
            fact.approvals,
            fact.public_from,
            fact.row,
            False,
        )
    with made.registry.reading() as reader:
        key = reader.need(KeyFact, key_of(made, "ann"))
        assert (key.revoked_from, key.revoked_at) == (None, None)
    made.act(made.actor("ann"), "request-opened", "a" * 64, detail={"model": "m", "hardware": "h", "runtime": "r"})
    made.approve(pending)
    sound(made, tmp_path)


def test_a_row_that_was_opened_meanwhile_stays_the_one_open_row(tmp_path):
    made = world(str(tmp_path / "registry"))
    first = made.accepted("ann", sku="Synthetic GPU A")
    revoke(made, "ann")
    second = made.accepted("bob", sku="Synthetic GPU A")
    unrevoke(made, "ann")
    assert (made.status(first), made.status(second)) == ("rejected", "accepted")
    with made.registry.reading() as reader:
        fact = reader.need(RecordFact, first)
        assert (fact.revoked, "accepted meanwhile" in fact.why) == (False, True)
    sound(made, tmp_path)


def test_a_row_that_waits_gives_way_and_can_be_moved(tmp_path):
    made = world(str(tmp_path / "registry"))
    first = made.accepted("ann", sku="Synthetic GPU A")
    revoke(made, "ann")
    waiting = made.record("bob", sku="Synthetic GPU A")
    made.submit(waiting)
    unrevoke(made, "ann")
    assert (made.status(first), made.status(waiting.id)) == ("accepted", "pending")
    with pytest.raises(BadInput, match="is open"):
        made.approve(waiting.id)
    public.export(made.registry, tmp_path / "public", SILENT)
    assert not audit(public.in_memory(tmp_path / "public"), None, SILENT).faults
    sound(made, tmp_path)


def test_a_threshold_withdraws_it_and_no_older_proposal_does(tmp_path):
    made = world(str(tmp_path / "registry"), "ed", "flo", threshold=2)
    made.accepted("ann")
    revoke(made, "ann")
    with pytest.raises(BadInput, match="too few editors"):
        unrevoke(made, "ann")

    def proposal() -> bytes:
        one = editors.propose(made.registry, made.editor(), operators.UNREVOKED, key_of(made, "ann"), {}, "a mistake")
        return editors.cosign(one, made.editor("flo"), "x")

    older = proposal()
    editors.apply(made.registry, proposal(), "x")
    with pytest.raises(BadInput, match="is not revoked"):
        editors.apply(made.registry, proposal(), "x")
    revoke(made, "ann")
    with pytest.raises(BadInput, match="was signed before entry"):
        editors.apply(made.registry, older, "x")


@pytest.mark.parametrize("who", ["ann", "bob"])
def test_no_operator_withdraws_a_revocation(tmp_path, who):
    made = world(str(tmp_path / "registry"))
    for name in ("ann", "bob"):
        made.join(name)
    revoke(made, "ann")
    with pytest.raises(BadInput, match="is not an editor"):
        made.act(made.actor(who), operators.UNREVOKED, key_of(made, "ann"), reason="mine")


def test_an_unknown_key_and_one_that_is_not_revoked_are_refused(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    with pytest.raises(BadInput, match="is not revoked"):
        unrevoke(made, "ann")
    with pytest.raises(BadInput, match="no key has an id"):
        operators.unrevoke(made.registry, made.editor(), "feedfeed", "a mistake")
    with pytest.raises(BadInput, match="knows no key"):
        acts.act(made.registry, made.editor(), operators.UNREVOKED, "f" * 64, reason="a mistake")


def test_what_its_operator_took_back_meanwhile_does_not_come_back(place, tmp_path):
    made = world(place)
    accepted = made.accepted("ann", sku="Synthetic GPU A")
    first = key_of(made, "ann")
    who = made.person("ann")
    owner = acts.Actor("ann", (who.following,))
    detail = {"operator_key": text(who.following), "next_key_sha256": key_id(key("ann later").public_key())}
    made.act(owner, "operator-rotated", "ann", detail=detail)
    operators.revoke(made.registry, made.editor(), first, 0, "taken for stolen", editorial=True)
    made.act(owner, "record-withdrawn", accepted)
    operators.revoke(made.registry, made.editor(), first, 0, "still taken for stolen", editorial=True)
    operators.unrevoke(made.registry, made.editor(), first[:12], "it was another machine's")
    assert made.status(accepted) == "withdrawn"
    sound(made, tmp_path)
