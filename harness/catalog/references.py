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
# A revision's own slash is written %2F, as in the hub's addresses; those of pull requests and conversions may have theirs.
_REVISION = r"refs/pr/[0-9]+|refs/convert/[A-Za-z0-9_-]+|(?:[A-Za-z0-9._-]|%2[Ff])+"
_HUGGING_FACE = re.compile(rf"{_REPO}(?:@({_REVISION}))?(?:/([A-Za-z0-9._/ -]+)|:([A-Za-z0-9._-]+))?")
_ADDRESS = re.compile(rf"(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/{_REPO}(.*)", re.IGNORECASE)
_AT = re.compile(r"/(?:tree|blob|resolve)/([^/?]+)(?:/([^?]+))?(?:\?.*)?")
_PART = r"[A-Za-z0-9][A-Za-z0-9._-]*"
_OLLAMA = re.compile(
    rf"((?:{_PART}(?::[0-9]{{1,5}})?/{_PART}/|{_PART}/)?{_PART})(?::({_PART}))?"
)  # a host may have a port


@dataclass(frozen=True, slots=True)
class HuggingFaceReference:
    """A repository at a revision: one file of it, the GGUF of a quantisation, or (neither given) its safetensors."""

    repo: str  # owner/name
    revision: str = "main"
    file: str = ""
    quantisation: str = ""

    def __str__(self) -> str:
        return f"hf:{self.repo}@{self.revision.replace('/', '%2F')}" + (
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
    revision = re.sub("%2f", "/", match[2] or "main", flags=re.IGNORECASE) if match else ""
    wrong = match is None or ".." in (match[3] or "") or any(part in ("", ".", "..") for part in revision.split("/"))
    if match is None or wrong or not proper(match[1]):
        raise BadInput(f"{text!r} is not a Hugging Face reference", where="--model", fix=HOW_HUGGING_FACE)
    if match[3] and not all(map(proper, match[3].replace(" ", "_").split("/"))):
        raise BadInput(f"{text!r} names no proper file", where="--model", fix=HOW_HUGGING_FACE)
    if match[2] and match[3] and not match[3].lower().endswith(".gguf"):
        whole = f"{match[2]}/{match[3]}".replace("/", "%2F").replace(" ", "")
        fix = f"name a .gguf file of it; a revision with a slash is written hf:{match[1]}@{whole}"
        raise BadInput(
            f"only .gguf files are accepted, not {match[3]} of the revision {match[2]}", where="--model", fix=fix
        )
    return HuggingFaceReference(match[1], revision, match[3] or "", match[4] or "")


def meant(text: str) -> str | None:
    """How a model of Hugging Face that is written in another way is written here; None where it does not look like one."""
    address = _ADDRESS.fullmatch(text)
    if address is not None:
        rest = address[2].rstrip("/")
        at = _AT.fullmatch(rest)
        rest = f"@{at[1]}" + (f"/{at[2]}" if at[2] else "") if at else rest
        return _spelt(f"{address[1]}{'' if rest.startswith('?') else rest}") or f"{HUGGING_FACE}{address[1]}"
    plain = re.sub(r"^(?:hf|huggingface):(?://)?", "", text, flags=re.IGNORECASE)
    if plain != text or re.fullmatch(rf"{_REPO}(?:@[^/:]+)?(?::[A-Za-z0-9._-]+)?", text):
        return _spelt(plain)
    return None


def _spelt(rest: str) -> str | None:
    try:
        hugging_face(HUGGING_FACE + rest)
    except BadInput:
        return None
    return HUGGING_FACE + rest


def ollama(text: str) -> OllamaReference:
    """Of `ollama:[[host/]namespace/]name[:tag]`. Raises `BadInput`."""
    match = _OLLAMA.fullmatch(text.removeprefix(OLLAMA))
    parts = match[1].split("/") if match else []
    if match is None or not all(proper(part.partition(":")[0]) for part in parts):
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
