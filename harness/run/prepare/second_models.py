"""Models that an option names beside `--model`, such as a draft: fetched, hashed and checked as the model itself is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harness.catalog import models
from harness.errors import BadInput
from harness.progress import Progress
from harness.run.evidence import ModelHere
from harness.run.prepare import model_files
from runtimes.interface import NO_MODEL, Option, Runtime, Scalar


def named(given: Mapping[str, Scalar], declared: Mapping[str, Option]) -> dict[str, models.Reference]:
    """Option → what it names. Raises `BadInput` for what names no model."""
    found = {}
    for name, value in given.items():
        if declared[name].model and value != NO_MODEL:
            if not value:
                raise BadInput("must name a model", where=f"-o {name}", fix=f"name one, or write {NO_MODEL}")
            try:
                found[name] = models.resolve(str(value))
            except BadInput as error:
                where = f"-o {name}" if error.where == "--model" else f"-o {name}: {error.where}"
                raise type(error)(error.what, where=where, fix=error.fix, code=error.code) from error
    return found


def here(
    references: Mapping[str, models.Reference], adapter: Runtime, cache: Path, progress: Progress
) -> dict[str, ModelHere]:
    """Option → the model on this machine. Raises `BadInput` for one of a format that the runtime does not read."""
    found = {}
    for name, reference in references.items():
        one = model_files.fetched(reference, cache, progress)
        if one.identity.format not in adapter.formats:
            raise BadInput(
                f"{adapter.name} reads {' and '.join(adapter.formats)}, this is {one.identity.format}",
                where=f"-o {name}",
                fix="take another file",
            )
        found[name] = one
    return found


def published(beside: Mapping[str, ModelHere]) -> dict[str, Scalar]:
    """Option → how to get the model again, as a record says it."""
    return {name: one.identity.reference for name, one in beside.items()}


def paths(beside: Mapping[str, ModelHere]) -> dict[str, Scalar]:
    """Option → the file, for the adapter."""
    return {name: str(one.path) for name, one in beside.items()}


def settings(beside: Mapping[str, ModelHere]) -> dict[str, Scalar]:
    """What a record's settings say of them: the digest of the weights, and a name for people."""
    found: dict[str, Scalar] = {}
    for name, one in beside.items():
        found |= {name: one.identity.sha256, f"{name}_name": one.identity.name}
    return found
