"""The copy of a demonstration that is served: made once, kept for as long as program and files are the same, and nobody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness import program
from harness.demo import serving
from harness.errors import BadInput
from harness.paths import demonstrations_folder
from harness.progress import SILENT
from harness.registry.actions import acts
from harness.registry.exchange import files
from harness.registry.facts import OperatorFact
from harness.terminal.serving import begun
from tests.support.registry_world import world

DEMO = Path(__file__).parents[2] / "results" / "demo-registry"


def head(place: Path) -> str | None:
    with serving.copied(str(place), SILENT) as (registry, _), registry.reading() as reader:
        return reader.head(reader.size())


def test_the_copy_is_kept_until_program_or_files_change_and_only_if_it_is_ours(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = tmp_path / "demo"
    shutil.copytree(DEMO, place)
    made = []
    real = files.into

    def into(*arguments):
        made.append(arguments)
        return real(*arguments)

    monkeypatch.setattr(files, "into", into)
    first = head(place)
    assert head(place) == first
    assert len(made) == 1
    (kept,) = demonstrations_folder().iterdir()
    kept.chmod(0o666)  # others may have written it
    assert head(place) == first
    assert len(made) == 2
    (place / "events" / "more").write_text("another file")
    assert head(place) == first
    assert len(made) == 3
    assert len(list(demonstrations_folder().iterdir())) == 1
    monkeypatch.setattr(program, "digest", lambda: "another program")
    assert head(place) == first
    assert len(made) == 4


def test_the_first_copy_is_made_ahead_by_a_process_of_its_own_and_no_other_is(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = []
    real = files.into
    monkeypatch.setattr(files, "into", lambda *arguments: made.append(arguments) or real(*arguments))
    first = head(DEMO)
    assert len(made) == 1
    shutil.rmtree(tmp_path / "cache")
    with begun(str(DEMO)) as ahead:
        assert ahead.process is not None
        with serving.copied(str(DEMO), SILENT, ahead) as (registry, _), registry.reading() as reader:
            assert reader.head(reader.size()) == first
    assert len(made) == 1  # not here
    with begun(str(DEMO)) as ahead:
        assert ahead.process is None
        with serving.copied(str(DEMO), SILENT, ahead) as (registry, _), registry.reading() as reader:
            assert reader.head(reader.size()) == first
    assert len(made) == 1


def test_where_nothing_can_be_kept_or_the_other_process_fails_it_is_made_here(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = head(DEMO)
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").mkdir()
    with begun(str(DEMO)) as ahead:
        ahead.process.kill()
        with serving.copied(str(DEMO), SILENT, ahead) as (registry, _), registry.reading() as reader:
            assert reader.head(reader.size()) == first
    demonstrations_folder().chmod(0o777)  # others may write there
    with begun(str(DEMO)) as ahead:
        assert ahead.process is None
        with serving.copied(str(DEMO), SILENT, ahead) as (registry, _), registry.reading() as reader:
            assert reader.head(reader.size()) == first


def test_who_stops_waiting_leaves_no_process_and_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with begun(str(DEMO)) as ahead:
        process = ahead.process
    assert process.returncode is not None
    assert not list(tmp_path.glob("repro-serve-*"))


def test_nothing_is_begun_for_what_is_no_exported_demonstration(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    files.export(world(str(tmp_path / "registry")).registry, tmp_path / "files", SILENT)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "registry.json").write_text("[")
    for place in (tmp_path / "registry", tmp_path / "files", tmp_path / "odd", tmp_path / "none", "postgresql://x/y"):
        with begun(str(place)) as ahead:
            assert ahead is None


def test_what_is_done_to_a_served_copy_is_not_kept(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = head(DEMO)
    with serving.copied(str(DEMO), SILENT) as (registry, key):
        with registry.reading() as reader:
            size, handle = reader.size(), min(reader.all(OperatorFact))
        acts.challenge(registry, key, handle, 7)
        with registry.reading() as reader:
            assert reader.size() == size + 1
    assert head(DEMO) == first


def test_the_export_of_another_registry_is_refused_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    files.export(world(str(tmp_path / "registry")).registry, tmp_path / "files", SILENT)
    for _ in range(2):
        with pytest.raises(BadInput, match="only a demonstration"), serving.copied(str(tmp_path / "files"), SILENT):
            pass
    assert not demonstrations_folder().exists()
