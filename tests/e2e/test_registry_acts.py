"""What newcomers, operators and editors met at a registry: each act by the command line, with what it says."""

from __future__ import annotations

import json
import sqlite3
from hashlib import sha256
from pathlib import Path

import pytest

from harness.demo.records import person, sealed
from harness.record import envelope
from harness.record.canonical import canonical, parse
from tests.e2e.conftest import refused
from tests.support.program import REAL


def unsigned(folder: Path, **changes) -> Path:
    """A record as `repro bench` writes it where there are no keys."""
    data, samples = sealed(person("nobody"), REAL)
    value = parse(envelope.read(data, "").payload, "")
    value["predicate"]["operator"] = None
    for name, change in changes.items():
        change(value["predicate"][name])
    folder.mkdir(parents=True)
    (folder / "record.json").write_bytes(canonical(value))
    (folder / "samples.parquet").write_bytes(samples)
    return folder


def log_kinds(people) -> list[str]:
    return [act["kind"] for act in json.loads(people.good("x", "registry", "log", "--json"))]


def test_a_record_from_before_the_keys_is_signed_and_submitted(people, tmp_path):
    record = unsigned(tmp_path / "results" / "early")
    assert "repro keys new --handle NAME" in refused(people("new", "submit", record))
    assert "repro keys new --handle NAME" in refused(people("new", "sign", record))
    people.operator("new")
    assert f"repro sign {record}" in refused(people("new", "submit", record))
    identity = people.good("new", "sign", record).split()[0]
    assert identity == sha256((record / "record.json").read_bytes()).hexdigest()
    people.good("new", "verify", record)
    people.good("new", "recompute", record)
    assert people.good("new", "submit", record).split()[0] == identity
    assert "signed later" in people.good("ed", "review", "show", identity[:8])
    assert "is signed already, by new" in refused(people("new", "sign", record))
    assert "is signed already, by new" in refused(people("ann", "sign", record))
    assert "everything holds" in people.good("x", "audit", people.registry)


def test_what_must_not_be_signed_is_left_as_it_is(people, tmp_path):
    fail = unsigned(tmp_path / "fail", checks=lambda checks: checks[0].update(status="fail"))
    synthetic = unsigned(tmp_path / "synthetic", run=lambda run: run.update(synthetic=True))
    edited = unsigned(tmp_path / "edited", processes=lambda _: None)
    value = parse((edited / "record.json").read_bytes(), "")
    value["predicate"]["results"][0]["metrics"][0]["estimate"]["point"] += 1
    (edited / "record.json").write_bytes(canonical(value))
    for folder, words in ((fail, "failed its checks"), (synthetic, "is synthetic"), (edited, "its samples give")):
        before = (folder / "record.json").read_bytes()
        assert words in refused(people("ann", "sign", folder))
        assert (folder / "record.json").read_bytes() == before
        assert not (folder / "record.dsse.json").exists()
    assert "there is no record" in refused(people("ann", "sign", tmp_path / "nowhere"))


def test_an_interrupted_signature_is_made_again_and_a_foreign_one_is_not(people, tmp_path):
    record, other = unsigned(tmp_path / "one"), people.record("bob", "other", sku="Synthetic GPU B")
    before = (record / "record.json").read_bytes()
    people.good("ann", "sign", record)
    (record / "record.json").write_bytes(before)  # as after a crash between the two files
    people.good("ann", "sign", record)
    people.good("ann", "verify", record)
    (record / "record.json").write_bytes(before)
    (record / "record.dsse.json").write_bytes((other / "record.dsse.json").read_bytes())
    assert "the envelope of another record" in refused(people("ann", "sign", record))


def test_a_withdrawal_needs_a_reason_and_is_for_ever(people):
    record = people.record("ann", "first")
    row = people.good("ann", "submit", record).split()[0]
    done = people("ann", "submit", record)
    assert (done.returncode, "waits for an editor" in done.stderr) == (0, True)
    assert "needs a reason" in refused(people("ann", "withdraw", row[:8]))
    assert "needs a reason" in refused(people("ann", "withdraw", row[:8], "--reason", " ", "--yes"))
    people.good("ann", "withdraw", row[:8], "--reason", "wrong driver", "--yes")
    said = refused(people("ann", "submit", record))
    assert "withdrawn: wrong driver" in said
    assert "measure again" in said
    assert "withdrawn: wrong driver already" in refused(people("ann", "withdraw", row[:8], "--reason", "x"))


@pytest.mark.parametrize("act", ["send-back", "reject"])
def test_an_operator_reads_where_its_records_stand(people, act):
    record = people.record("ann", "first")
    row = people.good("ann", "submit", record).split()[0]
    assert "waits for an editor" in people.good("ann", "submissions")
    people.good("ed", "review", act, row[:8], "--reason", "say which driver")
    (one,) = json.loads(people.good("ann", "submissions", "--json"))
    assert one["why"] == "say which driver"
    assert one["next"]
    assert "say which driver" in people.good("x", "submissions", "--handle", "ann")
    assert "say which driver" in refused(people("ann", "submit", record))
    assert "is not known" in people.good("bob", "submissions")
    assert "--handle NAME" in refused(people("x", "submissions"))


def test_the_others_of_a_withdrawn_row_go_on(people):
    row = people.good("ann", "submit", people.record("ann", "first")).split()[0]
    second = people.good("bob", "submit", people.record("bob", "second", rate=101.0, seed=5)).split()[0]
    people.operator("cat")
    third = people.good("cat", "submit", people.record("cat", "third", rate=100.5, seed=6)).split()[0]
    assert "its row is pending" in refused(people("ed", "review", "move", second[:8], "--reason", "x"))
    people.good("ann", "withdraw", row[:8], "--reason", "wrong driver")
    assert "review move" in refused(people("ed", "review", "approve", second[:8], "--reason", "fine"))
    assert "closed row" in people.good("ed", "review", "show", second[:8])
    assert "an editor can move it" in people.good("bob", "submissions")
    assert "a row of its own" in people.good("ed", "review", "move", second[:8], "--reason", "its row is gone")
    assert f"row {second[:12]}" in people.good("ed", "review", "move", third[:8], "--reason", "its row is gone")
    people.good("ed", "review", "approve", second[:8], "--reason", "complete")
    people.good("ed", "review", "approve", third[:8], "--reason", "agrees")
    assert "reproduced" in people.good("x", "explain", second[:8])
    assert "everything holds" in people.good("x", "audit", people.registry)
    people.good("x", "registry", "rebuild", people.folder / "again")
    assert people.good("x", "score", "--json", "--registry", people.folder / "again") == people.good(
        "x", "score", "--json"
    )


def test_bytes_that_were_dropped_are_called_so(people):
    row = people.good("ann", "submit", people.record("ann", "first")).split()[0]
    people.good("ed", "review", "reject", row[:8], "--reason", "names somebody")
    assert "bytes dropped, entry" in people.good("ed", "review", "take-down", row[:8], "--reason", "names somebody")


def test_an_editor_lets_go_of_anybodys_request(people):
    asked = ("request", "new", "--model", "m Q4", "--hardware", "RTX 4090", "--runtime", "vLLM")
    identity = people.good("ann", *asked).split()[0]
    people.good("ed", "request", "accept", identity[:8], "--reason", "wanted")
    people.good("bob", "request", "claim", identity[:8])
    assert "add --reason" in refused(people("ed", "request", "release", identity[:8], "--as-editor"))
    done = people.good("ed", "request", "release", identity[:8], "--as-editor", "--reason", "idle")
    assert "accepted" in done


def test_an_editor_who_measures_joins_under_the_same_handle(people):
    people.operator("ed")
    row = people.good("ed", "submit", people.record("ed", "own")).split()[0]
    people.good("ed", "review", "approve", row[:8], "--reason", "complete")
    assert "everything holds" in people.good("x", "audit", people.registry)


def test_an_operator_becomes_an_editor_under_the_same_handle(people, tmp_path):
    people.good("ann", "submit", people.record("ann", "first"))
    (tmp_path / "ann.json").write_text(people.good("ann", "keys", "new", "--role", "editor", "--handle", "ann"))
    change = tmp_path / "change.json"
    people.good("ed", "registry", "editors", "--add", tmp_path / "ann.json", "--reason", "helps", "--out", change)
    assert "operator's handle" in refused(people("ed", "registry", "apply", change))
    people.good("ann", "registry", "cosign", change, "--yes")
    people.good("ed", "registry", "apply", change)


def test_two_approvals_from_setting_up_to_a_public_row(people, tmp_path):
    row = people.good("ann", "submit", people.record("ann", "first")).split()[0]
    (tmp_path / "flo.json").write_text(people.good("flo", "keys", "new", "--role", "editor", "--handle", "flo"))
    policy = ("registry", "policy", "network-v2", "--approvals", "2", "--reason", "four eyes")
    assert "more than there are editors" in refused(people("ed", *policy))
    people.good("ed", "registry", "editors", "--add", tmp_path / "flo.json", "--threshold", "2", "--reason", "two", "--out",
                tmp_path / "list")  # fmt: skip
    people.good("flo", "registry", "cosign", tmp_path / "list", "--yes")
    people.good("ed", "registry", "apply", tmp_path / "list")
    assert "--out FILE" in refused(people("ed", *policy))
    people.good("ed", *policy, "--out", tmp_path / "policy")
    people.good("flo", "registry", "cosign", tmp_path / "policy", "--yes")
    people.good("ed", "registry", "apply", tmp_path / "policy")
    listed = people.good("x", "registry", "editors")
    assert "must be signed by 2 of 2" in listed
    assert "must be approved by 2" in listed
    assert "1 of 2 approvals" in people.good("ed", "review", "approve", row[:8], "--reason", "complete")
    assert "1 of 2 approvals" in people.good("ann", "submissions")
    assert "accepted" in people.good("flo", "review", "approve", row[:8], "--reason", "I agree")
    assert "approved-public" in people.good("x", "explain", row[:8])
    assert "1 editor would be left" in refused(
        people(
            "ed",
            "registry",
            "editors",
            "--remove",
            "flo",
            "--threshold",
            "1",
            "--reason",
            "left",
            "--out",
            tmp_path / "l",
        )
    )
    assert "everything holds" in people.good("x", "audit", people.registry)


def test_a_list_of_editors_that_protects_nobody_is_refused(people, tmp_path):
    out = ("--reason", "x", "--out", tmp_path / "change")
    for words, arguments in [
        ("must name 1 to 100 editors", ("--remove", "ed")),
        ("its threshold, 2, is more", ("--threshold", "2")),
        ("has passed", ("--expires", "2020-01-01")),
        ("is after", ("--expires", "9999-12-31")),
        ("must be a day", ("--expires", "soon")),
        ("is not an editor of this registry", ("--remove", "nobody")),
    ]:
        assert words in refused(people("ed", "registry", "editors", *arguments, *out)), arguments
        assert not (tmp_path / "change").exists()
    assert "--reason" in refused(people("ed", "registry", "editors", "--threshold", "1", "--out", tmp_path / "change"))
    new = ("registry", "new", "--origin", "test.example/late", "--registry", tmp_path / "late")
    assert "has passed" in refused(people("ed", *new, "--expires", "2020-01-01"))
    assert not (tmp_path / "late").exists()
    people.good("ed", "registry", "editors", "--threshold", "1", *out)
    assert "use --yes" in refused(people("ed", "registry", "cosign", tmp_path / "change"))


def test_a_name_that_another_registry_has_is_refused(people, tmp_path):
    again = ("registry", "new", "--origin", "test.example/registry", "--registry", tmp_path / "second")
    said = refused(people("ed", *again))
    assert "a registry of this name was seen here" in said
    assert not (tmp_path / "second").exists()
    Path(said.rsplit("remove ", 1)[1]).unlink()
    people.good("ed", *again)


def test_a_refused_act_leaves_no_handle_behind(people):
    before = log_kinds(people)
    refused(people("ann", "submit", people.record("ann", "first", started=REAL.started.replace(year=2099))))
    refused(people("ann", "request", "claim", "ffff"))
    refused(people("ann", "request", "new", "--model", " ", "--hardware", "h" * 300, "--runtime", "r"))
    assert log_kinds(people) == before


def test_records_of_earlier_keys_can_be_submitted(people):
    first = people.record("ann", "first")
    people.good("ann", "keys", "rotate")
    second = people.record("ann", "second", sku="Synthetic GPU B")
    people.good("ann", "keys", "rotate")
    people.good("ann", "submit", second)
    people.good("ann", "submit", first)
    people.good("ann", "keys", "rotate")
    people.good("ann", "keys", "rotate")
    third = people.record("ann", "third", sku="Synthetic GPU C")
    assert "repro operator rotate" in refused(people("ann", "submit", third))
    people.good("ann", "operator", "rotate")
    people.good("ann", "submit", third)
    assert log_kinds(people).count("operator-rotated") == 4
    assert "everything holds" in people.good("x", "audit", people.registry)


def test_keys_are_named_by_a_beginning(people):
    people.good("ann", "submit", people.record("ann", "first"))
    old = json.loads(people.good("ann", "keys", "show"))["operator_key"]
    assert "cannot revoke itself" in refused(
        people("ann", "operator", "revoke", old[:8], "--from", "1", "--reason", "x")
    )
    assert "no key has an id" in refused(
        people("ed", "operator", "revoke", "ffffffff", "--from", "1", "--reason", "x", "--as-editor")
    )
    people.good("ed", "operator", "revoke", old[:8].upper(), "--from", "1", "--reason", "stolen", "--as-editor")


def test_an_editor_sees_the_own_keys(people):
    assert json.loads(people.good("ed", "keys", "show"))["handle"] == "ed"
    people.operator("ed")
    assert "rig_key" in json.loads(people.good("ed", "keys", "show"))
    assert "next_key_sha256" in json.loads(people.good("ed", "keys", "show", "--role", "editor"))
    assert "no editor's keys" in refused(people("ann", "keys", "show", "--role", "editor"))


def test_a_tie_is_taken_back(people):
    for who, sku in (("ann", "A"), ("bob", "B")):
        people.good(who, "submit", people.record(who, who, sku=f"Synthetic GPU {sku}"))
    assert "are not tied" in refused(people("ed", "operator", "untie", "ann", "bob", "--reason", "x"))
    people.good("ed", "operator", "tie", "ann", "bob", "--reason", "one desk")
    assert "no longer tied" in people.good("ed", "operator", "untie", "bob", "ann", "--reason", "two people")
    assert "are not tied" in refused(people("ed", "operator", "untie", "ann", "bob", "--reason", "x"))
    assert "everything holds" in people.good("x", "audit", people.registry)


def test_databases_that_are_no_registry_of_this_program(people, tmp_path):
    with sqlite3.connect(people.registry / "registry.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    for arguments in (("registry", "upgrade"), ("score",), ("review",)):
        said = refused(people("x", *arguments))
        assert "This registry is newer" in said
        assert "update repro-harness" in said
    (tmp_path / "text").mkdir()
    (tmp_path / "text" / "registry.sqlite").write_text("no database at all\n" * 500)
    (tmp_path / "folder" / "registry.sqlite").mkdir(parents=True)
    sqlite3.connect(tmp_path / "foreign.sqlite").execute("CREATE TABLE theirs (a)").connection.commit()
    for place in ("text", "folder", "foreign.sqlite", "nowhere"):
        for arguments in (("registry", "upgrade"), ("score",)):
            refused(people("x", *arguments, "--registry", tmp_path / place))
    tables = sqlite3.connect(tmp_path / "foreign.sqlite").execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("theirs",)]
    assert not (tmp_path / "nowhere").exists()
