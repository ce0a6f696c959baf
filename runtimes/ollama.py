"""Ollama by its own API, on this machine or elsewhere: the server that most people run.

It takes no ids and can't be told to ignore the end token. The text of a prompt is made by the vocabulary of its own weights; the
server must make the same ids of it, and count as many. It keeps each prompt that it saw: before one is repeated, the model is
loaded anew.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput, ReproError, RunFailed
from runtimes.interface import (
    SECRET,
    Capabilities,
    Device,
    DeviceKind,
    ModelFiles,
    Option,
    RuntimeFacts,
    Scalar,
    Watch,
    with_defaults,
)
from runtimes.support import gguf_vocabulary, server_place
from runtimes.support.ollama_api import WHERE, Ollama, Running, address_of
from runtimes.support.ollama_stream import Lines
from runtimes.support.sse import Server

_CONTEXT = 4096  # where nobody asks for another
_KEEP_ALIVE = "15m"  # longer than a trial may take; at the end it is taken out of memory
_WARM = 8  # tokens made of another text after each load: kernels and clocks are warm then, and no prompt is known
_EDGE = 2  # ids at the end of a text
_LOADED_AGAIN_NS = (
    150_000_000,
    500_000_000,
)  # half of what a load took, within these: to find a model that is there takes less
# Greedy decode and nothing else, whatever the model's own file says.
_GREEDY: Mapping[str, Any] = {
    "temperature": 0, "top_k": 1, "top_p": 1.0, "min_p": 0.0, "typical_p": 1.0, "repeat_penalty": 1.0, "repeat_last_n": 0,
    "presence_penalty": 0.0, "frequency_penalty": 0.0, "seed": 0, "stop": [], "draft_num_predict": 0,
}  # fmt: skip
_OWN = {"num_thread": "threads", "num_gpu": "gpu_layers", "num_batch": "batch"}  # option → setting of a record


class OllamaRuntime:
    """The adapter. It needs no engine's environment: the engine runs elsewhere."""

    name = "ollama"
    formats = ("gguf",)
    capabilities = Capabilities(
        in_core=True,
        holds_model=False,
        tokenises=False,
        takes_text=True,
        forces=False,
        scores=False,
        outlives=True,
        reaches=True,
        makes_one=True,
    )
    options: Mapping[str, Option] = {
        "url": Option(
            "where it listens; default: as OLLAMA_HOST says, else http://127.0.0.1:11434", str, "", outside=True
        ),
        "served_model": Option("the model's name there; default: the one whose weights --model names", str, ""),
        "context": Option("tokens that a request may fill (num_ctx)", int, minimum=8),
        "num_thread": Option("threads; default: the server's choice", int, minimum=1),
        "num_gpu": Option("layers on GPUs; default: the server's choice", int, minimum=0),
        "num_batch": Option("prompt tokens of one step; default: the server's choice", int, minimum=1),
        "remote": Option("measure a server that is not on this machine", bool, False),
        "vouch": Option("you know that the server runs on this machine's hardware", bool, False),
        "ca_file": Option("certificates (PEM) of the authority that signed an https server's", Path),
        "api_key_env": Option("the environment's variable that holds the server's key", str, secret=True),
    }

    def reach(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Ask for its version. Raises `BadInput` where nobody answers, or something that is not Ollama."""
        Ollama(_server_of(with_defaults(self.options, options), secrets.get("api_key_env", ""))).version()

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedOllama:
        """Have the server load it, afresh."""
        return LoadedOllama(model, with_defaults(self.options, options))


def _server_of(options: Mapping[str, Any], key: str) -> Server:
    url = str(options["url"] or address_of(os.environ.get("OLLAMA_HOST", "")))
    return Server.at(url, bool(options["remote"]), key, str(options["ca_file"] or ""))


class LoadedOllama:
    """One model in the memory of one server."""

    def __init__(self, model: ModelFiles, options: Mapping[str, Any]) -> None:
        if not model.path.exists():
            raise BadInput("there is no such model", where=str(model.path), fix="name one of its store: ollama:NAME")
        vocabulary = gguf_vocabulary.read(model.path)
        if vocabulary is None:
            raise BadInput(
                "its vocabulary is of a kind that is not read here", where=model.path.name, fix="take another runtime"
            )
        self._vocabulary = vocabulary
        self._server = _server_of(options, os.environ.get(f"{SECRET}api_key_env", ""))
        self._api = Ollama(self._server)
        version = self._api.version()
        self._shown = self._api.model_of(model.path.resolve(), str(options["served_model"]))
        self._refuse_company()
        own = {name: options[name] for name in _OWN if options[name] is not None}
        self._options: dict[str, Any] = {**_GREEDY, **own, "num_ctx": int(options["context"] or _CONTEXT)}
        self._counters: dict[str, int] = {}
        self._seen: list[tuple[int, ...]] = []  # prompts since it was loaded
        self._stale = self._cold = False
        self._texts: dict[tuple[int, ...], str] = {}  # of prompts, as they were given to us
        self._running = self._loaded()
        try:
            self.facts = self._facts(model, version, options)
        except ReproError:
            self.close()
            raise

    def _facts(self, model: ModelFiles, version: str, options: Mapping[str, Any]) -> RuntimeFacts:
        place = server_place.place_of(self._server, model.path, bool(options["vouch"]))
        known, devices = _computing(place, self._running)
        share = self._running.share if devices[-1].kind is not DeviceKind.SERVER else None
        own: dict[str, Scalar] = {ours: options[theirs] for theirs, ours in _OWN.items()}
        return RuntimeFacts(
            engine="ollama",
            version=version,
            package="ollama's server",
            commit="not told by the server",
            build={},
            settings={
                "context": self._context,
                "threads": own["threads"] or "auto",
                "batch": own["batch"] or "auto",
                "gpu_layers": own["gpu_layers"],
                "weights_on_cpu_mib": share[1] >> 20 if share and all(share) else None,
                "hardware": known,
                "prompts": "text",
                "stream": True,
                "batching": 1,
                "server_drivers": place.drivers or None,
                **({"api_key": "sent"} if self._server.key else {}),
                **({"tls": True} if self._server.tls is not None else {}),
            },
            devices=devices,
            computed_on=tuple(device.kind for device in devices),
            vocab_size=self._vocabulary.size,
            context_tokens=self._context,
            bos_id=self._vocabulary.bos_id,
            add_bos=True,
            clock="host, at the client, each line received",
            model=self._shown.facts,
            served=self._shown.name,
        )

    @property
    def _context(self) -> int:
        asked = int(self._options["num_ctx"])
        return min(asked, self._running.context or asked)

    def _refuse_company(self) -> None:
        others = [one.name for one in self._api.running() if one.name != self._shown.name]
        if others:
            raise BadInput(
                f"the server has {others[0]!r} in memory as well",
                where=WHERE,
                fix=f"run: ollama stop {others[0]}; what it computes or holds is not free for this model",
            )

    def _loaded(self) -> Running:
        """The model, taken out of memory and loaded again: it knows no prompt then."""
        self._api.unload(self._shown.name)
        found = self._api.load(self._shown.name, self._options, _KEEP_ALIVE)
        if found.context is not None and found.context < int(self._options["num_ctx"]):
            raise BadInput(
                f"the server gives a request {found.context} tokens of context, {self._options['num_ctx']} are needed",
                where="-o context",
                fix="take a shorter suite",
            )
        self._seen, self._stale, self._cold = [], False, True
        return found

    def take(self, ids: Sequence[int], text: str) -> list[int] | int:
        """See `TakingText.take`: the ids that the server makes of the text, or their number; it is loaded anew afterwards."""
        self._texts[tuple(ids)] = text
        made, count, told = self._made_of(text)
        if made is not None:
            return self._led(made)
        # Its last pieces may have grown together with what was made after them: then the others must be ours, and the number.
        sure = max(len(ids) - _EDGE, 0)
        return count if self._led(told)[:sure] == list(ids[:sure]) or not told else self._led(told)[: len(ids)]

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text` by the server: those that it gives back as the context of an answer, where it still does."""
        found = self._made_of(text)[0] if text else []
        if found is None:
            raise BadInput(
                "the server turns no text into ids (the field context of /api/generate)",
                where=WHERE,
                fix="run the same model once with the runtime llama.cpp: its ids are kept and used here",
            )
        return self._led(found) if add_bos else found

    def _led(self, ids: list[int]) -> list[int]:
        return ids if self._vocabulary.bos_id is None else [self._vocabulary.bos_id, *ids]

    def _made_of(self, text: str) -> tuple[list[int] | None, int, list[int]]:
        """The ids of an answer's context that spell the text (None: none do), the server's count, and all ids of the context."""
        body = self._body(text, 1, raw=False) | {"template": "{{ .Prompt }}", "stream": False}
        self._stale = True
        answer = self._server.ask(f"{self._server.base}/api/generate", body)
        if not answer.ok:
            raise self._server.refused(answer.status, answer.body)
        told = answer.value if isinstance(answer.value, dict) else {}
        context, count = told.get("context"), told.get("prompt_eval_count")
        counted = count if type(count) is int else 0
        if not isinstance(context, list) or not all(type(token) is int for token in context):
            return None, counted, []
        ids = list(self._vocabulary.content(context))  # the text, then the one token that was made
        ends = range(len(ids), max(len(ids) - 3, 0), -1)
        spelt = next((ids[:end] for end in ends if self._vocabulary.text(ids[:end]) == text), None)
        whole = spelt is not None and len(self._led(spelt)) == counted
        return spelt if whole else None, counted, ids

    def fresh(self, prompt: Sequence[int]) -> list[int]:
        """A prompt of the same words in an order that this server has never seen."""
        return self._vocabulary.shuffled(prompt)

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. Forced decode is refused; a line that carries text is stamped on arrival."""
        if forced is not None and output_tokens:
            raise BadInput("a server chooses its own tokens", where=WHERE, fix="leave forced decode out")
        count = max(output_tokens, 1)
        if len(prompt) + count > self._context:
            raise BadInput(
                f"{len(prompt)} and {count} tokens do not go into a context of {self._context}",
                where="-o context",
                fix="make it larger, or take a shorter suite",
            )
        text = self._text(prompt)
        self._make_ready(prompt, count)
        lines = Lines(watch, count, self._server.key)
        path = f"{self._server.base}/api/generate"
        ended = self._server.stream(path, self._body(text, count), lines.take, lines.begin, lines=True)
        self._counters = dict(lines.counters)
        lines.refuse_incomplete(ended)
        lines.refuse_other_model(self._shown.name)
        self._refuse_other_count(prompt, lines)
        self._refuse_loaded_again(lines)
        lines.fill()
        return []

    def _body(self, text: str, count: int, *, raw: bool = True) -> dict[str, Any]:
        """A request that cuts nothing off, thinks nothing beforehand and leaves the model in memory."""
        return {
            "model": self._shown.name,
            "prompt": text,
            "raw": raw,
            "think": False,
            "truncate": False,
            "shift": False,
            "keep_alive": _KEEP_ALIVE,
            "options": self._options | {"num_predict": count},
        }

    def _text(self, prompt: Sequence[int]) -> str:
        text = self._texts.get(tuple(prompt)) or self._vocabulary.text(self._vocabulary.content(prompt))
        if not text:
            raise BadInput(
                "the prompt's ids are not those of a text: Ollama takes text alone",
                where=WHERE,
                fix="take another runtime",
            )
        return text

    def _make_ready(self, prompt: Sequence[int], count: int) -> None:
        """Nothing of the prompt in any cache, and kernels that ran: what was seen since the model was loaded decides."""
        led = len(prompt) - len(self._vocabulary.content(prompt))
        if self._stale or any(_shared(prompt, old) > led for old in self._seen):
            digest, self._running = self._running.digest, self._loaded()
            if self._running.digest != digest:
                raise RunFailed("the server's model became another", where=WHERE, code="server changed")
        if self._cold:
            self._warm(prompt, count, led)
        self._cold = False
        self._seen.append(tuple(prompt))

    def _warm(self, prompt: Sequence[int], count: int, led: int) -> None:
        other = self._vocabulary.shuffled(prompt)
        text = self._vocabulary.text(self._vocabulary.content(other))
        if text and _shared(prompt, other) <= led:
            body = self._body(text, min(count, _WARM)) | {"stream": False}
            self._server.call(f"{self._server.base}/api/generate", body)
            self._seen.append(tuple(other))

    def _refuse_other_count(self, prompt: Sequence[int], lines: Lines) -> None:
        """Raises `RunFailed`. Of a text that it split as we do beforehand, fewer tokens are not another tokenizer's."""
        if lines.fed == len(prompt):
            return
        if lines.fed is None:
            raise RunFailed(
                f"the server does not tell how many prompt tokens it took, {len(prompt)} are sent",
                where=WHERE,
                fix="an old one tells none where they lay in its cache: take a newer Ollama, or the runtime llama.cpp",
                code="prompt not counted",
            )
        counted = f"the server counts {lines.fed} prompt tokens, not {len(prompt)}"
        if tuple(prompt) in self._texts and lines.fed < len(prompt):
            raise RunFailed(
                f"{counted}, which it made of this text beforehand",
                where=WHERE,
                fix="it cut the prompt, or leaves out what lay in its cache: take a newer Ollama, or the runtime llama.cpp",
                code="prompt cut",
            )
        raise _other_tokenizer(counted)

    def _refuse_loaded_again(self, lines: Lines) -> None:
        least, most = _LOADED_AGAIN_NS
        took_ns = most if self._running.load_ns is None else self._running.load_ns // 2
        if lines.counters.get("load_ns", 0) > min(max(took_ns, least), most):
            raise RunFailed(
                f"the server took {lines.counters['load_ns'] / 1e9:.1f} s to have the model ready within a trial",
                where=WHERE,
                fix="somebody else uses it, or it gave the memory to another model: measure it alone",
                code="loaded again",
            )

    def score(self, tokens: Sequence[int]) -> float:
        """It tells no likelihoods of a given text."""
        del tokens
        return float("nan")

    def counters(self) -> Mapping[str, int]:
        """The server's own account of the newest request."""
        return self._counters

    def reset(self) -> None:
        """Before the next request it is loaded anew, if it has seen the beginning of that one's prompt."""
        self._counters = {}

    def close(self) -> None:
        """Take the model out of the server's memory: the next process loads it afresh."""
        self._api.unload(self._shown.name)


def _computing(place: server_place.Place, running: Running) -> tuple[str, tuple[Device, ...]]:
    """Where the model lies by the server's account, where the server is this machine's; how that is known, in words."""
    if not place.here or running.share is None or len(place.devices) > 1:
        return place.known, place.devices
    on_gpu, rest = running.share
    if on_gpu and place.gpu_open is False:
        return "unknown: it says that it computes on a GPU, and has none open", (server_place.UNKNOWN,)
    cpu = Device("CPU", DeviceKind.CPU, "this machine's processor, by Ollama's account")
    gpu = Device("GPU", DeviceKind.GPU, "this machine's GPU, by Ollama's account")
    return place.known, (*place.devices, *([cpu] if rest or not on_gpu else []), *([gpu] if on_gpu else []))


def _other_tokenizer(what: str) -> RunFailed:
    return RunFailed(
        what,
        where=WHERE,
        fix="its tokenizer is not the reference's for this model, and its speed would be of other tokens: take llama.cpp",
        code="tokenizer",
    )


def _shared(one: Sequence[int], other: Sequence[int]) -> int:
    """With how many of the same ids both begin."""
    return next(
        (at for at, pair in enumerate(zip(one, other, strict=False)) if pair[0] != pair[1]), min(len(one), len(other))
    )
