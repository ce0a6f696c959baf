"""The copy of a demonstration that is served: made once, kept for as long as program and files are the same, and nobody else's."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from harness.demo import serving
from harness.errors import BadInput
from harness.paths import demonstrations_folder
from harness.progress import SILENT
from harness.record import decode_process
from harness.registry.actions import acts
from harness.registry.exchange import files
from harness.registry.facts import OperatorFact
from harness.terminal.serving import begin
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
    monkeypatch.setattr(serving.program, "digest", lambda: "another program")
    assert head(place) == first
    assert len(made) == 4


def test_what_decodes_samples_begins_early_for_a_first_copy_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    begun = []
    monkeypatch.setattr(decode_process, "begin", lambda: begun.append(True))
    begin(str(tmp_path))  # no demonstration
    assert begun == []
    begin(str(DEMO))
    assert begun == [True]
    head(DEMO)
    begin(str(DEMO))
    assert begun == [True]


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
