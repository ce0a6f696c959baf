"""Limits: who pays, for how long, through restarts and for every process; on SQLite and PostgreSQL."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from harness.errors import BadInput, TooMany
from harness.record.envelope import key_id as key_id_of
from harness.registry.actions import acts, incoming, limits
from harness.registry.actions.incoming import Parcel
from harness.registry.actions.limits import (
    DAILY,
    EDITORS_DAILY,
    EDITORS_HOURLY,
    HOURLY,
    NEWCOMERS,
    REQUESTS,
    Spent,
    by_key,
    spend,
)
from harness.registry.opening import open_database
from harness.registry.queries.limits import in_force
from tests.support.failed_runs import submitted
from tests.support.passkey_world import change
from tests.support.registry_world import key, world
from tests.unit.service.conftest import problem
from tests.unit.service.test_signed_reads import signed

HOUR, DAY = 3_600_000, 86_400_000
START = 1_800_000_000_000


def taken(registry, asked, now):
    (found,) = spend(registry, [asked], now)
    return found


def test_a_key_has_twenty_at_once_sixty_an_hour_and_two_hundred_a_day(place):
    made = world(place).registry
    assert [taken(made, by_key("k"), START) for _ in range(20)] == [None] * 20
    over = taken(made, by_key("k"), START)
    assert isinstance(over, TooMany)
    assert over.wait_s == 61  # a minute a token
    assert taken(made, by_key("other"), START) is None
    assert taken(made, by_key("k"), START + 60_000) is None
    assert isinstance(taken(made, by_key("k"), START + 60_000), TooMany)
    now, count = START + 60_000, 21
    while now < START + DAY:
        now += 180_000  # 480 times in all: the day's bucket alone refuses some
        count += taken(made, by_key("k"), now) is None
    assert 200 <= count <= 400  # what it held, and what filled it


def test_a_clock_that_was_ahead_for_a_moment_holds_nobody_up_until_then(place):
    made = world(place).registry
    spend(made, [by_key("k")] * 20, START + 30 * DAY)
    assert isinstance(taken(made, by_key("k"), START), TooMany)
    assert taken(made, by_key("k"), START + 61_000) is None


def test_limits_hold_for_another_process_and_after_a_restart(place):
    made = world(place).registry
    spend(made, [by_key("k")] * 20, START)
    other = open_database(place)
    assert isinstance(taken(other, by_key("k"), START), TooMany)
    spent = Spent((REQUESTS, NEWCOMERS), "digest")
    assert [one is None for one in spend(other, [spent] * 7, START)] == [True] * 5 + [False] * 2


def test_a_refused_one_spends_nothing(place):
    made = world(place).registry
    many = Spent((NEWCOMERS, REQUESTS), "digest")
    spend(made, [many] * 100, START)
    with made.counting() as reader:
        left = {
            name: float(tokens) for name, tokens in reader.connection.execute(text("SELECT name, tokens FROM buckets"))
        }
    assert left == {"address-day:digest": 0.0, "address-minute:digest": 25.0}


def test_who_asks_signed_questions_without_end_is_told_to_wait_and_may_go_on_bringing_events(place):
    made = world(place).registry
    assert [one is None for one in spend(made, [limits.read_by("k")] * 301, START)] == [True] * 300 + [False]
    assert spend(made, [by_key("k"), limits.read_by("other")], START) == [None, None]
    assert spend(made, [limits.read_by("k")], START + HOUR // 3000) == [None]


def test_twenty_requests_of_an_operator_wait_at_most(limited):
    limited.world.join("ann")
    detail = {"model": "m", "hardware": "h", "runtime": "r"}
    for number in range(limits.PENDING_REQUESTS):
        limited.world.act(
            limited.world.actor("ann"), "request-opened", f"{number:064x}", reason="wanted", detail=detail
        )
    said = problem(limited.post({"event": limited.event("ann", "request-opened", "f" * 64, **detail)}))
    assert (said["status"], "wait for an editor" in said["detail"]) == (429, True)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff:1:2:3", True),  # one person's network: else it holds no limit at all
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.7", "192.0.2.7", True),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("192.0.2.7", "192.0.2.8", False),
        ("testclient", "elsewhere", False),
    ],
)
def test_the_addresses_of_one_network_share_their_limits(one, other, same):
    assert (limits.network(one) == limits.network(other)) is same


def test_a_site_of_ipv6_has_fifty_newcomers_a_day_from_all_of_its_networks(place):
    made = world(place).registry

    def joins(number: int, prefix: str = "2a01:4f8:1") -> bool:
        spent = limits.of_address(made, f"{prefix}:{number:x}::1", "2026-11-29", REQUESTS, NEWCOMERS)
        return taken(made, spent, START) is None

    assert [joins(number) for number in range(60)] == [True] * 50 + [False] * 10
    assert joins(1, "2a01:4f8:2")  # another site
    assert joins(0, "2a01:4f8:3")
    asked = [limits.of_address(made, f"2a01:4f8:9:{number:x}::1", "2026-11-29", REQUESTS) for number in range(310)]
    assert sum(one is None for one in spend(made, asked, START)) == 300
    spend(made, [by_key("k")], START + DAY + 1)
    with made.counting() as reader:
        assert not reader.connection.execute(text("SELECT name FROM buckets WHERE name LIKE 'site%'")).all()


def test_addresses_are_digests_that_go_with_the_day(place):
    made = world(place).registry
    both = REQUESTS, NEWCOMERS
    spent = limits.of_address(made, "192.0.2.7", "2026-11-29", *both)
    today = spent.of
    assert (spent.limits, spent.site) == (both, "")
    assert today == limits.of_address(made, "192.0.2.7", "2026-11-29").of
    assert today != limits.of_address(made, "192.0.2.8", "2026-11-29").of
    assert today != limits.of_address(made, "192.0.2.7", "2026-11-30").of
    spend(made, [spent, by_key("k")], START)
    spend(made, [by_key("k")], START + HOUR + 1)
    with made.counting() as reader:
        names = set(reader.connection.execute(text("SELECT name FROM buckets")).scalars())
        held = list(reader.connection.execute(text("SELECT name FROM secrets WHERE name LIKE 'limits:%'")).scalars())
    assert names == {f"address-day:{today}", "key-hour:k", "key-day:k"}
    assert held == ["limits:2026-11-30"]
    spend(made, [by_key("k")], START + DAY + 1)
    with made.counting() as reader:
        assert set(reader.connection.execute(text("SELECT name FROM buckets")).scalars()) == {"key-hour:k", "key-day:k"}


def test_the_sixth_new_handle_of_an_address_waits_and_says_for_how_long(limited):
    for number in range(5):
        assert limited.post({"event": limited.joining(f"new-{number}")}).status_code == 201
    refused = limited.post({"event": limited.joining("new-5")})
    assert problem(refused)["code"] == "too-many"
    assert int(refused.headers["retry-after"]) > 1000
    assert limited.size() == 6


def test_what_nobody_has_signed_is_paid_by_its_address(limited):
    limited.world.join("ann")
    answers = []
    while not answers or answers[-1].status_code == 415:  # two seconds fill one token again
        answers.append(limited.client.post("/v1/events", content=b"x"))
    assert len(answers) > 30
    assert problem(answers[-1])["code"] == "too-many"
    # It is not read any more, whatever it is: the address waits.
    late = limited.post(
        {"event": limited.event("ann", "request-opened", "0" * 64, model="m", hardware="h", runtime="r")}
    )
    assert (late.status_code, int(late.headers["retry-after"]) <= 60) == (429, True)


def test_nobody_spends_anothers_tokens(limited):
    limited.world.join("ann")
    event = limited.event("ann", "request-opened", "0" * 64, model="m", hardware="h", runtime="r")
    forged = event.replace(b'"sig": "', b'"sig": "AAAA')
    for _ in range(21):
        assert limited.post({"event": forged}).status_code == 422
    assert limited.post({"event": event}).status_code == 201


def test_the_twenty_first_event_of_a_key_waits_and_what_is_there_still_gets_its_receipt(limited):
    limited.world.join("ann")
    made = []
    for number in range(20):
        made.append(limited.event("ann", "request-opened", f"{number:064}", model="m", hardware="h", runtime="r"))
        assert limited.post({"event": made[-1]}).status_code == 201
    more = limited.event("ann", "request-opened", "f" * 64, model="m", hardware="h", runtime="r")
    assert limited.post({"event": more}).status_code == 429
    assert limited.post({"event": made[3]}).status_code == 200


def test_five_records_of_a_newcomer_wait_and_more_once_one_was_accepted(limited):
    limited.world.join("ann")
    records = [limited.world.record("ann", sku=f"Synthetic GPU {letter}") for letter in "ABCDEFG"]
    for one in records[:5]:
        assert limited.post(limited.submission(one)).status_code == 201
    sixth = limited.post(limited.submission(records[5]))
    assert (problem(sixth)["code"], sixth.headers["retry-after"].isdecimal()) == ("too-many", True)
    limited.world.approve(records[0].id)
    assert limited.post(limited.submission(records[5])).status_code == 201


def test_a_full_queue_takes_no_more(limited, monkeypatch):
    monkeypatch.setattr(limits, "WHOLE_QUEUE", 1)
    limited.world.join("ann")
    limited.world.join("bob")
    assert limited.post(limited.submission(limited.world.record("ann"))).status_code == 201
    assert limited.post(limited.submission(limited.world.record("bob"))).status_code == 429


def test_a_key_on_the_list_of_editors_has_limits_of_its_own_as_long_as_it_is_there(place):
    made = world(place, "ed", "flo")
    own = key_id_of(key("flo").public_key())
    assert [one is None for one in spend(made.registry, [by_key(own)] * 201, START)[199:]] == [True, False]
    assert [one is None for one in spend(made.registry, [by_key(own)] * 2, START + 6_000)] == [True, False]
    change(made, {"flo": None})
    assert sum(one is None for one in spend(made.registry, [by_key(own)] * 100, START + 2 * DAY)) == 20


def test_an_editor_decides_more_than_an_operator_may_send(limited):
    limited.world.join("ann")
    actor = limited.world.editor()
    for number in range(24):
        kind = ("operator-verified", "operator-unverified")[number % 2]
        with limited.world.registry.reading() as reader:
            made = acts.event(reader, actor, kind, "ann", reason="met in person")
        assert limited.post({"event": made.signed(actor.keys).to_bytes()}).status_code == 201


@pytest.mark.parametrize(
    "limit",
    [HOURLY, DAILY, REQUESTS, NEWCOMERS, limits.SITE_REQUESTS, limits.SITE_NEWCOMERS, EDITORS_HOURLY, EDITORS_DAILY],
)
def test_the_page_names_each_limit(limit):
    from pathlib import Path

    page = (Path(__file__).parents[3] / "docs/service.md").read_text()
    assert str(limit.count) in page


def test_an_editor_raises_the_limits_of_an_operator_until_a_day(place):
    made = world(place)
    made.join("ann")
    key_id = operator_key_id(made, "ann")
    detail = {"events_per_hour": 600, "events_per_day": 5000, "pending_records": 50, "until": in_days(2)}
    made.act(made.editor(), "limits-raised", "ann", reason="a lab with forty cards", detail=detail)
    now = time.time_ns() // 1_000_000
    assert [taken(made.registry, by_key(key_id), now) for _ in range(200)] == [None] * 200
    assert isinstance(taken(made.registry, by_key(key_id), now), TooMany)
    assert isinstance(spend(made.registry, [by_key("another")] * 21, now)[-1], TooMany)
    with made.registry.reading() as reader:
        found = in_force(reader, "ann", in_days(0))
        assert (found.raised, found.events_per_hour, found.until) == (True, 600, in_days(2))
        assert not in_force(reader, "ann", in_days(3)).raised
    made.act(made.editor(), "limits-ended", "ann", reason="they are done")
    assert isinstance(spend(made.registry, [by_key(key_id)] * 21, now + HOUR)[-1], TooMany)
    with made.registry.reading() as reader:
        assert not in_force(reader, "ann", in_days(0)).raised
    with pytest.raises(BadInput, match="no limit"):
        made.act(made.editor(), "limits-ended", "ann", reason="again")


@pytest.mark.parametrize(
    ("name", "value"),
    [("events_per_hour", 59), ("events_per_day", 100_001), ("pending_records", 4), ("until", "soon")],
)
def test_limits_out_of_range_and_by_others_are_refused(place, name, value):
    made = world(place)
    made.join("ann")
    good = {"events_per_hour": 600, "events_per_day": 5000, "pending_records": 50, "until": in_days(2)}
    for actor, detail in (
        (made.editor(), good | {name: value}),
        (made.actor("ann"), good),
        (made.editor(), good | {"until": in_days(-1)}),
        (made.editor(), good | {"until": in_days(400)}),
    ):
        with pytest.raises(BadInput):
            made.act(actor, "limits-raised", "ann", reason="a lab", detail=detail)


def test_the_limits_in_force_are_told_to_everybody(service):
    service.world.join("ann")
    told = service.client.get("/v1/operators/ann/limits").json()
    assert (told["events_per_hour"], told["until"]) == (60, None)
    assert problem(service.client.get("/v1/operators/nobody/limits"))["status"] == 404


def test_a_newcomer_with_raised_limits_has_more_records_waiting(limited):
    limited.world.join("ann")
    detail = {"events_per_hour": 600, "events_per_day": 5000, "pending_records": 7, "until": in_days(2)}
    limited.world.act(limited.world.editor(), "limits-raised", "ann", reason="a lab", detail=detail)
    statuses = [
        limited.post(
            limited.submission(limited.world.record("ann", seed=seed, sku=f"Synthetic GPU {letter}"))
        ).status_code
        for seed, letter in enumerate("ABCDEFGH")
    ]
    assert statuses == [201] * 7 + [429]


def operator_key_id(made, name):
    return key_id_of(made.person(name).operator.public_key())


def in_days(count):
    return (datetime.now(UTC).date() + timedelta(days=count)).isoformat()


def brought_by(over, items):
    """What the writer gets of these events, in one transaction or several."""
    parcels = [Parcel(item["event"], item.get("record"), item.get("samples")) for item in items]
    opened = [incoming.opened(over.world.registry, one) for one in parcels]
    return [incoming.brought(one, demonstration=False) for one in opened]


@pytest.mark.parametrize("together", [1, 4, 7])
def test_no_more_records_of_a_newcomer_wait_whoever_sends_them_at_once(limited, together):
    """All had room when they came; what counts is the room at the writer's turn."""
    limited.world.join("ann")
    found = [limited.world.record("ann", sku=f"Synthetic GPU {letter}") for letter in "ABCDEFG"]
    waiting = brought_by(limited, [limited.submission(one) for one in found])
    answers = []
    for first in range(0, 7, together):
        answers += incoming.take(
            limited.world.registry, key("registry"), waiting[first : first + together], limited=True
        )
    assert [isinstance(one, TooMany) for one in answers] == [False] * 5 + [True] * 2
    # What is there is told, however full it is.
    (again,) = incoming.take(limited.world.registry, key("registry"), waiting[:1], limited=True)
    assert again.new is False


def test_no_more_requests_of_an_operator_wait_whoever_sends_them_at_once(limited, monkeypatch):
    monkeypatch.setattr(limits, "PENDING_REQUESTS", 2)
    limited.world.join("ann")
    detail = {"model": "m", "hardware": "h", "runtime": "r"}
    made = [{"event": limited.event("ann", "request-opened", f"{number:064x}", **detail)} for number in range(4)]
    answers = incoming.take(limited.world.registry, key("registry"), brought_by(limited, made), limited=True)
    assert [isinstance(one, TooMany) for one in answers] == [False, False, True, True]


def test_failed_runs_of_a_newcomer_wait_in_the_same_room(limited):
    for number in range(5):
        submitted(limited.world, "ann", seed=number)
    said = problem(limited.post(limited.submission(limited.world.record("ann"))))
    assert (said["status"], said["detail"]) == (429, "5 records of ann wait already, and none was accepted yet")


def test_failed_runs_fill_the_whole_queue_too(limited, monkeypatch):
    monkeypatch.setattr(limits, "WHOLE_QUEUE", 2)
    for name in ("ann", "bob"):
        submitted(limited.world, name)
    limited.world.join("cat")
    said = problem(limited.post(limited.submission(limited.world.record("cat"))))
    assert (said["status"], said["detail"]) == (429, "the queue holds 2 records")


def test_three_challenges_are_open_however_many_are_asked_for_at_once(limited):
    limited.world.join("ann")
    own = limited.world.person("ann").operator
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: signed(limited, "/v1/challenges", own, method="POST").status_code, range(12)))
    assert sorted(answers) == [201] * 3 + [429] * 9
