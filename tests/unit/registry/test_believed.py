"""What is shown or counted of a registry was verified by the reader: a record that does not hold counts nowhere, and is named."""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from pathlib import Path

import pytest
from sqlalchemy import text

from harness.demo.records import trials_of
from harness.progress import SILENT
from harness.registry.actions import acts
from harness.registry.intake import ingest
from harness.registry.intake.ingest import Submission
from harness.registry.queries import believed, dataframes, remembered
from harness.site.build import Wish, build
from tests.support.program import Program
from tests.support.registry_world import REAL, World, world

DAY = date(2026, 11, 24)


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def unsigned_by_its_rig(found: Submission) -> tuple[bytes, bytes]:
    value = json.loads(found.envelope)
    value["signatures"] = value["signatures"][:1]
    return json.dumps(value).encode(), found.samples


def of_garbage(found: Submission) -> tuple[bytes, bytes]:
    return found.envelope, b"garbage"


def of_anothers_samples(found: Submission) -> tuple[bytes, bytes]:
    return found.envelope, sealed_samples(7)


def of_another_payload(found: Submission) -> tuple[bytes, bytes]:
    value = json.loads(found.envelope)
    value["payload"] = value["payload"][:40] + ("A" if value["payload"][40] != "A" else "B") + value["payload"][41:]
    return json.dumps(value).encode(), found.samples


def sealed_samples(seed: int) -> bytes:
    from dataclasses import replace

    from harness.record.samples import encode
    from harness.verify.trials import columns_of

    return encode(columns_of(trials_of(replace(REAL, seed=seed))))


FORGED = {one.__name__: one for one in (unsigned_by_its_rig, of_garbage, of_anothers_samples, of_another_payload)}


def put_past_the_checks(small: World, row: str, name: str, forge) -> str:
    """As a client would that left out every check: the event is whole and signed, what it names is not."""
    from dataclasses import replace

    found = small.record(name)
    small.join(name)
    data, samples = forge(found)
    claims = replace(found.claims, samples_sha256=sha256(samples).hexdigest())
    found = replace(found, envelope=data, samples=samples, claims=claims)
    with small.registry.reading() as reader:
        item = acts.submission(reader, small.actor(name), found, acts.Wish(row=row))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ingest, "agrees", lambda event, submission: None)
        small.registry.append_one(replace(item, submission=found), acts.utc())
    small.approve(found.id)
    return found.id


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


@pytest.fixture
def run(capfd) -> Program:
    return Program(capfd)


@pytest.mark.parametrize("kind", FORGED)
def test_a_record_that_does_not_hold_counts_in_no_score_and_is_named(small, run, kind):
    row = small.accepted("ann")
    good = small.accepted("bob", row=row)
    bad = put_past_the_checks(small, row, "eve", FORGED[kind])
    place = small.registry.target
    scored = run("score", "--registry", place, "--json")
    assert scored.code == 0
    assert [one["records"] for one in json.loads(scored.out)["rows"]] == [2]
    assert f"record {bad[:12]} is left out" in scored.err
    explained = run("explain", row[:12], "--registry", place, "--json")
    assert explained.code == 0
    assert set(json.loads(explained.out)["judged"]) == {good}
    assert [one["record"] for one in json.loads(explained.out)["left_out"]] == [bad]
    with pytest.warns(UserWarning, match=bad[:12]):
        assert list(dataframes.records(place)["record"]) == sorted([row, good], key=[row, good].index)


CHANGES = {
    "medians": "medians = '900000000,900000001,900000002,900000003,900000004'",
    "a logarithm": "log_mean = log_mean + 0.2",
    "a failed check": "failed = ''  , missing = 'x'",
    "a device": "sku = 'GeForce RTX 3090'",
    "an operator": "operator = 'bob'",
    "the editorial mark": "editorial = 1",
    "its status": "status = 'pending'",
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_line_of_the_table_that_its_samples_do_not_give_is_left_out(small, name):
    row = small.accepted("ann")
    other = small.accepted("cat", row=row)
    with believed.reading(small.registry) as (_, found):
        assert found == []  # and it is remembered: what is changed afterwards is another line
    with small.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text(f"UPDATE records SET {CHANGES[name]} WHERE id = :id"), {"id": other})
    with believed.reading(small.registry) as (reader, found):
        assert [one.record for one in found] == [other]
        assert reader.connection.execute(text("SELECT id FROM records")).scalars().all() == [row]
    with small.registry.reading() as reader:  # nothing of it stays behind
        assert len(reader.connection.execute(text("SELECT id FROM records")).all()) == 2


def test_a_row_whose_own_record_does_not_hold_is_refused_and_hides_no_other(small, run):
    row, other = small.accepted("ann"), small.accepted("bob", sku="Synthetic GPU C")
    with small.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text("UPDATE records SET medians = '1,2,3' WHERE id = :id"), {"id": row})
    explained = run("explain", row[:12], "--registry", small.registry.target)
    assert explained.code == 2
    assert "does not hold" in explained.err
    scored = run("score", "--registry", small.registry.target, "--json")
    assert [one["row"] for one in json.loads(scored.out)["rows"]] == [other]


def test_a_second_reading_verifies_nothing_again(small, monkeypatch):
    small.accepted("ann")
    with believed.reading(small.registry):
        pass
    monkeypatch.setattr(believed, "verdicts", lambda pending, pool: [pytest.fail("verified again") for _ in pending])
    with believed.reading(small.registry) as (_, found):
        assert found == []


@pytest.mark.parametrize("spoil", ["a line more", "others may write it", "another's text"])
def test_a_memory_that_others_could_have_written_is_not_believed(small, spoil):
    small.accepted("ann")
    with believed.reading(small.registry) as (reader, _):
        origin = reader.origin()
    path = remembered.path_of(origin)
    assert len(remembered.read(origin)) == 1
    if spoil == "a line more":
        path.write_bytes(path.read_bytes() + b"\n" + b"f" * 64)
    elif spoil == "others may write it":
        path.chmod(0o666)
    else:
        path.write_bytes(b"\xff\x00")
    assert remembered.read(origin) == set()
    with believed.reading(small.registry) as (_, found):
        assert found == []


def test_the_site_counts_what_was_verified_and_names_what_was_not(small, tmp_path):
    row = small.accepted("ann")
    small.accepted("bob", row=row)
    place, out = small.registry.target, tmp_path / "site"
    build(Wish(place, out, DAY), SILENT)
    bad = put_past_the_checks(small, row, "eve", of_garbage)
    made = build(Wish(place, out, DAY), SILENT)
    assert [one.record for one in made.left_out] == [bad]
    page = (out / "rows" / row[:16] / "index.html").read_text()
    assert f"Record {bad[:12]} counts nowhere" in page
    assert f"Record {bad[:12]} of row {row[:12]}" in (out / "decisions" / "index.html").read_text()
    assert not (out / "records" / f"{bad}.json").exists()
    assert not (out / "operators" / "eve.html").exists()
    anew = build(Wish(place, tmp_path / "anew", DAY), SILENT)
    assert [one.record for one in anew.left_out] == [bad]

    def files(folder):
        return {str(one.relative_to(folder)): one.read_bytes() for one in folder.rglob("*.html")}

    assert files(out) == files(tmp_path / "anew")


PLANTED = {
    "a rate": "UPDATE records SET log_mean = log_mean + 0.1 WHERE id = :id",
    "medians": "UPDATE records SET medians = '1,2,3' WHERE id = :id",
    "a name": "UPDATE records SET model_name = 'another' WHERE id = :id",
    "a device": "UPDATE records SET sku = 'GeForce RTX 4090' WHERE id = :id",
    "a fact of it": "UPDATE facts SET value = replace(value, '\"challenged\": false', '\"challenged\": true') WHERE name = :id",
}


@pytest.mark.parametrize("kind", PLANTED)
def test_a_site_that_goes_on_sees_a_changed_line_of_a_row_that_no_entry_touched(small, tmp_path, kind):
    row = small.accepted("ann")
    planted = small.accepted("bob", row=row, rate=101.0)
    small.accepted("cat", sku="Synthetic GPU B")
    place, out = small.registry.target, tmp_path / "site"
    build(Wish(place, out, DAY), SILENT)
    with small.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        assert connection.execute(text(PLANTED[kind]), {"id": planted}).rowcount >= 1
    for step in range(2):  # as it is, and beside an act on another row
        made = build(Wish(place, out, DAY), SILENT)
        if kind != "a fact of it":
            assert [one.record for one in made.left_out] == [planted]
            assert f"Record {planted[:12]} counts nowhere" in (out / "rows" / row[:16] / "index.html").read_text()
        assert step or made.made >= 1
        small.accepted(f"dan{step}", sku=f"Synthetic GPU {'DE'[step]}")
    assert build(Wish(place, out, DAY), SILENT).made == 1, "what was seen is made again once"


def test_of_a_waiting_record_that_does_not_hold_the_site_says_nothing(small, tmp_path):
    row = small.accepted("ann")
    waiting = small.record("eve")
    small.submit(waiting, row)
    with small.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text("UPDATE records SET medians = '1,2,3' WHERE id = :id"), {"id": waiting.id})
    made = build(Wish(small.registry.target, tmp_path / "site", DAY), SILENT)
    assert [one.record for one in made.left_out] == [waiting.id]
    held = b"".join(one.read_bytes() for one in (tmp_path / "site").rglob("*.html"))
    assert waiting.id[:12].encode() not in held


def test_the_review_does_not_weigh_a_record_against_one_that_does_not_hold(small, run):
    row = small.accepted("ann")
    bad = put_past_the_checks(small, row, "eve", of_garbage)
    waiting = small.record("bob")
    small.submit(waiting, row)
    listed = run("review", "--registry", small.registry.target, "--json")
    assert listed.code == 0
    assert f"record {bad[:12]} is left out" in listed.err
    assert [one["id"] for one in json.loads(listed.out)] == [waiting.id]


def test_on_postgresql_it_is_left_out_alike(place):
    registry = world(place)
    row = registry.accepted("ann")
    other = registry.accepted("bob", row=row)
    with registry.registry.engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(text("UPDATE records SET medians = '1,2,3' WHERE id = :id"), {"id": other})
    with believed.reading(registry.registry) as (reader, found):
        assert [one.record for one in found] == [other]
        assert reader.connection.execute(text("SELECT id FROM records")).scalars().all() == [row]
