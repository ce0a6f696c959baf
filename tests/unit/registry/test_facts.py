"""Facts: the bytes that a database keeps of each kind, what is refused of them, and that nobody reads them by their keys."""

from __future__ import annotations

import ast
import inspect
import json
import sqlite3
from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import harness
from harness import cli
from harness.errors import RecordInvalid
from harness.progress import SILENT
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Batch
from harness.registry.exchange.audit import audit
from harness.registry.facts import KINDS, ClaimsFact, EditorsFact, Fact, KeyFact, OperatorFact, RecordFact, RegistryFact
from harness.registry.facts.stored import parse, same, stored
from harness.registry.opening import open_database
from harness.registry.rules.apply import Facts
from harness.registry.rules.base import View
from tests.support.registry_world import world

A, B, C = "a" * 64, "b" * 64, "c" * 64
AT = "2026-11-20T10:00:00Z"
# The generator of P-256, as a passkey's public key.
PASSKEY = (
    "passkey:es256:046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5:0badcafe:example.org"
)

# What databases hold already, byte for byte.
STORED = {
    "registry": f'{{"origin": "repro.example", "key": "{A}", "created": "{AT}", "demonstration": false}}',
    "registry with a next key": f'{{"origin": "repro.example", "key": "{A}", "created": "{AT}", "demonstration": false, '
    f'"next_key_sha256": "{B}", "announced": 4}}',
    "registry with an earlier key": f'{{"origin": "repro.example", "key": "{A}", "created": "{AT}", "demonstration": false, '
    f'"earlier": [{{"key": "{B}", "until": 9, "announced": 4}}]}}',
    "key revoked and when": '{"owner": "ann", "since": 3, "revoked_from": 5, "revoked_at": 9}',
    "editors": f'{{"editors": {{"ed": {{"key": "{A}", "next_key_sha256": "{B}"}}}}, "expires": "2027-11-20", "threshold": 1, "version": 1}}',
    "editors with a passkey": f'{{"editors": {{"pat": {{"key": "{PASSKEY}", "next_key_sha256": "{B}"}}}}, "expires": "2027-11-20", "threshold": 1, "version": 3}}',
    "passkeys": '{"web_origin": "https://bench.example.org", "rp_id": "example.org", "since": 4}',
    "policy": f'{{"name": "network-v3", "sha256": "{A}", "approvals": 1, "since": 0}}',
    "operator": f'{{"joined": 3, "verified": true, "why": "seen \\u00b7 by me", "key": "{A}", "next_key_sha256": "{B}"}}',
    "key": '{"owner": "ann", "since": 3, "revoked_from": null}',
    "key rotated": f'{{"owner": "ann", "since": 3, "revoked_from": null, "until": "{AT}"}}',
    "key revoked after it was rotated": f'{{"owner": "ann", "since": 3, "revoked_from": 9, "until": "{AT}"}}',
    "skeleton": '{"handle": "ann"}',
    "tie": '{"operators": ["ann", "bob"], "why": "one device"}',
    "tie untied": '{"operators": ["ann", "bob"], "why": "two brothers", "untied": true}',
    "record": f'{{"status": "pending", "row": "{A}", "operator": "ann", "rig_key": "{B}", "key": "{C}", "index": 4, '
    f'"submitted": "{AT}", "subject_sha256": "{A}", "envelope_sha256": "{B}", "samples_sha256": "{C}", "challenged": false, '
    '"request": "", "approvals": [], "public_from": null, "public_by": [], "why": "", "revoked": false, "dropped": false, '
    '"editorial": false}',
    "record approved": f'{{"status": "accepted", "row": "{A}", "operator": "ann", "rig_key": "{B}", "key": "{C}", "index": 4, '
    f'"submitted": "{AT}", "subject_sha256": "{A}", "envelope_sha256": "{B}", "samples_sha256": "{C}", "challenged": true, '
    f'"request": "{C}", "approvals": ["ed", "ned"], "public_from": 6, "public_by": ["ed", "ned"], "why": "plausible", '
    '"revoked": false, "dropped": false, "editorial": true, "changed": 6}',
    "record taken along": f'{{"status": "accepted", "row": "{A}", "operator": "ann", "rig_key": "{B}", "key": "{C}", "index": 4, '
    f'"submitted": "{AT}", "subject_sha256": "{A}", "envelope_sha256": "{B}", "samples_sha256": "{C}", "challenged": true, '
    f'"request": "{C}", "approvals": ["ed", "ned"], "public_from": 6, "public_by": ["ed", "ned"], "why": "plausible", '
    f'"revoked": false, "dropped": false, "editorial": true, "changed": 9, "device_sha256": "{C}", "came_from": ["{B}"], "took": 2}}',
    "failure": f'{{"status": "pending", "operator": "ann", "rig_key": "{B}", "key": "{C}", "index": 4, "submitted": "{AT}", '
    f'"subject_sha256": "{A}", "device_sha256": "{B}", "envelope_sha256": "{B}", "samples_sha256": "{C}", '
    '"reason": "out_of_memory", "challenged": false, "approvals": [], "public_from": null, "why": ""}',
    "failure taken down": f'{{"status": "rejected", "operator": "ann", "rig_key": "{B}", "key": "{C}", "index": 4, '
    f'"submitted": "{AT}", "subject_sha256": "{A}", "device_sha256": "{B}", "envelope_sha256": "{B}", "samples_sha256": "{C}", '
    '"reason": "timed_out", "challenged": true, "approvals": [], "public_from": 6, "why": "a wrong cable", "changed": 8, '
    '"dropped": true}',
    "triple": "{}",
    "triple since": '{"since": 7}',
    "idempotency": f'{{"record": "{A}"}}',
    "challenge": f'{{"handle": "ann", "issued": "{AT}", "expires": "2026-12-20T10:00:00Z", "used": ""}}',
    "evidence": f'{{"row": "{A}", "by": "ed", "evidence": {{"depth": 0, "device": "GPU A", "engine": "llama.cpp", "measured": '
    '"2026-11-01", "metric": "decode_rate", "model": "m.gguf", "output_tokens": 128, "prompt_tokens": 0, "quantisation": '
    '"Q4_K - Medium", "samples_micro": [100000000, 101000000], "tool": "llama-bench", "tool_version": "b7000"}, "why": '
    '"their blog", "removed": false}',
    "request": f'{{"hardware": "RTX 4090", "model": "Qwen3 4B", "runtime": "llama.cpp", "status": "claimed", "by": "ann", '
    f'"why": "", "claimed_by": "bob", "of": "", "record": "", "public_from": 7, "since": "{AT}"}}',
    "claims": f'{{"open": ["{A}", "{B}"]}}',
    "limits": '{"events_per_hour": 600, "events_per_day": 5000, "pending_records": 100, "until": "2026-12-31", "by": "ed", "why": "a lab"}',
    "row-reports": f'{{"reports": [{{"by": "ann", "why": "twice too fast", "entry": 9, "at": "{AT}", "members": ["{A}"]}}]}}',
    "row-reports closed": f'{{"reports": [{{"by": "ann", "why": "twice too fast", "entry": 9, "at": "{AT}", "members": ["{A}"], '
    '"withdrawn": true, "closed": 12}], "answer": "it holds"}',
    "open-reports": f'{{"rows": ["{A}"]}}',
    "witness": '{"url": "https://w.example", "key": "w.example+00000000+BA==", "since": 4, "why": "a friend"}',
    "witness removed": '{"url": "https://w.example", "key": "w.example+00000000+BA==", "since": 9, "why": "gone", "removed": true}',
    "clock": f'{{"at": "{AT}", "index": 12}}',
    "last-act": '{"entry": 9}',
}  # fmt: skip
OF = {kind.KIND: kind for kind in KINDS}


@pytest.mark.parametrize("name", STORED)
def test_the_stored_bytes_of_a_kind_stay_as_they_were(name):
    assert stored(parse(OF[name.split()[0]], STORED[name], "x")) == STORED[name]


def test_every_kind_of_fact_has_its_bytes_above():
    assert {name.split()[0] for name in STORED} == set(OF)
    assert len(OF) == len(KINDS) == len(get_args(Fact))


def changed(name: str, **fields: object) -> str:
    return json.dumps({**json.loads(STORED[name]), **fields})


def without(name: str, field: str) -> str:
    return json.dumps({key: value for key, value in json.loads(STORED[name]).items() if key != field})


# What somebody may put into a database → what is said of it.
DAMAGED = {
    "no JSON": ("record", "{", "is not JSON"),
    "no object": ("record", '["accepted"]', "must be an object"),
    "null": ("operator", "null", "must be an object"),
    "bytes": ("operator", b"{}", "must be text"),
    "a number": ("operator", 7, "must be text"),
    "far too deep": ("claims", "[" * 100_000, ""),
    "a key that is missing": ("record", without("record", "public_from"), "lacks public_from"),
    "a key that is not one of its own": ("record", changed("record", tier="high"), "'tier', which is not one of its fields"),
    "another kind's keys": ("operator", STORED["key"], "lacks joined"),
    "a key in capitals": ("skeleton", '{"Handle": "ann"}', "lacks handle"),
    "a text for a truth": ("operator", changed("operator", verified="yes"), "verified of type str"),
    "a number for a truth": ("record", changed("record", dropped=0), "dropped of type int"),
    "a truth for a number": ("record", changed("record", index=True), "index of type bool"),
    "a fraction for a number": ("record", changed("record", index=4.0), "index of type float"),
    "a number below 0": ("key", changed("key", revoked_from=-1), "revoked_from out of range"),
    "a number that no column holds": ("operator", changed("operator", joined=2**70), "joined out of range"),
    "null for a number": ("policy", changed("policy", approvals=None), "approvals of type NoneType"),
    "a text for a list": ("record", changed("record", approvals="ed"), "approvals of type str"),
    "a list of other things": ("claims", '{"open": [7]}', "open[] of type int"),
    "a status that there is not": ("record", changed("record", status="trusted"), "'trusted': it must be one of pending"),
    "a record's status for a request": ("request", changed("request", status="withdrawn"), "'withdrawn'"),
    "a time of its own": ("record", changed("record", submitted="yesterday"), "'yesterday': it must be a time"),
    "a time in other digits": ("clock", changed("clock", at="2026-11-2٠T10:00:00Z"), "it must be a time"),
    "a day that is none": ("editors", changed("editors", expires="2027-02-30"), "it must be a day"),
    "a key that is none": ("operator", changed("operator", key="zz"), "32 bytes in hexadecimal"),
    "a digest in capitals": ("record", changed("record", row="A" * 64), "64 hexadecimal digits"),
    "an editor without a key": ("editors", changed("editors", editors={"ed": {"key": A}}), "lacks next_key_sha256"),
    "a passkey on no curve": (
        "editors", changed("editors", editors={"ed": {"key": PASSKEY.replace("51f5", "51f6"), "next_key_sha256": B}}), "or a passkey",
    ),
    "an operator with a passkey": ("operator", changed("operator", key=PASSKEY), "32 bytes in hexadecimal"),
    "an editor who is a text": ("editors", changed("editors", editors={"ed": A}), "editors{} of type str"),
    "imported numbers that are texts": (
        "evidence", changed("evidence", evidence={**json.loads(STORED["evidence"])["evidence"], "samples_micro": ["1"]}),
        "samples_micro[] of type str",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_fact_is_refused_in_a_line_that_names_it(what):
    kind, text, words = DAMAGED[what]
    with pytest.raises(RecordInvalid) as refused:
        parse(OF[kind], text, "ann\n\x1b[31m" + "x" * 500)
    line = str(refused.value)
    assert words in line
    assert line.startswith(f"{kind} ann")
    assert "repro audit" in line
    assert line.isprintable()
    assert len(line) <= 500


@pytest.mark.parametrize("what", DAMAGED)
def test_a_damaged_fact_is_never_the_same_as_a_good_one(what):
    kind, text, _ = DAMAGED[what]
    assert not same(text, parse(OF[kind], STORED[kind], "x"))


def test_the_order_of_keys_says_nothing():
    fact = parse(KeyFact, STORED["key"], "x")
    assert same(json.dumps(json.loads(STORED["key"]), sort_keys=True, indent=1), fact)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of a registry with a row, a reproduction and a request."""
    folder = tmp_path_factory.mktemp("facts") / "registry"
    made = world(str(folder))
    row = made.accepted("ann")
    made.accepted("bob", row=row)
    made.act(made.actor("ann"), "request-opened", C, detail={"model": "m", "hardware": "h", "runtime": "r"})
    made.registry.engine.dispose()
    return (folder / "registry.sqlite").read_bytes()


def damaged(sound: bytes, folder: Path, *changes: tuple[str, str]) -> str:
    """A copy in which every fact of these kinds has this text."""
    place = folder / "registry"
    place.mkdir()
    (place / "registry.sqlite").write_bytes(sound)
    with sqlite3.connect(place / "registry.sqlite") as connection:
        for kind, value in changes:
            assert connection.execute("UPDATE facts SET value = ? WHERE kind = ?", (value, kind)).rowcount
    connection.close()
    return str(place)


@pytest.mark.parametrize("kind", ["registry", "editors", "policy", "operator", "key", "skeleton", "record", "idempotency",
                                  "request", "clock"])  # fmt: skip
def test_the_audit_names_a_damaged_fact_and_continues(sound, tmp_path, kind):
    place = damaged(sound, tmp_path, (kind, '{"status": 7}'))
    with sqlite3.connect(f"{place}/registry.sqlite") as connection:
        connection.execute("UPDATE records SET status = 'withdrawn'")
    connection.close()
    told = [f"{fault.where}: {fault.what}" for fault in audit(open_database(place), None, SILENT).faults]
    assert any(line.startswith(kind) and "says otherwise than the log" in line for line in told)
    assert any("has another place in the table" in line for line in told)


@pytest.mark.parametrize("value", ['{"open": "x"}', "[]", "{"])
def test_the_audit_names_a_fact_that_the_log_does_not_give(sound, tmp_path, value):
    place = damaged(sound, tmp_path)
    with sqlite3.connect(f"{place}/registry.sqlite") as connection:
        connection.execute("INSERT INTO facts VALUES ('claims', 'eve', ?, NULL)", (value,))
    connection.close()
    (fault,) = audit(open_database(place), None, SILENT).faults
    assert (fault.where, fault.what) == ("claims eve", "the database says otherwise than the log")


def test_the_audit_tells_a_truth_from_a_number(sound, tmp_path):
    place = damaged(sound, tmp_path)
    with sqlite3.connect(f"{place}/registry.sqlite") as connection:
        connection.execute("UPDATE facts SET value = replace(value, '\"dropped\": false', '\"dropped\": 0')")
    connection.close()
    assert audit(open_database(place), None, SILENT).faults


BUILD = "site build --registry {place} --out {out}"
COMMANDS = [
    ("operator list", "operator"),
    ("score --all", "operator"),
    ("regressions", "operator"),
    ("submissions --handle ann", "record"),
    ("explain {row}", "record"),
    ("review show {row}", "record"),
    ("registry export {out}", "record"),
    ("request list", "request"),
    (BUILD, "request"),
    (BUILD, "key"),
    ("registry editors", "editors"),
    ("score", "policy"),
    ("registry log", "registry"),
]


@pytest.mark.parametrize(("command", "kind"), COMMANDS)
@pytest.mark.parametrize("value", ['{"other": "keys"}', "7"], ids=["other keys", "another type"])
def test_a_command_ends_in_one_line_and_writes_nothing(sound, tmp_path, monkeypatch, capsys, kind, command, value):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    place, out = damaged(sound, tmp_path, (kind, value)), tmp_path / "out"
    monkeypatch.setenv("REPRO_REGISTRY", place)
    with sqlite3.connect(f"{place}/registry.sqlite") as connection:
        (row,) = connection.execute('SELECT id FROM records WHERE id = "row"').fetchone()
    connection.close()
    words = command.format(row=row[:12], out=out, place=place).split()
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    said = capsys.readouterr().err
    assert end.value.code == 2
    (line,) = [one for one in said.splitlines() if one.startswith("repro: ")]
    assert f"{kind}" in line
    assert "the database's fact of it" in line
    assert "Traceback" not in said
    assert not out.exists()


@pytest.mark.parametrize(("command", "kind"), [("registry editors", "editors"), ("score", "policy"), ("score --all", "policy"),
                                              (BUILD, "registry")])  # fmt: skip
def test_a_fact_that_is_gone_is_named_in_one_line(sound, tmp_path, monkeypatch, capsys, command, kind):
    for name in ("CONFIG", "CACHE", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name))
    place, out = damaged(sound, tmp_path), tmp_path / "out"
    monkeypatch.setenv("REPRO_REGISTRY", place)
    with sqlite3.connect(f"{place}/registry.sqlite") as connection:
        connection.execute("DELETE FROM facts WHERE kind = ?", (kind,))
    connection.close()
    with pytest.raises(SystemExit) as end:
        cli.main(command.format(out=out, place=place).split())
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert [line for line in said.splitlines() if line.startswith("repro: ") and kind in line]
    assert "Traceback" not in said
    assert not out.exists()


@pytest.mark.parametrize("asked", [Reader.get, Reader.need, Reader.all, Facts.get, Facts.all, Batch.get, View.get])
def test_a_fact_is_asked_for_by_its_type(asked):
    """So mypy --strict refuses a name in its place, and a key that the type has not."""
    hint = get_type_hints(asked, localns={"Fact": Fact})["kind"]
    assert hint.__origin__ is type
    assert get_args(hint)[0].__bound__ == Fact


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_has_no_keys(kind):
    fact = parse(kind, STORED[kind.KIND], "x")
    assert not hasattr(fact, "__getitem__")
    assert not hasattr(fact, "get")
    assert not hasattr(fact, "__dict__")
    with pytest.raises(FrozenInstanceError):
        setattr(fact, fields(fact)[0].name, "other")


def test_nobody_asks_by_a_kinds_name():
    """What mypy does not check, or is told not to: tests and benchmarks, `Any`."""
    found = []
    root = Path(inspect.getfile(harness)).parent.parent
    for path in [*root.glob("harness/**/*.py"), *root.glob("tests/**/*.py"), *root.glob("benchmarks/*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first, of = node.args[0], node.func.value
                named = isinstance(first, ast.Constant) and first.value in OF
                if named and node.func.attr in ("get", "all", "need") and isinstance(of, ast.Name):
                    found += [f"{path.name}:{node.lineno}"] if of.id in ("reader", "view", "facts", "batch") else []
    assert not found


def test_facts_in_memory_are_those_that_the_database_keeps(sound, tmp_path):
    place = damaged(sound, tmp_path)
    with open_database(place).reading() as reader:
        assert reader.need(RegistryFact).origin == reader.origin()
        assert set(reader.need(EditorsFact).editors) == {"ed"}
        assert set(reader.all(OperatorFact)) == {"ann", "bob"}
        assert reader.get(ClaimsFact, "ann") is None
        assert {fact.operator for fact in reader.all(RecordFact).values()} == {"ann", "bob"}
        with pytest.raises(RecordInvalid, match="operator nobody: is not in the log's facts"):
            reader.need(OperatorFact, "nobody")
