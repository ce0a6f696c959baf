"""`repro review` over a URL: what it prints, decides and refuses, beside the same with the registry's folder."""

from __future__ import annotations

import json

import pytest

from tests.support.people import hosted


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path, "ann")


def both(people, url, *words):
    here, there = people.good("ed", *words), people.good("ed", *words, REPRO_REGISTRY=url)
    assert there == here
    return here


def test_an_editor_lists_shows_and_decides_over_a_url_as_with_the_folder(people, url):
    assert both(people, url, "review") == "the queue is empty\n"
    first, second = (
        people.good("ann", "submit", people.record("ann", name, seed=seed)).split()[0]
        for name, seed in (("one", 3), ("two", 5))
    )
    listed = json.loads(both(people, url, "review", "--json"))
    assert [one["id"] for one in listed] == [first, second]
    both(people, url, "review")
    both(people, url, "review", "show", first[:9])
    assert json.loads(both(people, url, "review", "show", first, "--json"))["operator"] == "ann"
    done = people.good("ed", "review", "approve", first[:9], "--reason", "complete", REPRO_REGISTRY=url)
    assert done.splitlines() == [first, "accepted, entry 4"]
    sent = people.good("ed", "review", "send-back", second, "--reason", "on battery", REPRO_REGISTRY=url)
    assert sent.splitlines() == [second, "sent-back, entry 5"]
    out = people.good("ed", "review", "reject", first[:9], "--reason", "a mistake", REPRO_REGISTRY=url)
    assert out.splitlines() == [first, "rejected, entry 6"]
    moved = people.good("ed", "review", "move", second[:9], "--reason", "its row closed", REPRO_REGISTRY=url)
    assert moved.splitlines()[1].startswith("pending in")
    down = people.good("ed", "review", "take-down", first[:9], "--reason", "privacy", REPRO_REGISTRY=url)
    assert "bytes dropped" in down
    assert "everything holds" in people.good("ed", "audit", people.registry)


def test_nobody_else_sees_the_queue_and_a_decision_twice_is_told(people, url):
    first = people.good("ann", "submit", people.record("ann", "one")).split()[0]
    people.good("eve", "keys", "new", "--role", "editor", "--handle", "eve")
    for who in ("ann", "eve"):
        for words in (("review",), ("review", "show", first), ("review", "approve", first, "--reason", "why-not")):
            done = people(who, *words, REPRO_REGISTRY=url)
            assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done
            assert "Traceback" not in done.stderr
            assert first not in done.stdout
            if who == "eve":
                assert "is by a key that nobody has here now" in done.stderr
    people.good("ed", "review", "reject", first, "--reason", "a mistake", REPRO_REGISTRY=url)
    again = people("ed", "review", "send-back", first, "--reason", "once more", REPRO_REGISTRY=url)
    assert (again.returncode, "is rejected" in again.stderr) == (2, True)
    unknown = people("ed", "review", "show", "feed", REPRO_REGISTRY=url)
    assert (unknown.returncode, len(unknown.stderr.splitlines())) == (2, 1)


def test_an_editor_takes_a_tie_back_over_a_url(people, url):
    for who, sku in (("ann", "A"), ("bob", "B")):
        if who != "ann":
            people.operator(who)
        people.good(who, "submit", people.record(who, who, sku=f"Synthetic GPU {sku}"))
    people.good("ed", "operator", "tie", "ann", "bob", "--reason", "one desk", REPRO_REGISTRY=url)
    words = ("operator", "untie", "ann", "bob", "--reason", "two people")
    assert people.good("ed", *words, REPRO_REGISTRY=url) == "ann and bob: no longer tied, entry 6\n"
    again = people("ed", *words, REPRO_REGISTRY=url)
    assert (again.returncode, "are not tied" in again.stderr) == (2, True)
    none = people("ed", "row-report", "close", "feed", "--reason", "nothing there", REPRO_REGISTRY=url)
    assert (none.returncode, len(none.stderr.splitlines())) == (2, 1)
