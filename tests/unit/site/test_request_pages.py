"""Requests as a page and as JSON: what an editor accepted, and of the rest a number."""

import json
import re
import shlex
from datetime import date
from html import unescape
from itertools import pairwise

import jsonschema
import pytest
from sqlalchemy import text

from harness.commands.request import request
from harness.commands.submit import submit
from harness.registry.facts import RequestFact
from harness.registry.facts.stored import dump
from harness.registry.queries import active_policy
from harness.site.api import schemas
from harness.site.data.values import Site
from harness.site.pages import requests
from tests.support.registry_world import world
from tests.support.site_world import gathered


def site_of(reader):
    loaded = active_policy.in_force(reader)
    return Site(
        reader.origin(), "https://test.example/registry/", loaded.policy, "network-v2", loaded.sha256, date(2026, 11, 24),
        reader.size(), False,
    )  # fmt: skip


@pytest.fixture
def small(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    made.join("bob")
    return made


def files(registry):
    with registry.reading() as reader:
        made = dict(requests.files(reader, site_of(reader), gathered(reader)))
    jsonschema.validate(json.loads(made["api/v1/requests.json"]), schemas.documents()["requests"])
    return {path: data.decode() for path, data in made.items()}


def page_and_data(registry):
    made = files(registry)
    return made["requests/index.html"], json.loads(made["api/v1/requests.json"])


def ask(small, digit, *moves, model="wish", **detail):
    name = digit * 64
    wish = {"model": f"{model}-{digit}", "hardware": "RTX 4090", "runtime": "llama.cpp"}
    small.act(small.actor("ann"), "request-opened", name, reason=f"asker's words {digit}", detail=wish)
    for move in moves:
        who = small.actor("bob") if move in ("claimed", "released") else small.editor()
        more = detail if move == "duplicate" else {}
        kind = "request-marked-duplicate" if move == "duplicate" else f"request-{move}"
        small.act(who, kind, name, reason=f"editor's words {digit}", detail=more)
    return name


def measured(small, digit):
    name = ask(small, digit, "accepted", "claimed")
    found = small.record("bob")
    small.submit(found, request=name)
    small.approve(found.id)
    return name, found.id


def test_what_is_open_comes_first(small):
    done, record = measured(small, "a")
    laid = ask(small, "b", "accepted", "archived")
    ask(small, "e", "archived")
    held = ask(small, "c", "accepted", "claimed")
    free = ask(small, "d", "accepted")
    page, data = page_and_data(small.registry)
    assert [(one["request"], one["status"]) for one in data["requests"]] == [
        (free, "accepted"), (held, "claimed"), (done, "measured"), (laid, "archived"),
    ]  # fmt: skip
    found = {one["request"]: one for one in data["requests"]}
    assert (found[held]["claimed_by"], found[free]["claimed_by"]) == ("bob", None)
    assert (found[done]["record"], found[done]["row"]) == (record, record)
    assert [page.index(f"wish-{digit}") for digit in "dcab"] == sorted(page.index(f"wish-{digit}") for digit in "dcab")
    assert f'href="../rows/{record[:16]}/index.html"' in page
    assert f'href="../records/{record}.json"' in page
    assert '<a href="../operators/bob.html"><bdi>bob</bdi></a>' in page
    assert f"repro request claim {free[:12]} --registry &lt;PLACE&gt;" in page


def test_what_no_editor_accepted_is_a_number(small):
    ask(small, "a", model="pending")
    ask(small, "b", "rejected", model="rejected")
    kept = ask(small, "c", "accepted", model="kept")
    ask(small, "d", "duplicate", model="doubled", of=kept)
    ask(small, "e", "archived", "revived", model="again")
    made = files(small.registry)
    data = json.loads(made["api/v1/requests.json"])
    assert data["not_listed"] == {"pending": 2, "rejected": 1, "duplicate": 1, "archived": 0}
    assert [one["model_name"] for one in data["requests"]] == ["kept-c"]
    assert (
        "2 asked and not yet accepted by an editor, 1 rejected, 0 archived before that, 1 that ask for the same"
        in made["requests/index.html"]
    )
    everything = "".join(made.values())
    for hidden in (
        "pending-a",
        "rejected-b",
        "doubled-d",
        "again-e",
        "words a",
        "words b",
        "words d",
        "words e",
        "asker's",
    ):
        assert hidden not in unescape(everything)


def test_an_answer_that_is_no_longer_public_is_not_named(small):
    name, record = measured(small, "a")
    small.act(small.actor("bob"), "record-withdrawn", record, reason="a wrong driver")
    page, data = page_and_data(small.registry)
    assert [(one["request"], one["record"], one["row"]) for one in data["requests"]] == [(name, None, None)]
    assert "no longer public" in page
    assert record[:12] not in page


def test_who_holds_one_and_has_nothing_public_is_not_named(small):
    ask(small, "a", "accepted", "claimed")
    page, data = page_and_data(small.registry)
    assert "bob" not in page
    assert data["requests"][0]["claimed_by"] is None


def test_the_command_names_one_request_even_where_two_begin_alike(small):
    wish = {"model": "m", "hardware": "h", "runtime": "r"}
    names = ["a" * 63 + "b", "a" * 63 + "c"]
    for name in names:
        small.act(small.actor("ann"), "request-opened", name, detail=wish)
    small.act(small.editor(), "request-accepted", names[0], reason="wanted")
    assert f"repro request claim {names[0]} --registry" in page_and_data(small.registry)[0]


HOSTILE = {
    "markup": '<script>alert("x")</script>',
    "an attribute": '" onmouseover="alert(1)',
    "right to left": "\u202eexe.gnp \u2067שלום\u2069 \u200f",
    "template": "{{ 7 * 7 }}{% raw %}",
    "ten kilobytes": "<b>" * 3400,
}


@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_escaped_and_intact(small, hostile):
    name = ask(small, "a", "accepted")
    with small.registry.reading() as reader:
        fact = reader.get(RequestFact, name)
    with small.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        value = json.dumps(
            {**dump(fact), "model": hostile, "hardware": hostile, "why": hostile}
        )  # more than the rules let through
        connection.execute(text("UPDATE facts SET value = :value WHERE kind = 'request'"), {"value": value})
    page, data = page_and_data(small.registry)
    (one,) = data["requests"]
    assert (one["model_name"], one["hardware"], one["reason"]) == (hostile, hostile, hostile)
    shown = re.findall(r"<bdi>([^<]*)</bdi>", page)
    assert [unescape(cell) for cell in shown].count(hostile) == 3
    assert "<script>alert" not in page
    assert 'onmouseover="' not in page
    assert "<b>" not in page


def test_an_empty_registry_tells_how_to_ask(small):
    page, data = page_and_data(small.registry)
    assert (data["requests"], data["not_listed"]) == ([], {"pending": 0, "rejected": 0, "duplicate": 0, "archived": 0})
    assert "Nothing is listed yet." in page
    assert "<table" not in page
    assert "repro request new" in page


def test_the_commands_on_the_page_are_those_of_the_program(small):
    ask(small, "a", "accepted")
    page, _ = page_and_data(small.registry)
    found = [shlex.split(unescape(one)) for one in re.findall(r"<code>(repro [^<]* --registry [^<]*)</code>", page)]
    assert sorted(" ".join(words[1:3]) for words in found if words[1] == "request") == [
        "request claim", "request claim", "request new", "request release",
    ]  # fmt: skip
    assert any(words[1] == "submit" for words in found)
    for _, command, *words in found:
        if command == "request":
            request.commands[words[0]].make_context(words[0], words[1:])  # parses, and runs nothing
        else:
            options = {name for parameter in submit.params for name in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= options


def test_the_same_registry_gives_the_same_bytes(small):
    for digit in "abc":
        ask(small, digit, "accepted")
    assert files(small.registry) == files(small.registry)


def test_headings_descend_by_one_and_there_is_one_h1(small):
    measured(small, "a")
    ask(small, "b", "accepted")
    page, _ = page_and_data(small.registry)
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
