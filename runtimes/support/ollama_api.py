"""Ollama's own API: where it listens, which of its models a file is, what it has loaded and where that lies.

By the documents of its repository (docs/api.md) and its sources as of August 2026 (server/routes.go, llm/llama_server.go).
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.errors import BadInput, RunFailed, one_line
from runtimes.support.server_words import error_of, told
from runtimes.support.sse import Server

WHERE = "ollama"
PORT = 11434
SHOWN = 8  # names in a message
UNLOAD_S = 60.0
_FROM = re.compile(
    r"^FROM[ \t].*sha256[:-]([0-9a-f]{64})[\"']?\s*$", re.MULTILINE
)  # folders of its path may hold spaces
_ADAPTER = re.compile(r"^ADAPTER\s", re.MULTILINE)
_DIGEST = re.compile(r"sha256[:-]([0-9a-f]{64})")


def address_of(variable: str) -> str:
    """The URL that Ollama's own programs make of `OLLAMA_HOST`: envconfig.ConnectableHost in its sources."""
    text = variable.strip().strip("\"'")
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
    port = str({"http": 80, "https": 443}.get(scheme, PORT) if found else PORT)
    place, slash, path = rest.partition("/")
    host, colon, own = place.rpartition(":")
    if not colon or (":" in host and not host.endswith("]")):
        host, own = place, ""
    host = host.strip("[]") or "127.0.0.1"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - what a server listens on is no address to call
    port = own if own.isascii() and own.isdecimal() and int(own) < 65536 else port
    return f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{slash}{path}".rstrip("/")


@dataclass(frozen=True, slots=True)
class Running:
    """A model in memory, by `/api/ps`: bytes in all and on GPUs, and the context that one request may fill."""

    name: str
    digest: str
    size: int | None
    on_gpu: int | None
    context: int | None
    load_ns: int | None = None  # that the load just now took, by our clock

    @property
    def share(self) -> tuple[int, int] | None:
        """Bytes on GPUs, and bytes that are not; None where it does not tell."""
        if not self.size or self.on_gpu is None:
            return None
        return self.on_gpu, max(self.size - self.on_gpu, 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """A model of its store, by `/api/show`."""

    name: str
    weights: str  # sha256 of the file of the weights; "" where it is not told
    adapter: bool
    facts: Mapping[str, str | int | bool | None]
    elsewhere: bool = False  # it only passes requests on, to a cloud


class Ollama:
    """The server, asked about models. Nothing here is timed."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def version(self) -> str:
        """Of the server. Raises `BadInput` where it is no Ollama."""
        answer = self._server.ask(f"{self._server.base}/api/version")
        version = answer.value.get("version") if isinstance(answer.value, dict) else None
        if answer.status != 200 or not isinstance(version, str) or not version:
            raise BadInput(
                "what answers there is not Ollama: it has no /api/version",
                where=f"{self._server.host}:{self._server.port}",
                fix="check -o url and OLLAMA_HOST; other servers are measured with the runtime openai-http",
            )
        return one_line(version, 40)

    def running(self) -> tuple[Running, ...]:
        """The models in memory."""
        return tuple(
            Running(
                name=str(one.get("model") or one.get("name") or ""),
                digest=str(one.get("digest") or ""),
                size=_count(one.get("size")),
                on_gpu=_count(one.get("size_vram")),
                context=_count(one.get("context_length")),
            )
            for one in _listed(self._server.call(f"{self._server.base}/api/ps"))
        )

    def model_of(self, file: Path, wanted: str) -> Shown:
        """The model whose weights are `file`, by digest; `wanted` names it, or "".

        Raises `BadInput` where the server has none such, where the one that is named has other weights, or more than weights.
        """
        names = [str(one.get("model") or one.get("name") or "") for one in _listed(self._tags())]
        if wanted:
            names = [name for name in names if wanted in (name, name.removesuffix(":latest"))] or [wanted]
        digest = ""
        for name in filter(None, names):
            shown = self._shown(name)
            if shown is None:
                continue
            digest = digest or _digest_of(file)
            if shown.weights == digest and not shown.elsewhere:
                return _plain(shown)
            if wanted and shown.elsewhere:
                raise BadInput(
                    "is computed elsewhere: this server only passes requests on",
                    where=f"-o served_model={one_line(name, 80)}",
                    fix="take a model whose weights lie in its store",
                    code="another model",
                )
            if wanted:
                had = f"weights {shown.weights[:12]}…" if shown.weights else "weights whose digest it does not tell"
                raise BadInput(
                    f"{one_line(name, 80)} of the server has {had}, --model names {digest[:12]}…",
                    where=file.name,
                    fix=f"give --model ollama:{one_line(name, 80)}, from the store that the server uses",
                    code="another model",
                )
        if wanted:
            raise BadInput(
                f"it has no model {one_line(wanted, 80)!r}",
                where="-o served_model",
                fix=f"take one of {_some(self._names())}, or run: ollama pull",
            )
        raise BadInput(
            "no model of the server has these weights",
            where=file.name,
            fix=f"it has {_some(self._names())}; name its model: --model ollama:NAME, or run: ollama pull",
            code="another model",
        )

    def load(self, name: str, options: Mapping[str, Any], keep_alive: str) -> Running:
        """Bring it into memory with these options. Raises `RunFailed` with the server's words where it can't."""
        body = {"model": name, "options": dict(options), "keep_alive": keep_alive, "stream": False}
        began_ns = time.perf_counter_ns()
        self._ordered(body, "load")
        took_ns = time.perf_counter_ns() - began_ns
        found = next((one for one in self.running() if one.name == name), None)
        if found is None:
            raise RunFailed(
                "the server says that it loaded the model, and does not list it", where=WHERE, code="not loaded"
            )
        return replace(found, load_ns=took_ns)

    def unload(self, name: str) -> None:
        """Take it out of memory, and wait until it is. Raises `RunFailed` where it stays."""
        if all(one.name != name for one in self.running()):
            return
        self._ordered({"model": name, "keep_alive": 0, "stream": False}, "unload")
        deadline = time.monotonic() + UNLOAD_S
        while any(one.name == name for one in self.running()):
            if time.monotonic() > deadline:
                raise RunFailed(
                    f"the server keeps {one_line(name, 80)} in memory",
                    where=WHERE,
                    fix="somebody else uses it",
                    code="not unloaded",
                )
            time.sleep(0.05)

    def _ordered(self, body: Mapping[str, Any], what: str) -> None:
        answer = self._server.ask(f"{self._server.base}/api/generate", body)
        if answer.ok:
            return
        if answer.status in (404, 429, 503):
            raise self._server.refused(answer.status, answer.body)
        words = (
            told(answer.body.decode(errors="replace"), "")
            if answer.value is None
            else (error_of(answer.value, "") or "it does not say why")
        )
        raise RunFailed(f"the server can't {what} the model: {words}", where=WHERE, code=f"status {answer.status}")

    def _tags(self) -> Any:
        answer = self._server.ask(f"{self._server.base}/api/tags")
        if answer.status != 200:
            raise self._server.refused(answer.status, answer.body)
        return answer.value

    def _names(self) -> list[str]:
        return [str(one.get("model") or one.get("name") or "") for one in _listed(self._tags())]

    def _shown(self, name: str) -> Shown | None:
        value = self._server.call(f"{self._server.base}/api/show", {"model": name})
        if not isinstance(value, dict):
            return None
        text, info = str(value.get("modelfile") or ""), value.get("model_info")
        info = info if isinstance(info, dict) else {}
        details = value.get("details") if isinstance(value.get("details"), dict) else {}
        match = _FROM.search(text)
        facts: dict[str, str | int | bool | None] = {"description": "as served"}
        architecture = str(info.get("general.architecture") or "")
        for ours, number in (
            ("parameters", info.get("general.parameter_count")),
            ("context_trained", info.get(f"{architecture}.context_length")),
        ):
            if _count(number):
                facts[ours] = number
        label = details.get("quantization_level") if isinstance(details, dict) else None
        if isinstance(label, str) and label and label != "unknown":
            facts["quantisation"] = one_line(label, 40)
        elsewhere = bool(value.get("remote_host") or value.get("remote_model"))
        return Shown(name, match[1] if match else "", bool(_ADAPTER.search(text)), facts, elsewhere)


def _plain(shown: Shown) -> Shown:
    if shown.adapter:
        raise BadInput(
            "has an adapter (LoRA) beside its weights", where=one_line(shown.name, 80), fix="take the model without it"
        )
    return shown


def _digest_of(file: Path) -> str:
    """By its name in a store, which was checked against its bytes when it was found; else by its bytes."""
    named = _DIGEST.fullmatch(file.name)
    if named:
        return named[1]
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _listed(value: Any) -> list[dict[str, Any]]:
    found = value.get("models") if isinstance(value, dict) else None
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
    return told(shown, "") or "none"


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
