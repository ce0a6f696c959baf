"""Two acts that were signed on the same state and arrive at the same moment, at two services on one database: the log has an order,
the second is judged after the first, and nothing is both.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import httpx2
import pytest

from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.actions.acts import Actor, Wish
from harness.registry.exchange.audit import audit
from harness.registry.facts import ChallengeFact, KeyFact, OperatorFact, RecordFact
from harness.registry.opening import open_database
from tests.support.registry_world import World, editors, key, text, world
from tests.support.served import served

Parts = dict[str, bytes]


@pytest.fixture
def two(place) -> Iterator[tuple[World, Sequence[httpx2.Client]]]:
    made = world(place)
    with (
        served(made.registry, key("registry"), limited=False) as first,
        served(open_database(made.registry.target), key("registry"), limited=False) as second,
    ):
        yield made, (first, second)


def signed(made: World, actor: Actor, kind: str, subject: str, reason: str = "at once", **detail: Any) -> Parts:
    with made.registry.reading() as reader:
        event = acts.event(reader, actor, kind, subject, reason=reason, detail=detail)
    return {"event": event.signed(actor.keys).to_bytes()}


def submission(made: World, name: str, **setup: Any) -> Parts:
    found = made.record(name, **setup)
    with made.registry.reading() as reader:
        item = acts.submission(reader, made.actor(name), found, Wish())
    return {"event": item.envelope, "record": found.envelope, "samples": found.samples}


def at_once(clients: Sequence[httpx2.Client], *brought: Parts) -> list[int]:
    """Each to both services at the same moment; per part the best status that it got."""
    got: list[list[int]] = [[] for _ in brought]
    barrier = threading.Barrier(len(brought) * len(clients))

    def send(number: int, client: httpx2.Client) -> None:
        files = {name: (name, data) for name, data in brought[number].items()}
        barrier.wait()
        got[number].append(client.post("/v1/events", files=files, timeout=60).status_code)

    threads = [
        threading.Thread(target=send, args=(number, client)) for number in range(len(brought)) for client in clients
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert all(status < 500 for some in got for status in some), got
    assert all(some.count(201) <= 1 for some in got), got  # one entry each
    return [min(some) for some in got]


def sound(made: World) -> None:
    assert audit(made.registry, None, SILENT).faults == []


def fact(made: World, kind: type[Any], name: str) -> Any:
    with made.registry.reading() as reader:
        return reader.need(kind, name)


def taken(statuses: Sequence[int]) -> int:
    return sum(status in (200, 201) for status in statuses)


DECISIONS = ("record-approved", "record-rejected", "record-sent-back")


@pytest.mark.parametrize("other", [*DECISIONS[1:], "record-withdrawn"])
def test_of_a_decision_and_what_contradicts_it_one_is_taken(two, other):
    made, clients = two
    for number in range(3):
        found = made.record("ann", seed=number + 1, sku=f"Synthetic GPU {'ABC'[number]}")
        made.submit(found)
        who = made.actor("ann") if other == "record-withdrawn" else made.editor()
        got = at_once(
            clients,
            signed(made, made.editor(), "record-approved", found.id),
            signed(made, who, other, found.id),
        )
        assert sorted(got)[1] == 409, got
        assert taken(got) == 1
    sound(made)


def test_one_challenge_counts_for_one_of_two_records(two):
    made, clients = two
    made.join("ann")
    number, _ = acts.challenge(made.registry, key("registry"), "ann", 7)
    soon = datetime.strptime(acts.utc(), "%Y-%m-%dT%H:%M:%SZ")
    some = [submission(made, "ann", challenge=number, started=soon, rate=rate) for rate in (100.0, 90.0)]
    got = at_once(clients, *some)
    assert taken(got) == 1, got
    used = fact(made, ChallengeFact, number).used
    assert fact(made, RecordFact, used).challenged
    sound(made)


def test_a_submission_and_the_revocation_of_its_key_leave_nothing_that_counts(two):
    made, clients = two
    for name in ("ann", "bob", "cyd"):
        made.join(name)
        found = submission(made, name, sku=f"Synthetic GPU {name[0].upper()}")
        own = key_id(made.person(name).operator.public_key())
        with made.registry.reading() as reader:
            size = reader.size()
        at_once(clients, found, signed(made, made.editor(), "key-revoked", own, from_index=size))
        assert fact(made, KeyFact, own).revoked_from == size
        with made.registry.reading() as reader:
            records = [one for one in reader.all(RecordFact).values() if one.operator == name]
        assert all(one.revoked and one.status == "rejected" for one in records)
    sound(made)


def test_of_two_rotations_to_the_announced_key_one_is_taken_and_the_old_key_ends(two):
    made, clients = two
    made.join("ann")
    who = made.person("ann")
    owner = Actor("ann", (who.following,))
    some = [
        signed(
            made, owner, "operator-rotated", "ann", reason="", operator_key=text(who.following), next_key_sha256=key_id(key(one).public_key())
        )
        for one in ("one", "another")
    ]  # fmt: skip
    got = at_once(
        clients,
        *some,
        signed(made, made.actor("ann"), "request-opened", "cd" * 32, model="m", hardware="h", runtime="r"),
    )
    assert taken(got[:2]) == 1, got
    assert fact(made, OperatorFact, "ann").key == text(who.following)
    late = signed(made, made.actor("ann"), "request-opened", "ef" * 32, model="m", hardware="h", runtime="r")
    assert at_once(clients, late) == [422]
    sound(made)


def test_an_approval_and_the_removal_of_its_editor(two):
    made, clients = two
    made.act(
        made.editor(),
        "editors-changed",
        "editors",
        reason="two of us",
        detail={"editors": editors("ed", "eve", version=2)},
    )
    found = made.record("ann")
    made.submit(found)
    with made.registry.reading() as reader:
        event = acts.event(
            reader, made.editor(), "editors-changed", "editors", reason="eve leaves",
            detail={"editors": editors("ed", version=3)},
        )  # fmt: skip
    got = at_once(
        clients,
        signed(made, made.editor("eve"), "record-approved", found.id),
        {"event": event.signed((key("ed"),)).to_bytes()},
    )
    assert got[1] == 200  # one service put it in; the other found it there, not an act of a version that is past
    assert made.status(found.id) == ("accepted" if got[0] in (200, 201) else "pending")
    assert at_once(clients, signed(made, made.editor("eve"), "record-rejected", found.id)) == [422]
    sound(made)


def test_what_was_withdrawn_is_not_brought_again_and_its_receipt_is_the_old_one(two):
    made, clients = two
    made.join("ann")
    found = submission(made, "ann")
    assert at_once(clients, found) == [200]
    identity = made.record("ann").id
    made.act(made.actor("ann"), "record-withdrawn", identity)
    with made.registry.reading() as reader:
        size = reader.size()
    again = submission(made, "ann")  # signed anew
    assert at_once(clients, found, again) == [200, 200]
    with made.registry.reading() as reader:
        assert reader.size() == size
    assert made.status(identity) == "withdrawn"
    assert at_once(clients, signed(made, made.editor(), "record-approved", identity)) == [400]
    sound(made)
