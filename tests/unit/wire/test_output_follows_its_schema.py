"""What is really written validates against the published schemas: the committed demonstration, its site, and commands."""

from __future__ import annotations

import csv
import json
import sqlite3
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pyarrow.parquet
import pytest
from click.testing import CliRunner

import harness
from harness.cli import cli
from harness.progress import SILENT
from harness.record import envelope
from harness.registry.facts import RecordFact
from harness.registry.reading import open_registry
from harness.site.build import Wish, build
from harness.terminal.outputs import every_schema
from harness.tlog.event import KINDS
from tests.support.registry_world import World, world

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "results" / "demo-registry"
SCHEMAS = every_schema()


def closed(schema: Any) -> Any:
    """The schema with no field that it does not name: readers ignore more fields, but we write none."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: closed(value) for name, value in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def follows(value: Any, name: str) -> None:
    jsonschema.Draft202012Validator(closed(SCHEMAS[name])).validate(value)


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> World:
    """Two rows, one with a reproduction and one that waits; a request, a revoked key's owner, a candidate for a change."""
    small = world(str(tmp_path_factory.mktemp("wire") / "registry.sqlite"), demonstration=True)
    row = small.accepted("ann", rate=60.0, version="0.3.36", synthetic=True)
    small.accepted("ann", row, rate=50.0, version="0.3.37", synthetic=True)
    small.accepted("bob", row, sku="Synthetic GPU B", synthetic=True)
    small.submit(small.record("cat", synthetic=True), row)
    detail = {"model": "m", "hardware": "h", "runtime": "r"}
    small.act(small.actor("ann"), "request-opened", "0" * 64, detail=detail)
    small.act(small.editor(), "request-accepted", "0" * 64, reason="wanted")
    return small


@pytest.fixture(scope="module")
def site(made, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("wire-site") / "site"
    build(Wish(made.registry.target, out, date(2026, 11, 24)), SILENT)
    return out


def test_every_event_of_the_demonstration_follows_the_schema_of_its_kind():
    seen = set()
    with open_registry(DEMO).reading() as reader:
        for index, _, data in reader.signed(0):
            assert data is not None
            value = json.loads(envelope.read(data, f"entry {index}").payload)
            seen.add(value["kind"])
            follows(value, f"event-{value['kind']}")
    assert len(seen) > 10
    assert seen <= set(KINDS)


@pytest.mark.parametrize(
    "change", [{"kind": "record-moved"}, {"by": "Ann!"}, {"detail": {}}, {"after": -1}, {"more": 1}]
)
def test_an_event_with_anything_else_does_not_follow(change):
    with open_registry(DEMO).reading() as reader:
        found = (json.loads(envelope.read(data, "x").payload) for _, _, data in reader.signed(0) if data)
        value = next(one for one in found if one["kind"] == "record-submitted")
    with pytest.raises(jsonschema.ValidationError):
        follows(value | change, "event-record-submitted")


def documents(site: Path) -> Iterator[tuple[str, Any]]:
    for path in sorted((site / "api/v1").rglob("*.json")):
        if path.parent.name != "schema":
            yield path.stem if path.parent.name == "v1" else "row", json.loads(path.read_text())


def test_every_document_of_the_api_follows_its_schema_and_holds_no_other_field(site):
    seen = set()
    for name, value in documents(site):
        seen.add(name)
        follows(value, name)
    assert seen == {"rows", "row", "regressions", "requests", "keys", "failures"}


def test_the_site_publishes_the_schemas(site):
    published = {path.stem: json.loads(path.read_text()) for path in (site / "api/v1/schema").iterdir()}
    assert published == {name: SCHEMAS[name] for name in published}
    assert {"rows", "record", "event-record-submitted", "download-rows", "csv-results"} <= set(published)


def test_the_api_says_null_and_names_units_and_states(site):
    (row,) = json.loads((site / "api/v1/rows.json").read_text())["rows"]
    assert (row["state"], row["source"], row["measured_on"]) == ("approved-public", "community", "2026-11-01")
    assert row["decode_ci95_low_tokens_per_s"] < row["decode_tokens_per_s"] < row["decode_ci95_high_tokens_per_s"]
    told = json.loads((site / f"api/v1/rows/{row['row']}.json").read_text())
    waiting = next(one for one in told["reproductions"] if one["verdict"] == "pending")
    assert (waiting["record"], waiting["operator"], waiting["hardware"]) == (None, None, None)


def test_every_line_of_the_downloads_follows_its_schema(site):
    tables = {
        name: pyarrow.parquet.read_table(site / f"downloads/{name}.parquet").to_pylist() for name in ("rows", "records")
    }
    database = sqlite3.connect(f"file:{site / 'downloads/registry.sqlite'}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    for name, lines in tables.items():
        assert lines
        for line in lines:
            follows(line, f"download-{name}")
        assert [list(line) for line in lines] == [list(dict(one)) for one in database.execute(f"SELECT * FROM {name}")]
    database.close()


def test_results_csv_has_the_columns_of_its_schema(site):
    for path in site.rglob("results.csv"):
        head, *lines = csv.reader(path.read_text().splitlines())
        assert head == list(SCHEMAS["csv-results"]["properties"])
        assert lines


def test_frames_follow_their_schemas(made, folder):
    frames = {
        "rows": harness.registry.rows(made.registry),
        "records": harness.registry.records(made.registry),
        "tier-counts": harness.registry.tier_counts(made.registry),
        "load-records": harness.load_records(folder),
    }
    for name, frame in frames.items():
        assert list(frame.columns) == list(SCHEMAS[f"frame-{name}"]["properties"])
        for line in json.loads(frame.to_json(orient="records")):
            follows(line, f"frame-{name}")


@pytest.fixture(scope="module")
def folder(made, tmp_path_factory) -> Path:
    """A signed record."""
    folder = tmp_path_factory.mktemp("wire-record")
    found = made.record("dan")
    (folder / "record.json").write_bytes(envelope.read(found.envelope, "it").payload)
    (folder / "record.dsse.json").write_bytes(found.envelope)
    (folder / "samples.parquet").write_bytes(found.samples)
    return folder


COMMANDS = {
    "score": ["score", "--all", "--registry", "PLACE"],
    "explain": ["explain", "ROW", "--registry", "PLACE"],
    "regressions": ["regressions", "--all", "--registry", "PLACE"],
    "audit": ["audit", "PLACE"],
    "site-build": ["site", "build", "--out", "OUT", "--registry", "PLACE"],
    "compare": ["compare", "RECORD", "RECORD"],
    "recompute": ["recompute", "RECORD"],
    "score-records": ["score", "RECORD", "RECORD"],
    "doctor": ["doctor"],
}


def test_every_promised_command_is_tried():
    assert {f"command-{name}" for name in COMMANDS} == {name for name in SCHEMAS if name.startswith("command-")}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_what_a_command_prints_as_json_follows_its_schema(name, made, folder, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    with made.registry.reading() as reader:
        row = next(name for name, fact in sorted(reader.all(RecordFact).items()) if fact.row == name)
    given = {"ROW": row, "OUT": str(tmp_path / "out"), "PLACE": made.registry.target, "RECORD": str(folder)}
    done = CliRunner().invoke(cli, [*(given.get(word, word) for word in COMMANDS[name]), "--json"])
    value = json.loads(done.stdout)
    assert value
    follows(value, f"command-{name}")
