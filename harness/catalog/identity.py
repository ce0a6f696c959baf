"""Who a model is: digests, recipe, variant, licence and what a token costs, from the checked files on this machine."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.catalog import digest, gguf, safetensors, weights
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

    def to_json(self) -> dict[str, Any]:
        """For the record."""
        return asdict(self)


def identify(reference: Reference, path: Path, cache: Path, progress: digest.Progress | None = None) -> Identity:
    """Check the header, hash the file (from the cache where it is known), say what it is. Raises `BadInput`."""
    if path.is_dir():
        safetensors.check_folder(path)
        raise BadInput(
            "is a safetensors folder, and no runtime here reads those yet", where=str(path), fix="name a GGUF file"
        )
    if path.suffix != ".gguf":
        raise BadInput("is not a .gguf file", where=str(path), fix="name a GGUF file")
    header = gguf.read(path)
    if (header.number("split.count") or 1) > 1:
        raise BadInput("is one of several shards", where=str(path), fix="join them with llama-gguf-split --merge")
    template = header.text("tokenizer.chat_template")
    entry = reference if isinstance(reference, Model) else None
    title = header.text("general.name") or path.stem
    return Identity(
        reference=_reference(reference, path),
        name=entry.id if entry else path.stem,
        family=entry.family if entry else (header.text("general.basename") or title),
        variant=weights.variant(header, path.stem),
        format="gguf",
        architecture=header.text("general.architecture") or "unknown",
        quantisation=weights.quantisation(header),
        licence=entry.licence.name if entry else (header.text("general.license") or "not stated"),
        file=path.name,
        size=path.stat().st_size,
        sha256=digest.cached(path, cache, progress),
        metadata_sha256=header.metadata_sha256,
        tokenizer_sha256=header.tokenizer_sha256,
        template_sha256=sha256(template.encode()).hexdigest() if template else None,
        parameters=weights.parameters(header.tensors),
        context_trained=header.number(f"{header.text('general.architecture')}.context_length"),
        tensor_bytes=weights.recipe(header.tensors),
        bytes_per_token=weights.bytes_per_token(header),
        operations_per_token=weights.operations_per_token(header),
        prefill_operations_per_token=weights.prefill_operations_per_token(header),
    )


def _reference(reference: Reference, path: Path) -> str:
    if isinstance(reference, Model):
        return reference.id
    return str(reference) if isinstance(reference, HubReference) else path.name
