"""An entry of the user's own catalogue, made from a model that was fetched and checked."""

from __future__ import annotations

import re
from pathlib import Path

from harness.catalog import huggingface_cache, models
from harness.catalog.identity import Identity
from harness.catalog.models import HuggingFaceFile, Licence, Model, ModelFile, Reference
from harness.catalog.references import HuggingFaceReference
from harness.errors import BadInput
from harness.files import write_text

_LONGEST = 80


def refuse_other_than_hugging_face(reference: Reference, text: str) -> None:
    """Raises `BadInput` for what nobody else could fetch by the entry, and for an entry of the catalogue."""
    if not isinstance(reference, HuggingFaceReference):
        fix = "name hf:owner/name, hf:owner/name:Q4_K_M or hf:owner/name/file.gguf"
        raise BadInput("must be a model of Hugging Face: an entry says where to fetch it", where=text, fix=fix)


def refuse_id(chosen: str) -> None:
    """Raises `BadInput` for an id that is malformed, or that the catalogue has."""
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,80}", chosen):
        fix = "use small letters, digits, '.', '_' and '-', 81 at most"
        raise BadInput(f"{chosen!r} can't be an id", where="--id", fix=fix)
    if chosen in models.names():
        raise BadInput(f"the catalogue has a model {chosen!r} already", where="--id", fix="name another with --id")


def of(who: Identity, path: Path, identifier: str = "") -> Model:
    """The entry of a fetched model. Raises `BadInput` for an id that is taken or malformed."""
    place = huggingface_cache.place(path)
    if place is None:
        raise BadInput("must have been fetched from Hugging Face", where=str(path), fix="name hf:owner/name")
    chosen = identifier or _id_of(who)
    refuse_id(chosen)
    folder = place.file.rpartition("/")[0] if who.format == "gguf" else ""
    inside = path.parent if who.format == "gguf" else path
    prefix = f"{folder}/" if folder else ""
    files = [
        ModelFile(name=f"{prefix}{name}", size=(inside / name).stat().st_size, sha256=digest)
        for name, digest in sorted(who.files.items())
    ]
    return Model(
        id=chosen,
        name=who.name,
        family=who.family,
        variant="instruct" if who.variant == "instruct" else "base",
        format=who.format,
        quantisation=who.quantisation,
        licence=Licence(name=who.licence, url=f"https://huggingface.co/{place.repo}"),
        files=tuple(files),
        source=HuggingFaceFile(kind="huggingface", repo=place.repo, revision=place.commit),
    )


def _id_of(who: Identity) -> str:
    plain = re.sub(r"[^a-z0-9._-]+", "-", who.name.rpartition("/")[2].lower()).strip("-._")
    return plain[:_LONGEST] or "model"


def write(entry: Model) -> Path:
    """The entry's file in the user's own catalogue. Raises `BadInput` where it can't be written."""
    path = models.own_folder() / f"{entry.id}.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, toml(entry))
    return path


def toml(entry: Model) -> str:
    """As the program's own entries are written."""
    plain = ("id", "name", "family", "variant", "format", "quantisation")
    lines = [f"{name} = {_text(getattr(entry, name))}" for name in plain]
    lines += ["", "[licence]", f"name = {_text(entry.licence.name)}", f"url = {_text(entry.licence.url)}"]
    for file in entry.files:
        lines += [
            "",
            "[[files]]",
            f"name = {_text(file.name)}",
            f"size = {file.size}",
            f"sha256 = {_text(file.sha256)}",
        ]
    source = entry.source
    if isinstance(source, HuggingFaceFile):
        lines += [
            "",
            "[source]",
            'kind = "huggingface"',
            f"repo = {_text(source.repo)}",
            f"revision = {_text(source.revision)}",
        ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """A basic string of TOML."""
    escaped = "".join(
        f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 else f"\\{c}" if c in '"\\' else c for c in value
    )
    return f'"{escaped}"'
