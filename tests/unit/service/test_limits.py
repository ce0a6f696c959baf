"""Limits: who pays, for how long, through restarts and for every process; on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from harness.errors import TooMany
from harness.registry.actions import limits
from harness.registry.actions.limits import DAILY, HOURLY, NEWCOMERS, REQUESTS, Spent, by_key, spend
from harness.registry.opening import open_database
from tests.support.registry_world import world
from tests.unit.service.conftest import problem

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
        now += 60_000
        count += taken(made, by_key("k"), now) is None
    assert 200 <= count <= 400  # what the day's bucket held, and what filled it


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


def test_addresses_are_digests_that_go_with_the_day(place):
    made = world(place).registry
    today = limits.of_address(made, "192.0.2.7", "2026-11-29")
    assert today == limits.of_address(made, "192.0.2.7", "2026-11-29")
    assert today != limits.of_address(made, "192.0.2.8", "2026-11-29")
    assert today != limits.of_address(made, "192.0.2.7", "2026-11-30")
    spend(made, [Spent((REQUESTS, NEWCOMERS), today), by_key("k")], START)
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


@pytest.mark.parametrize("limit", [HOURLY, DAILY, REQUESTS, NEWCOMERS])
def test_the_page_names_each_limit(limit):
    from pathlib import Path

    page = (Path(__file__).parents[3] / "docs/service.md").read_text()
    assert str(limit.count) in page
