"""A hostile database, or a hostile folder in the place of an earlier site: a build writes and removes nothing elsewhere."""

from __future__ import annotations

import json
import shutil
import sqlite3
from datetime import date
from pathlib import Path

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.progress import SILENT
from harness.registry.opening import open_database
from harness.site.addresses import operator
from harness.site.build import Wish, build
from harness.site.incremental import state
from tests.support.registry_world import World, world

DAY = date(2026, 11, 24)
NAMES = [
    "../../outside",
    "/tmp/outside",
    "a/../../../outside",
    "con",
    "nul.html",
    "x\0y",
    "x" * 300,
    "page-2",
    "index",
    ".hidden",
]


def made(registry: World, out: Path) -> None:
    build(Wish(registry.registry.target, out, DAY), SILENT)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("template") / "registry"
    world(str(place)).accepted("ann")
    return place


@pytest.fixture
def registry(tmp_path: Path, template: Path) -> World:
    shutil.copytree(template, tmp_path / "deep" / "registry")
    return World(open_database(str(tmp_path / "deep" / "registry")))


def rename(registry: World, kind: str, name: str) -> None:
    """As whoever can write to the database may: the operator, or the record, by another name wherever it stands."""
    with sqlite3.connect(Path(registry.registry.target) / "registry.sqlite") as connection:
        for trigger, own in connection.execute(
            "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
        ).fetchall():
            if own in ("facts", "records", "rigs"):
                connection.execute(f"DROP TRIGGER {trigger}")
        (old,) = connection.execute(
            "SELECT operator FROM records" if kind == "operator" else "SELECT id FROM records"
        ).fetchone()
        connection.execute("UPDATE facts SET name = ? WHERE name = ?", (name, old))
        connection.execute("UPDATE facts SET value = replace(value, ?, ?)", (json.dumps(old), json.dumps(name)))
        for table, column in (("records", "operator"), ("rigs", "operator"), ("records", "id"), ("records", "row")):
            connection.execute(f"UPDATE {table} SET {column} = ? WHERE {column} = ?", (name, old))


def elsewhere(tmp_path: Path) -> set[str]:
    """What lies outside of the registry and the site."""
    return {
        str(path.relative_to(tmp_path))
        for path in tmp_path.rglob("*")
        if "registry" not in path.parts and "site" not in path.parts
    }


@pytest.mark.parametrize(
    ("kind", "name"), [*(("operator", name) for name in NAMES), *(("record", name) for name in NAMES[:3])]
)
def test_a_site_is_not_built_of_names_that_are_paths(registry: World, tmp_path: Path, kind: str, name: str) -> None:
    rename(registry, kind, name)
    before = elsewhere(tmp_path)
    site = tmp_path / "deep" / "site"
    try:
        made(registry, site)
    except (RecordInvalid, BadInput) as error:
        assert "\n" not in str(error)
        assert not site.exists()
    else:  # what the log does not bear out was left out
        assert not json.loads((site / "api/v1/rows.json").read_text())["rows"]
    assert elsewhere(tmp_path) == before
    assert not Path("/tmp/outside").exists()


@pytest.mark.parametrize("name", [*(name for name in NAMES if name != "con"), "Ann", "ann.html", ""])
def test_an_operators_page_bears_a_handle_or_is_refused(name: str) -> None:
    with pytest.raises(RecordInvalid, match="can't name a page"):
        operator(name)


@pytest.mark.parametrize("place", ["rows", "operators", "api/v1"])
def test_a_linked_folder_in_an_earlier_site_is_not_written_through(registry: World, tmp_path: Path, place: str) -> None:
    site, other = tmp_path / "deep" / "site", tmp_path / "other"
    made(registry, site)
    (site / place).rename(other)
    (site / place).symlink_to(other, target_is_directory=True)
    before = {path: path.read_bytes() for path in other.rglob("*") if path.is_file()}
    registry.accepted("bob", sku="Synthetic GPU B")
    with pytest.raises(RecordInvalid, match="is a link"):
        made(registry, site)
    assert {path: path.read_bytes() for path in other.rglob("*") if path.is_file()} == before


def test_a_linked_page_is_replaced_and_what_it_leads_to_stays(registry: World, tmp_path: Path) -> None:
    site, other = tmp_path / "deep" / "site", tmp_path / "other"
    made(registry, site)
    other.write_text("somebody else's")
    (site / "index.html").unlink()
    (site / "index.html").symlink_to(other)
    registry.accepted("bob", sku="Synthetic GPU B")
    made(registry, site)
    assert not (site / "index.html").is_symlink()
    assert other.read_text() == "somebody else's"


def test_a_linked_mark_of_an_earlier_site_is_no_site_of_ours(registry: World, tmp_path: Path) -> None:
    site, other = tmp_path / "deep" / "site", tmp_path / "other"
    made(registry, site)
    (site / state.FILE).rename(other)
    (site / state.FILE).symlink_to(other)
    before = other.read_bytes()
    with pytest.raises(BadInput, match="repro site build did not write"):
        made(registry, site)
    assert other.read_bytes() == before


@pytest.mark.parametrize("change", ["records", "rows", "handles", "digests"])
def test_what_an_earlier_site_says_it_made_removes_nothing_elsewhere(
    registry: World, tmp_path: Path, change: str
) -> None:
    site, name = tmp_path / "deep" / "site", "../../victim"
    made(registry, site)
    (tmp_path / "victim.json").write_text("somebody else's")
    (tmp_path / "deep" / "victim.html").write_text("somebody else's")
    text = (site / state.FILE).read_text()
    kept = json.loads(text)
    row = kept["rows"][0][0][0]
    if change == "handles":
        text = text.replace('"handles":["ann"]', json.dumps({"handles": ["ann", name]}, separators=(",", ":"))[1:-1])
    elif change == "digests":
        text = text.replace('"digests":{', f'"digests":{{"{name}":"x",')
    else:
        text = text.replace(f'["{row}"]', f'["{name}"]') if change == "records" else text.replace(row, name)
    assert name in text
    (site / state.FILE).write_text(text)
    assert state.read(site) is None
    registry.accepted("bob", sku="Synthetic GPU B")
    made(registry, site)
    assert (
        (tmp_path / "victim.json").read_text() == (tmp_path / "deep" / "victim.html").read_text() == "somebody else's"
    )
    assert state.read(site) is not None
