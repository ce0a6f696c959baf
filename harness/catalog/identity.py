"""Who a model is: digests, recipe, variant, licence and what a token costs, from the checked files on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

from harness.catalog import (
    digest,
    gguf,
    huggingface_cache,
    labels,
    model_folder,
    openvino_ir,
    plain_file,
    shards,
    weights,
)
from harness.catalog.formats import Format
from harness.catalog.models import Model, PyPIParts, Reference
from harness.catalog.references import OllamaReference
from harness.errors import BadInput
from harness.progress import SILENT, Progress

_KEPT = "".join(chr(code) for code in range(32, 127) if chr(code) != "%")


@dataclass(frozen=True, slots=True)
class Identity:
    """What a record says of its model; paths stay out of it."""

    reference: str  # how to get it again
    name: str
    family: str
    variant: str
    format: Format
    architecture: str
    quantisation: str
    licence: str
    file: str
    size: int
    sha256: str
    metadata_sha256: str
    tokenizer_sha256: str | None
    template_sha256: str | None
    parameters: int | None
    context_trained: int | None
    tensor_bytes: dict[str, int]
    # Of weights, for a text token; None where the architecture is not known, and so the next two.
    bytes_per_token: int | None
    operations_per_token: int | None
    prefill_operations_per_token: int | None
    files: dict[str, str]  # name → sha256; of several, `sha256` is the digest of this list
    derived_from: str | None = None  # sha256 of the file that this was converted from
    millibits_per_parameter: int | None = None  # as stored, scales included
    quantisation_details: dict[str, str | int | bool] = field(default_factory=dict)  # what the label does not say
    remarks: tuple[str, ...] = ()  # what contradicts the label; findings of the record

    def to_json(self) -> dict[str, Any]:
        """For the record: it holds the remarks as findings; its keys are ASCII, so names of files are percent-encoded."""
        found = {name: value for name, value in asdict(self).items() if name != "remarks"}
        return found | {"files": {quote(name, safe=_KEPT): value for name, value in self.files.items()}}


def header_of(path: Path) -> gguf.Header:
    """The header of the model in a file or folder. Raises `BadInput` for anything else, none of whose content is told."""
    if plain_file.kind(path) != "a folder" and path.suffix.lower() != ".gguf" and not gguf.is_one(path):
        inside = path.suffix.lower() == ".safetensors" or path.name in (openvino_ir.GRAPH, openvino_ir.WEIGHTS)
        fix = f"name its folder: {path.parent}" if inside else "name one of these"
        what = "is neither a .gguf file nor a folder of safetensors or of OpenVINO's format"
        raise BadInput(what, where=str(path), fix=fix)
    header = model_folder.header(path)
    kind = header.text("general.type") or "model"
    if kind != "model":
        raise BadInput(f"holds a {kind[:40]}, not a model", where=str(path), fix="name the language model itself")
    return header


def identify(reference: Reference, path: Path, cache: Path, progress: Progress = SILENT) -> Identity:
    """Check the header, hash the file (from the cache where it is known), say what it is. Raises `BadInput`.

    `path` is a GGUF (of several shards the first), or a folder of safetensors or OpenVINO's; one that `repro model prepare` made
    says what it was made from.
    """
    header = header_of(path)
    origin = model_folder.origin(path, cache)
    files = model_folder.files(path) if path.is_dir() else shards.files(path)
    found = {one.name: digest.cached(one, cache, progress) for one in files}
    template = header.text("tokenizer.chat_template")
    entry = reference if isinstance(reference, Model) else None
    known = entry is not None and isinstance(entry.source, PyPIParts)  # an id that everybody has
    own = reference.title if isinstance(reference, OllamaReference) else model_folder.title(path)
    title = header.text("general.name") or own
    named = own if isinstance(reference, OllamaReference) else path.name
    quantisation = weights.quantisation(header, named)
    licence = entry.licence.name if entry else (header.text("general.license") or "not stated")
    return Identity(
        reference=_reference(reference, path),
        name=origin.get("name", entry.id if entry and known else own),
        family=entry.family if entry else (header.text("general.basename") or title),
        variant=entry.variant if entry else weights.variant(header, own),
        format=header.format,
        architecture=header.text("general.architecture") or "unknown",
        quantisation=f"{quantisation} from {origin['quantisation']}" if origin else quantisation,
        licence=licence,
        file=own.rpartition("/")[2] if path.is_dir() else path.name,
        size=_size(header, files),
        sha256=found[path.name] if len(found) == 1 and not path.is_dir() else model_folder.manifest_sha256(found),
        metadata_sha256=header.metadata_sha256,
        tokenizer_sha256=header.tokenizer_sha256 or found.get("tokenizer.json"),
        template_sha256=sha256(template.encode()).hexdigest() if template else None,
        parameters=weights.parameters(header.tensors),
        context_trained=header.context_trained,
        tensor_bytes=weights.recipe(header.tensors),
        bytes_per_token=weights.bytes_per_token(header),
        operations_per_token=weights.operations_per_token(header),
        prefill_operations_per_token=weights.prefill_operations_per_token(header),
        files=found,
        derived_from=origin.get("source_sha256"),
        millibits_per_parameter=weights.millibits_per_parameter(header.tensors),
        quantisation_details=dict(header.scheme.details) if header.scheme else {},
        remarks=labels.remarks(header, named),
    )


def _size(header: gguf.Header, files: Sequence[Path]) -> int:
    """Bytes of the weights; of a GGUF those of its files."""
    if header.format == "safetensors":
        return sum(tensor.n_bytes for tensor in header.tensors)
    held = [file for file in files if header.format == "gguf" or file.name == openvino_ir.WEIGHTS]
    return sum(file.stat().st_size for file in held)


def _reference(reference: Reference, path: Path) -> str:
    if isinstance(reference, Model) and isinstance(reference.source, PyPIParts):
        return reference.id
    if isinstance(reference, OllamaReference):
        return str(reference)
    # What was fetched lies there, too: a branch is pinned to its commit by the folder's name.
    return str(huggingface_cache.place(path) or path.name)
