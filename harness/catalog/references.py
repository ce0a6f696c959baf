"""What a model can be called: `hf:…`, `ollama:…`, `file:…`, taken apart. Pure; `harness.catalog.models` adds ids and paths."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from harness.errors import BadInput
from harness.inside import proper

HUGGING_FACE, OLLAMA, FILE = "hf:", "ollama:", "file:"
HOW_HUGGING_FACE = "write hf:owner/name, hf:owner/name:Q4_K_M or hf:owner/name@revision/file.gguf"
HOW_OLLAMA = "write ollama:name or ollama:name:tag, as `ollama list` prints it"
_REPO = r"([A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*)"
_HUGGING_FACE = re.compile(rf"{_REPO}(?:@([A-Za-z0-9._-]+))?(?:/([A-Za-z0-9._/ -]+)|:([A-Za-z0-9._-]+))?")
_OLLAMA = re.compile(r"((?:[A-Za-z0-9][A-Za-z0-9._-]*/)*[A-Za-z0-9][A-Za-z0-9._-]*)(?::([A-Za-z0-9][A-Za-z0-9._-]*))?")


@dataclass(frozen=True, slots=True)
class HuggingFaceReference:
    """A repository at a revision: one file of it, the GGUF of a quantisation, or (neither given) its safetensors."""

    repo: str  # owner/name
    revision: str = "main"
    file: str = ""
    quantisation: str = ""

    def __str__(self) -> str:
        return f"hf:{self.repo}@{self.revision}" + (
            f"/{self.file}" if self.file else f":{self.quantisation}" if self.quantisation else ""
        )


@dataclass(frozen=True, slots=True)
class OllamaReference:
    """A model of the local Ollama store, by the three parts of its name."""

    host: str
    model: str  # namespace/name
    tag: str

    @property
    def short(self) -> str:
        """As Ollama prints it: without its own host and namespace."""
        host = "" if self.host == OLLAMA_HOST else f"{self.host}/"
        return f"{host}{self.model.removeprefix('library/') if not host else self.model}:{self.tag}"

    @property
    def title(self) -> str:
        """A name for the model: `short` without what no name may have."""
        return self.short.replace(":", "-")

    def __str__(self) -> str:
        return OLLAMA + self.short


OLLAMA_HOST = "registry.ollama.ai"


def hugging_face(text: str) -> HuggingFaceReference:
    """Of `hf:owner/name[@revision][/file | :quantisation]`. Raises `BadInput`."""
    match = _HUGGING_FACE.fullmatch(text.removeprefix(HUGGING_FACE))
    if match is None or ".." in (match[3] or "") or match[2] in (".", "..") or not proper(match[1]):
        raise BadInput(f"{text!r} is not a Hugging Face reference", where="--model", fix=HOW_HUGGING_FACE)
    if match[3] and not all(map(proper, match[3].replace(" ", "_").split("/"))):
        raise BadInput(f"{text!r} names no proper file", where="--model", fix=HOW_HUGGING_FACE)
    return HuggingFaceReference(match[1], match[2] or "main", match[3] or "", match[4] or "")


def ollama(text: str) -> OllamaReference:
    """Of `ollama:[[host/]namespace/]name[:tag]`. Raises `BadInput`."""
    match = _OLLAMA.fullmatch(text.removeprefix(OLLAMA))
    parts = match[1].split("/") if match else []
    if match is None or len(parts) > 3 or not all(map(proper, parts)):
        raise BadInput(f"{text!r} is not a name of Ollama's", where="--model", fix=HOW_OLLAMA)
    host = parts[0] if len(parts) == 3 else OLLAMA_HOST
    model = "/".join(parts[-2:]) if len(parts) > 1 else f"library/{parts[0]}"
    return OllamaReference(host, model, match[2] or "latest")


def file_path(text: str) -> str:
    """The path of `file:path`, `file:///path` or `file://localhost/path`. Raises `BadInput` for another machine's."""
    if not text.startswith("file://"):
        return unquote(text.removeprefix(FILE))
    address = urlsplit(text)
    if address.netloc not in ("", "localhost") or address.query or address.fragment:
        fix = "write file:/path or the path itself"
        raise BadInput(f"{text!r} is not a file of this machine", where="--model", fix=fix)
    return unquote(address.path)
