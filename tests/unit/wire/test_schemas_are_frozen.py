"""Every published schema is what docs/schema/ holds: whoever changes the wire sees it here, and changes the file by hand."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import get_args, get_type_hints

import jsonschema
import pytest
from click.testing import CliRunner

from harness.cli import cli
from harness.record.columns import Type
from harness.registry.rules.apply import RULES
from harness.site.api import columns as downloads
from harness.site.api import listed, models
from harness.terminal.outputs import every_schema
from harness.tlog.event import KINDS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "docs" / "schema"
SCHEMAS = every_schema()


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_a_schema_is_the_published_one_to_the_letter(name):
    path = FOLDER / f"{name}-v1.json"
    assert path.is_file(), f"new on the wire: repro schema {name} --out {path}"
    assert json.loads(path.read_text()) == SCHEMAS[name], f"{name} changed: v1 is frozen (docs/wire.md)"
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[name])


def test_no_schema_was_taken_away():
    api = {"service"}  # OpenAPI, which tests/unit/service holds
    assert {path.name.removesuffix("-v1.json") for path in FOLDER.glob("*.json")} == set(SCHEMAS) | api


def test_every_kind_of_event_has_a_schema_and_is_a_past_tense():
    assert set(KINDS) == set(RULES) == {name.removeprefix("event-") for name in SCHEMAS if name.startswith("event-")}
    words = {word for kind in KINDS for word in kind.split("-")[1:]} - {"back", "duplicate", "key", "sent", "withdrawn"}
    assert [word for word in words if not word.endswith("ed")] == []


def test_every_identity_is_used_once():
    identities = [one["$id"] for one in SCHEMAS.values()]
    assert len(set(identities)) == len(identities)


def test_the_command_prints_each_and_lists_all():
    names = CliRunner().invoke(cli, ["schema", "--list"]).output.split()
    assert names == sorted(SCHEMAS)
    assert json.loads(CliRunner().invoke(cli, ["schema"]).output) == SCHEMAS["record"]
    assert json.loads(CliRunner().invoke(cli, ["schema", "event-record-moved"]).output) == SCHEMAS["event-record-moved"]


def test_the_command_writes_all_into_a_folder(tmp_path):
    assert CliRunner().invoke(cli, ["schema", "--all", str(tmp_path / "new")]).exit_code == 0
    assert {path.name for path in (tmp_path / "new").iterdir()} == {path.name for path in FOLDER.iterdir()} - {
        "service-v1.json"
    }


def test_a_name_that_is_none_is_refused_in_one_line():
    done = CliRunner().invoke(cli, ["schema", "nonsense"])
    assert "there is no such schema" in str(done.exception)


def test_the_download_has_the_columns_of_the_api_in_its_order():
    assert tuple(column.name for column in downloads.ROWS) == listed.NAMES


def test_the_download_has_the_types_of_the_api():
    hints = get_type_hints(models.ListedRow)
    kinds = {str: Type.TEXT, int: Type.INTEGER, float: Type.NUMBER, bool: Type.FLAG, tuple[str, ...]: Type.TEXT}
    for column in downloads.ROWS:
        parts = [part for part in get_args(hints[column.name]) or (hints[column.name],) if part is not Ellipsis]
        optional = type(None) in parts
        kind = next(part for part in parts if part is not type(None)) if optional else hints[column.name]
        assert column.nullable == optional, column.name
        known = Type.TEXT if isinstance(kind, type) and issubclass(kind, StrEnum) else kinds[kind]
        assert column.type is known, column.name


def test_one_word_a_thing_in_all_names():
    """What had two names has one: no `model` that is a digest here and a name there, no `sku`, `rate`, `until` or `idx`."""
    gone = {"sku", "model", "idx", "rate", "until", "members", "inside", "outside", "measured", "rig", "prefill", "os"}
    names = {
        column
        for name, one in SCHEMAS.items()
        for column in one.get("properties", {})
        if name[:5] in ("downl", "frame")
    }
    for kind in (kind for kind in vars(models).values() if isinstance(kind, type) and is_dataclass(kind)):
        names |= {field.name for field in fields(kind)}
    assert names & gone == set()
