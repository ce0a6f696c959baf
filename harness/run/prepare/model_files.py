"""A model brought to this machine, and who it is: of `--model`, and of options that name a second one."""

from __future__ import annotations

from pathlib import Path

from harness.catalog import fetch, models
from harness.catalog.identity import identify
from harness.progress import Progress
from harness.run.evidence import ModelHere
from harness.run.prepare import unchanged


def fetched(reference: models.Reference, cache: Path, progress: Progress) -> ModelHere:
    """The model on this machine, its digest that of the catalogue where it is one of ours."""
    path = fetch.fetch(reference, cache, progress)
    if isinstance(reference, models.Model):
        fetch.verify(reference, cache, progress)
    return as_it_lies(reference, path, cache, progress)


def as_it_lies(reference: models.Reference, path: Path, cache: Path, progress: Progress) -> ModelHere:
    """The model in that file or folder, hashed."""
    states = unchanged.look(path)  # before its digest: what changes meanwhile shows
    identity = identify(reference, path, cache, progress)
    return ModelHere(path, identity, unchanged.only(states, identity.files))
