"""What does not run: at the rows of its model, on a page of its own, as JSON and as the signed record; no number moves for it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from harness.progress import SILENT
from harness.registry.actions import failures
from harness.registry.intake.failures import checked
from harness.site.build import Wish, build
from tests.support.failed_runs import EMPTY, shown, submitted
from tests.support.registry_world import World, world

DAY = date(2026, 11, 24)
HOSTILE = "<script>alert(1)</script> & \"quoted\" 'words'"


def built(made: World, out: Path) -> dict[str, bytes]:
    build(Wish(made.registry.target, out, DAY), SILENT)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


@pytest.fixture
def small(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


def test_a_failure_is_told_at_its_row_and_on_its_page_and_nothing_else_changes(small: World, tmp_path: Path) -> None:
    row = small.accepted("ann")
    before = built(small, tmp_path / "site")
    waiting = submitted(small, "cyd", sku="Synthetic GPU C")
    identity = shown(small, "bob", {"error": HOSTILE}, sku="Synthetic GPU B")
    files = built(small, tmp_path / "site")
    fresh = built(small, tmp_path / "again")
    assert {name for name in files if not name.startswith(".site")} == {n for n in fresh if not n.startswith(".site")}
    page = f"rows/{row[:16]}/index.html"
    for name in (
        page,
        "failures/index.html",
        "api/v1/failures.json",
        f"api/v1/rows/{row}.json",
        "decisions/index.html",
    ):
        assert files[name] == fresh[name], name
    for name in (page, "failures/index.html"):
        text = files[name].decode()
        for words in ("bob", "GeForce RTX 3090", "out of memory (while loading)", identity[:12], "1 operator says so"):
            assert words in text, (name, words)
        assert "<script>alert(1)" not in text
        assert waiting[:12] not in text
        assert "cyd" not in text
    assert b"Does not run here" in files[page]
    assert b"Does not run here" not in before[page]
    told = json.loads(files["api/v1/failures.json"])
    (one,) = told["failures"]
    assert (one["record"], one["operator"], one["reason"], one["rows"]) == (identity, "bob", "out_of_memory", [row])
    assert one["error"] == HOSTILE
    listed = json.loads(files[f"api/v1/rows/{row}.json"])
    assert [each["record"] for each in listed["does_not_run"]] == [identity]
    assert checked(files[f"failures/{identity}.json"], EMPTY, "x").id == identity
    for name in (
        "downloads/records.parquet",
        "downloads/rows.parquet",
        "api/v1/rows.json",
        f"rows/{row[:16]}/badge.svg",
    ):
        assert files[name] == before[name], name


def test_what_is_withdrawn_is_gone_from_the_site_that_goes_on(small: World, tmp_path: Path) -> None:
    row = small.accepted("ann")
    identity = shown(small, "bob", sku="Synthetic GPU B")
    assert f"failures/{identity}.json" in built(small, tmp_path / "site")
    failures.withdraw(small.registry, small.actor("bob"), identity, "it runs with a newer driver")
    files = built(small, tmp_path / "site")
    assert f"failures/{identity}.json" not in files
    assert b"Does not run here" not in files[f"rows/{row[:16]}/index.html"]
    assert json.loads(files["api/v1/failures.json"])["failures"] == []


def test_a_newer_success_takes_it_away_from_every_row(small: World, tmp_path: Path) -> None:
    from datetime import datetime

    row = small.accepted("ann")
    shown(small, "bob", sku="Synthetic GPU B")
    assert b"Does not run here" in built(small, tmp_path / "site")[f"rows/{row[:16]}/index.html"]
    own = small.accepted("bob", sku="Synthetic GPU B", started=datetime(2026, 11, 20, 12))
    files = built(small, tmp_path / "site")
    for name in (row, own):
        assert b"Does not run here" not in files[f"rows/{name[:16]}/index.html"]


def test_a_model_that_runs_nowhere_has_the_page_alone(small: World, tmp_path: Path) -> None:
    shown(small, "ann")
    files = built(small, tmp_path / "site")
    assert not [name for name in files if name.startswith("rows/")]
    assert b"synthetic-1b" in files["failures/index.html"]
    assert b"It does run elsewhere" not in files["failures/index.html"]
