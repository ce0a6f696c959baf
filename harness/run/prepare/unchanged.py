"""The model's files from the moment they were hashed to the end of the run: what was loaded is what the record names."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from harness.catalog import digest, shards
from harness.errors import ReproError, RunFailed


def look(model: Path) -> dict[str, str]:
    """File → its state, of the file, all of its shards, or all in the folder; empty where nothing is, which others refuse."""
    files = shards.files(model) if model.is_file() else sorted(model.iterdir()) if model.is_dir() else []
    return {path.name: digest.state(path) for path in files if path.is_file()}


def only(states: Mapping[str, str], names: Collection[str]) -> dict[str, str]:
    """Those of the files that make the model what it is."""
    return {name: state for name, state in states.items() if name in names}


def refuse_changed(model: Path, states: Mapping[str, str], digests: Mapping[str, str]) -> None:
    """Raises `RunFailed` where a file does not hold what was hashed any more; one with another state is read again."""
    for name, state in states.items():
        path = (model if model.is_dir() else model.parent) / name
        try:
            same = digest.state(path) == state or digest.hash_file(path) == digests[name]
        except ReproError:
            same = False
        if not same:
            raise RunFailed(
                "the file changed since its digest was taken, or was replaced",
                where=name,
                fix="measure again while nothing writes it",
                code="model changed",
            )
