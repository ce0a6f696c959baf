"""Keys that become others, by command, at a folder and over a URL: an editor's, the log's, and a revocation that is withdrawn."""

from __future__ import annotations

import json
import shutil

import pytest

from harness.record.editor_keys import registry_key
from harness.registry.opening import open_database
from tests.support.people import ORIGIN, hosted
from tests.support.served import served


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path)


def refused(done, words):
    assert done.returncode == 2, done.stdout
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_editor_s_key_is_swapped_by_one_command_at_a_folder_and_over_a_url(people, url):
    before = json.loads(people.good("ed", "keys", "show", "--role", "editor"))
    refused(people("ed", "keys", "rotate", "--role", "editor"), "needs a reason")
    said = people.good("ed", "keys", "rotate", "--role", "editor", "--reason", "a new machine")
    assert said == "ed: the new key decides from entry 1 on\n"
    now = json.loads(people.good("ed", "keys", "show", "--role", "editor"))
    assert now["key"] != before["key"]
    assert now["key"] in people.good("ed", "registry", "editors")
    again = people.good("ed", "keys", "rotate", "--role", "editor", "--reason", "and another", REPRO_REGISTRY=url)
    assert again == "ed: the new key decides from entry 2 on\n"
    people.operator("ann")
    identity = people.good("ann", "submit", people.record("ann", "one")).split()[0]
    people.good("ed", "review", "approve", identity, "--reason", "complete")
    assert "everything holds" in people.good("ed", "audit", people.registry)


def test_where_two_must_sign_the_files_are_swapped_once_the_list_is(people, tmp_path):
    people.good("flo", "keys", "new", "--role", "editor", "--handle", "flo")
    (tmp_path / "flo.json").write_text(people.good("flo", "keys", "show", "--role", "editor"))
    change = tmp_path / "change"
    people.good(
        "ed",
        "registry",
        "editors",
        "--add",
        tmp_path / "flo.json",
        "--threshold",
        "2",
        "--reason",
        "two",
        "--out",
        change,
    )
    people.good("flo", "registry", "cosign", change, "--yes")
    people.good("flo", "registry", "apply", change)
    rotate = ("keys", "rotate", "--role", "editor", "--reason", "a new machine")
    refused(people("ed", *rotate), "other editors must sign")
    old = people.good("ed", "keys", "show", "--role", "editor")
    assert "once it is applied, run this command again" in people.good("ed", *rotate, "--out", change)
    assert people.good("ed", "keys", "show", "--role", "editor") == old
    people.good("flo", "registry", "cosign", change, "--yes")
    people.good("flo", "registry", "apply", change)
    refused(people("ed", "operator", "verify", "nobody", "--reason", "x-y"), "no known key has signed it")
    assert "the files are swapped" in people.good("ed", *rotate)
    assert people.good("ed", "keys", "show", "--role", "editor") != old
    refused(people("ed", "operator", "verify", "nobody", "--reason", "x-y"), "knows no operator")


def test_a_second_registry_is_told_of_a_key_that_was_swapped_already(people, tmp_path):
    other = tmp_path / "other"
    people.good("ed", "registry", "new", "--origin", "example.org/other", "--registry", other)
    rotate = ("keys", "rotate", "--role", "editor", "--reason", "a new machine")
    people.good("ed", *rotate)
    key = json.loads(people.good("ed", "keys", "show", "--role", "editor"))["key"]
    assert "decides from entry 1" in people.good("ed", *rotate, "--registry", other)
    assert json.loads(people.good("ed", "keys", "show", "--role", "editor"))["key"] == key
    assert key in people.good("ed", "registry", "editors", "--registry", other)


def test_the_log_s_key_is_announced_and_rotated_and_who_knew_the_old_one_follows(people, url):
    people.operator("ann")
    record = people.record("ann", "one")
    people.good("ann", "submit", record, REPRO_REGISTRY=url)
    assert "everything holds" in people.good("ann", "audit", url)  # a copy under the old key
    old = people.good("ed", "registry", "key", "show").strip()
    refused(people("ed", "registry", "key", "rotate"), "the next key is not kept here")
    said = people.good("ed", "registry", "key", "announce", "--reason", "first day", REPRO_REGISTRY=url)
    assert "is announced, entry" in said
    assert "next, announced by entry" in people.good("ed", "registry", "key", "show")
    refused(people("ann", "registry", "key", "rotate"), "is not kept here")
    refused(people("ed", "registry", "key", "rotate", REPRO_REGISTRY=url), "works only where the registry is kept")
    assert "signs from entry" in people.good("ed", "registry", "key", "rotate")
    new = people.good("ed", "registry", "key", "show").strip()
    assert new != old
    people.good("ed", "registry", "checkpoint")
    assert "everything holds" in people.good("ann", "audit", people.registry)
    assert "everything holds" in people.good("ann", "audit", url)  # the copy goes on under the new one
    assert "of example.org/bench" in people.good("ann", "verify", record, "--receipt", "receipt-example.org-bench.json")
    held = open_database(str(people.registry))
    key = registry_key(people.folder / "ed" / "repro-harness" / "keys", ORIGIN, make=False)
    with served(held, key) as client:
        people.good("ann", "submissions", REPRO_REGISTRY=str(client.base_url).rstrip("/"))
    kept = json.loads(next((people.folder / "ann" / "repro-harness" / "seen").glob("*.json")).read_text())
    assert kept["key"] == new


def test_where_the_next_key_took_over_on_the_server_its_editor_announces_another(people):
    announce = ("registry", "key", "announce", "--reason", "as every year")
    people.good("ed", *announce)
    shutil.copytree(people.folder / "ed", people.folder / "server")
    assert "signs from entry" in people.good("server", "registry", "key", "rotate")
    assert "is announced, entry" in people.good("ed", *announce)
    assert "next, announced by entry" in people.good("ed", "registry", "key", "show")
    kept = people.folder / "ed" / "repro-harness" / "keys" / "registries"
    assert len(list(kept.glob("*-before-*.pem"))) == len(list(kept.glob("*-next.pem"))) == 1


def test_a_revocation_is_withdrawn_at_a_folder_and_over_a_url(people, url):
    people.operator("ann")
    identity = people.good("ann", "submit", people.record("ann", "one")).split()[0]
    people.good("ed", "review", "approve", identity, "--reason", "complete")
    key = json.loads(people.good("ann", "keys", "show"))["operator_key"]
    for place in (people.registry, url):
        people.good(
            "ed",
            "operator",
            "revoke",
            key[:16],
            "--from",
            "0",
            "--as-editor",
            "--reason",
            "taken for stolen",
            REPRO_REGISTRY=place,
        )
        assert json.loads(people.good("ann", "submissions", "--json"))[0]["status"] == "rejected"
        assert "no longer revoked" in people.good(
            "ed", "operator", "unrevoke", key[:16], "--reason", "a mistake", REPRO_REGISTRY=place
        )
        assert json.loads(people.good("ann", "submissions", "--json"))[0]["status"] == "accepted"
    refused(people("ed", "operator", "unrevoke", key[:16], "--reason", "a mistake"), "is not revoked")
    refused(people("ann", "operator", "unrevoke", key[:16], "--reason", "mine"), "there are no editor's keys")
