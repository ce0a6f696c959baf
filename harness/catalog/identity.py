"""Who a model is: digests, recipe, variant, licence and what a token costs, from the checked files on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.catalog import digest, model_folder, weights
from harness.catalog.models import HubReference, Model, Reference
from harness.errors import BadInput


@dataclass(frozen=True, slots=True)
class Identity:
    """What a record says of its model; paths stay out of it."""

    reference: str  # how to get it again
    name: str
    family: str
    variant: str
    format: str
    architecture: str
    quantisation: str
    licence: str
    file: str
    size: int
    sha256: str
    metadata_sha256: str
    tokenizer_sha256: str | None
    template_sha256: str | None
    parameters: int
    context_trained: int | None
    tensor_bytes: dict[str, int]
    bytes_per_token: int
    operations_per_token: int
    prefill_operations_per_token: int
    files: dict[str, str]  # name → sha256; of a folder, `sha256` is the digest of this list
    derived_from: str | None = None  # sha256 of the file that this was converted from

    def to_json(self) -> dict[str, Any]:
        """For the record."""
        return asdict(self)


def identify(reference: Reference, path: Path, cache: Path, progress: digest.Progress | None = None) -> Identity:
    """Check the header, hash the file (from the cache where it is known), say what it is. Raises `BadInput`.

    `path` is a GGUF, or a folder of safetensors; one that `repro model prepare` made says what it was made from.
    """
    if not path.is_dir() and path.suffix != ".gguf":
        raise BadInput("is neither a .gguf file nor a folder of safetensors", where=str(path), fix="name one of these")
    header = model_folder.header(path)
    if (header.number("split.count") or 1) > 1:
        raise BadInput("is one of several shards", where=str(path), fix="join them with llama-gguf-split --merge")
    origin = model_folder.origin(path, cache)
    found = (
        model_folder.manifest(path, cache, progress)
        if path.is_dir()
        else {path.name: digest.cached(path, cache, progress)}
    )
    template = header.text("tokenizer.chat_template")
    entry = reference if isinstance(reference, Model) else None
    title = header.text("general.name") or path.stem
    quantisation = weights.quantisation(header)
    licence = entry.licence.name if entry else (header.text("general.license") or "not stated")
    return Identity(
        reference=_reference(reference, path),
        name=_name(entry, path, origin),
        family=entry.family if entry else (header.text("general.basename") or title),
        variant=entry.variant if entry else weights.variant(header, path.stem),
        format="safetensors" if path.is_dir() else "gguf",
        architecture=header.text("general.architecture") or "unknown",
        quantisation=f"{quantisation} from {origin['quantisation']}" if origin else quantisation,
        licence=licence,
        file=path.name,
        size=sum(tensor.n_bytes for tensor in header.tensors) if path.is_dir() else path.stat().st_size,
        sha256=model_folder.manifest_sha256(found) if path.is_dir() else found[path.name],
        metadata_sha256=header.metadata_sha256,
        tokenizer_sha256=header.tokenizer_sha256 or found.get("tokenizer.json"),
        template_sha256=sha256(template.encode()).hexdigest() if template else None,
        parameters=weights.parameters(header.tensors),
        context_trained=header.number(f"{header.text('general.architecture')}.context_length"),
        tensor_bytes=weights.recipe(header.tensors),
        bytes_per_token=weights.bytes_per_token(header),
        operations_per_token=weights.operations_per_token(header),
        prefill_operations_per_token=weights.prefill_operations_per_token(header),
        files=found,
        derived_from=origin.get("source_sha256"),
    )


def _name(entry: Model | None, path: Path, origin: dict[str, str]) -> str:
    """The row that it belongs to: a conversion is one of its own."""
    base = entry.id if entry else (path.name if path.is_dir() else path.stem)
    return origin.get("name", base)


def _reference(reference: Reference, path: Path) -> str:
    if isinstance(reference, Model):
        return reference.id
    return str(reference) if isinstance(reference, HubReference) else path.name
