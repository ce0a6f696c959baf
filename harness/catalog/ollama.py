"""The local store of Ollama, read only: from a name by its manifest to the file of the weights."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from harness.catalog import digest
from harness.catalog.references import OllamaReference
from harness.errors import BadInput
from harness.files import read_limited
from harness.inside import proper
from harness.paths import below_home
from harness.progress import SILENT, Progress

_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")
_LIMIT = 1 << 20
_MODEL, _ADAPTER = "application/vnd.ollama.image.model", "application/vnd.ollama.image.adapter"


SERVICE = Path("/usr/share/ollama/.ollama/models")  # where Linux's service keeps them


def stores() -> list[Path]:
    """`$OLLAMA_MODELS`, else the user's own `~/.ollama/models` and the service's."""
    named = os.environ.get("OLLAMA_MODELS", "")
    return [Path(named).expanduser()] if named else [below_home("", ".ollama") / "models", SERVICE]


def find(reference: OllamaReference, cache: Path, progress: Progress = SILENT) -> Path:
    """The GGUF, its digest checked against the manifest's. Raises `BadInput` where the store does not have it whole."""
    below = Path("manifests", reference.host, reference.model, reference.tag)
    found = next(((one, kept) for one in stores() if (kept := _kept(one, below)) is not None), None)
    if found is None:
        told = " or ".join(map(str, stores()))
        base = str(reference).rpartition(":")[0]
        others = " or ".join(f"{base}:{tag}" for tag in _tags(below.parent))
        have = f"take {others}, or " if others else ""
        fix = f"{have}run: ollama pull {reference.short}, or set OLLAMA_MODELS to its store"
        raise BadInput(f"is not in Ollama's store ({told})", where=str(reference), fix=fix)
    place, manifest = found
    layers = _layers(manifest)
    if any(layer.get("mediaType") == _ADAPTER for layer in layers):
        raise BadInput(
            "has an adapter (LoRA) beside its weights", where=str(reference), fix="take the model without it"
        )
    weights = [layer for layer in layers if layer.get("mediaType") == _MODEL]
    if not weights:
        raise BadInput(
            "has no GGUF in this store: Ollama computes it elsewhere (cloud), or keeps it in another form",
            where=str(reference),
            fix="take a model whose weights lie here as a GGUF",
        )
    match = _DIGEST.fullmatch(str(weights[0].get("digest"))) if len(weights) == 1 else None
    if match is None:
        fix = "take a model of one GGUF"
        raise BadInput(f"must have one file of weights, its manifest has {len(weights)}", where=str(reference), fix=fix)
    blob = place / "blobs" / f"sha256-{match[1]}"
    if not blob.is_file():
        raise BadInput("its weights are missing", where=str(blob), fix=f"run: ollama pull {reference.short}")
    if digest.cached(blob, cache, progress) != match[1]:
        raise BadInput("its sha256 is not that of its name", where=str(blob), fix=f"run: ollama pull {reference.short}")
    return blob


def _kept(store: Path, below: Path) -> Path | None:
    """The manifest there; names differ by more than their case, as Ollama has it. Raises `BadInput` for a store of another's."""
    places = [store]
    try:
        if (store / below).is_file():
            return store / below
        for part in below.parts:
            inside = [one for place in places if place.is_dir() for one in place.iterdir()]
            places = [one for one in inside if one.name.lower() == part.lower()]
        files = [place for place in places if place.is_file()]
    except OSError as error:
        fix = "check its permissions, or set OLLAMA_MODELS to your own store"
        raise BadInput(f"Ollama's store can't be read ({error.strerror})", where=str(store), fix=fix) from error
    return files[0] if len(files) == 1 else None


def _tags(model: Path) -> list[str]:
    """The tags of a model that the stores do have, at most five."""
    found = {one.name for place in stores() if (place / model).is_dir() for one in (place / model).iterdir()}
    return sorted(filter(proper, found))[:5]


def _layers(manifest: Path) -> list[dict[str, Any]]:
    try:
        found = json.loads(read_limited(manifest, _LIMIT, "the manifest"))["layers"]
        return [layer for layer in found if isinstance(layer, dict)]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput("can't be read as a manifest", where=str(manifest), fix="pull the model again") from error
