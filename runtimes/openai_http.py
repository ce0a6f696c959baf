"""Any local server that streams OpenAI completions: llama-server, Ollama, LM Studio, vLLM serve, SGLang and others.

Timed at the client by the host clock, from before the request is sent to each chunk that carries text. The model named
by --model is the one that the operator says is served; the hardware is the server's, and is this machine's only where the
server's process was seen here with the very file open, or the operator vouches for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import BadInput, RunFailed
from runtimes.interface import Device, ModelFiles, Option, RuntimeFacts, Watch
from runtimes.support import listening
from runtimes.support.sse import Server

# Ways to turn text into ids, in the order in which they are tried: path, where the text goes, and what asks for BOS.
_TOKENIZE = (
    ("/tokenize", ("content", "prompt"), ("add_special", "add_special_tokens")),
    ("/extras/tokenize", ("input",), ()),
)
_DETOKENIZE = (("/detokenize", "content", "prompt"), ("/extras/detokenize", "text", "text"))


class OpenAIHTTP:
    """The adapter. It needs no engine's environment: the engine runs elsewhere."""

    name = "openai-http"
    formats = ("gguf", "safetensors")
    in_core = True  # runs in the core's interpreter
    forces = False  # a server chooses its own tokens: forced decode is left out
    options: Mapping[str, Option] = {
        "url": Option("the server's API", str, "http://127.0.0.1:8080/v1"),
        "served_model": Option("the model's name at the server; default: the first that it lists", str, ""),
        "engine": Option("the engine behind it, where the server does not tell", str, ""),
        "remote": Option("measure a server that is not on this machine", bool, False),
        "vouch": Option("you know that the server runs on this machine's hardware with this very model", bool, False),
        "vocabulary": Option(
            "size of the model's vocabulary, to check ids and draw forced ones", int, 1 << 20, minimum=2
        ),
        "eos_id": Option("id of the end token, for servers without ignore_eos: it is biased away", int, -1, minimum=-1),
        "context": Option("tokens that the server's context holds, as it was started", int, minimum=8),
    }

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedServer:
        """Ask the server who it is."""
        return LoadedServer(model, options)


class LoadedServer:
    """One model of one server."""

    def __init__(self, model: ModelFiles, options: Mapping[str, Any]) -> None:
        if not model.path.exists():
            raise BadInput(
                "there is no such model", where=str(model.path), fix="name the file that the server has loaded"
            )
        self._options = options
        self._server = Server.at(options["url"], bool(options.get("remote", False)))
        listed = self._server.call(f"{self._server.base}/models")
        entries = listed.get("data") if isinstance(listed, dict) else None
        served = [str(entry["id"]) for entry in entries or [] if isinstance(entry, dict) and "id" in entry]
        self._name = options.get("served_model") or (served[0] if served else "")
        if not self._name:
            raise BadInput(
                "it lists no model", where="-o url", fix="check the address, or name one: -o served_model=NAME"
            )
        self._engine, self._version = self._who()
        self._counters: dict[str, int] = {}
        self._probed: str | None = None
        self._texts: dict[tuple[int, ...], str] = {}
        self._bos: list[int] | None = None
        self.facts = self._facts(model)

    def _who(self) -> tuple[str, str]:
        """The engine and its version, by what each kind of server offers."""
        told = str(self._options.get("engine", ""))
        version = self._server.call("/version")
        if isinstance(version, dict) and "version" in version:
            return told or "vllm", str(version["version"])
        props = self._server.call("/props")
        if isinstance(props, dict) and "build_info" in props:
            return told or "llama.cpp", str(props["build_info"])
        ollama = self._server.call("/api/version")
        if isinstance(ollama, dict) and "version" in ollama:
            return told or "ollama", str(ollama["version"])
        return told or "unknown", "not told by the server"

    def _seen(self, model: ModelFiles) -> tuple[str, Device]:
        """How the server's hardware is known, and as what it is recorded."""
        if self._options.get("vouch") and not self._server.loopback:
            raise BadInput(
                "nobody can vouch that another machine is this one",
                where="-o vouch",
                fix="leave it out: the hardware is unknown",
            )
        if self._options.get("vouch"):
            return "vouched for by the operator", Device(
                "local", "local-server", "this machine, by the operator's word"
            )
        if self._server.loopback:
            found = listening.processes_at(self._server.address(), self._server.port)
            if found and all(listening.holds(pid, model.path) for pid in found):
                return "process seen with the model open", Device("local", "local-server", "this machine, process seen")
        return "unknown", Device("unknown", "server", "the server's device, which is not known")

    def _facts(self, model: ModelFiles) -> RuntimeFacts:
        known, device = self._seen(model)
        return RuntimeFacts(
            engine=self._engine,
            version=self._version,
            package="openai-compatible server",
            commit="not told by the server",
            build={},
            settings={
                "context": self._options.get("context"),
                "hardware": known,
                "prompts": self._prompts_as(),
                "stream": True,
                "batching": 1,
            },
            devices=(device,),
            vocab_size=int(self._options.get("vocabulary", 1 << 20)),
            context_tokens=int(self._options.get("context") or 0),
            bos_id=None,
            add_bos=True,
            clock="host, at the client, each chunk received",
            model={"description": "as served"},
        )

    def _prompts_as(self) -> str:
        """`ids` where the server takes a list of ids as the prompt and counts them so, else `text`."""
        if self._probed is None:
            body = {"model": self._name, "prompt": [1, 2, 3], "max_tokens": 1, "temperature": 0}
            answer = self._server.call(f"{self._server.base}/completions", body)
            usage = answer.get("usage") if isinstance(answer, dict) else None
            self._probed = "ids" if isinstance(usage, dict) and usage.get("prompt_tokens") == 3 else "text"
        return self._probed

    def _tokenized(self, text: str, add_bos: bool) -> list[int] | None:
        for path, texts, flags in _TOKENIZE:
            answer = self._server.call(path, dict.fromkeys(texts, text) | dict.fromkeys(flags, add_bos))
            if isinstance(answer, dict) and isinstance(answer.get("tokens"), list):
                return [int(token) for token in answer["tokens"]]
        return None

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`, where the server offers that."""
        found = self._tokenized(text, add_bos)
        if found is not None:
            return found
        raise BadInput(
            "the server turns no text into ids (/tokenize, /extras/tokenize)",
            where="openai-http",
            fix="run the same model once with the runtime llama.cpp, pytorch or vllm: its ids are kept and used here",
        )

    def _as_text(self, prompt: Sequence[int]) -> str:
        """The prompt as text, which the server must turn into as many tokens; it adds its own BOS."""
        key = tuple(prompt)
        if key not in self._texts:
            if self._bos is None:
                empty = self._tokenized("", True)
                self._bos = empty[:1] if empty else []
            led = bool(self._bos) and list(key[:1]) == self._bos
            text = self._text(key[1:] if led else key)
            body = {"model": self._name, "prompt": text, "max_tokens": 1, "temperature": 0}
            answer = self._server.call(f"{self._server.base}/completions", body)
            usage = answer.get("usage") if isinstance(answer, dict) else None
            counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
            if counted != len(key):
                raise RunFailed(
                    f"the server makes {counted} tokens of a prompt of {len(key)}",
                    where="openai-http",
                    fix="it has another tokenizer, or adds tokens: check --model against what it serves",
                    code="prompt differs",
                )
            self._texts[key] = text
        return self._texts[key]

    def _text(self, ids: Sequence[int]) -> str:
        for path, key, other in _DETOKENIZE:
            answer = self._server.call(path, {"tokens": list(ids)})
            if isinstance(answer, dict) and isinstance(answer.get(key, answer.get(other)), str):
                return str(answer.get(key, answer.get(other)))
        raise BadInput(
            "the server takes neither ids as a prompt nor turns ids into text",
            where="openai-http",
            fix="take a server with /detokenize, or one that accepts token ids",
        )

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. Forced decode is refused; a chunk that carries text is stamped on arrival."""
        if forced is not None and output_tokens:
            raise BadInput("a server chooses its own tokens", where="openai-http", fix="leave forced decode out")
        count = max(output_tokens, 1)
        body = self._body(prompt, count)
        chunks = _Chunks(watch, count)
        self._server.stream(f"{self._server.base}/completions", body, chunks.take, watch.start)
        made = chunks.usage.get("completion_tokens", chunks.count)
        fed = chunks.usage.get("prompt_tokens")
        self._counters = {"completion_tokens": made, "chunks": chunks.count}
        if fed is not None and "cached_tokens" in chunks.usage:
            self._counters["prefill_tokens"] = fed - chunks.usage["cached_tokens"]
        if chunks.count < count and "completion_tokens" not in chunks.usage:
            raise RunFailed(
                f"the server sent {chunks.count} chunks for {count} tokens, and does not tell how many tokens it made",
                where="openai-http",
                fix="it ended the text (give -o eos_id=N), or joins tokens: take one that sends its usage with a stream",
                code="tokens not counted",
            )
        if made < count or not chunks.count:
            raise RunFailed(
                f"the server sent {made} tokens of {count}",
                where="openai-http",
                fix="it ended the text: take a server with ignore_eos, or give -o eos_id=N to bias the end token away",
                code="fewer tokens",
            )
        if fed is not None and fed != len(prompt):
            raise RunFailed(
                f"the server counts {fed} prompt tokens, not {len(prompt)}",
                where="openai-http",
                fix="it has another tokenizer, or adds tokens: check --model against what it serves",
                code="prompt differs",
            )
        for _ in range(count - chunks.count):
            watch.again()  # a chunk held several tokens: they were all there at the last one
        return chunks.ids[:output_tokens] if len(chunks.ids) == made else []

    def _body(self, prompt: Sequence[int], count: int) -> dict[str, Any]:
        as_ids = self._prompts_as() == "ids"
        body: dict[str, Any] = {
            "model": self._name,
            "prompt": list(prompt) if as_ids else self._as_text(prompt),
            "max_tokens": count,
            "temperature": 0,
            "top_k": 1,
            "stream": True,
            "stream_options": {"include_usage": True},
            "ignore_eos": True,
            "min_tokens": count,
            "cache_prompt": False,  # llama-server
            "return_token_ids": True,  # vLLM
        }
        eos = int(self._options.get("eos_id", -1))
        if eos >= 0:
            body["logit_bias"] = {str(eos): -100}
        return body

    def score(self, tokens: Sequence[int]) -> float:
        """Servers do not tell likelihoods of a given text in one common way."""
        del tokens
        return float("nan")

    def counters(self) -> Mapping[str, int]:
        """From the server's usage of the newest request."""
        return self._counters

    def reset(self) -> None:
        """Each request asks for no prompt cache; whether it was heeded the cache-honesty check tells."""
        self._counters = {}

    def close(self) -> None:
        """Nothing of ours is held by the server."""


class _Chunks:
    """The events of one stream; those that carry text, or ids, are stamped, at most `limit` of them."""

    def __init__(self, watch: Watch, limit: int) -> None:
        self._stamp, self._limit = watch.token, limit
        self.count = 0
        self.ids: list[int] = []
        self.usage: dict[str, int] = {}

    def take(self, data: bytes) -> None:
        """One event. Reading its JSON takes some 10 µs, which is in the stamp."""
        try:
            event = json.loads(data)
            choice = (event.get("choices") or [{}])[0]
            ids = choice.get("token_ids") or []
            if (choice.get("text") or ids) and self.count < self._limit:
                self._stamp()
                self.count += 1
            usage = event.get("usage") or {}
            details = usage.get("prompt_tokens_details") or {}
        except (ValueError, AttributeError, IndexError, KeyError, TypeError) as error:
            raise RunFailed(f"an event of the stream can't be read ({error})", where="openai-http") from error
        self.ids += ids
        for source, names in ((usage, ("prompt_tokens", "completion_tokens")), (details, ("cached_tokens",))):
            self.usage.update({name: int(source[name]) for name in names if isinstance(source.get(name), int)})
