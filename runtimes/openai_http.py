"""Any local server that streams OpenAI completions, or chats where it has no other: llama-server, LM Studio, vLLM, SGLang.

Timed at the client by the host clock, from before the request is sent to each chunk that carries text. The model named
by --model is the one that the operator says is served; the hardware is the server's, and is this machine's only where the
server's process was seen here with the very file open, or the operator vouches for it.
"""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import BadInput, RunFailed
from runtimes.interface import (
    SECRET,
    Capabilities,
    ModelFiles,
    Option,
    RuntimeFacts,
    Scalar,
    Watch,
    with_defaults,
)
from runtimes.support import chat_template, served, server_drafts, server_place
from runtimes.support.chunks import Chunks
from runtimes.support.request_fields import MISSING, OPTIONAL, body_of, chooses_nothing, ignored, refused_fields
from runtimes.support.server_text import ServerText, differs
from runtimes.support.sse import Answer, Server

_VOCABULARY = 1 << 20  # larger than any
_SHORT = [1, 2, 3]  # what is sent before anything is timed: the beginning of no prompt


class OpenAIHTTP:
    """The adapter. It needs no engine's environment: the engine runs elsewhere."""

    name = "openai-http"
    formats = ("gguf", "safetensors")
    # The server holds the model, makes the ids and chooses the tokens; its caches outlive a run.
    capabilities = Capabilities(
        in_core=True,
        holds_model=False,
        tokenises=False,
        forces=False,
        scores=False,
        outlives=True,
        reaches=True,
        makes_one=True,
    )
    options: Mapping[str, Option] = {
        "url": Option("the server's API", str, "http://127.0.0.1:8080/v1", outside=True),
        "served_model": Option("the model's name at the server; default: the only one that it lists", str, ""),
        "answers_as": Option("the name under which its answers come, where that is another", str, ""),
        "api": Option(
            "completions, chat, or auto: chat where the server has no completions",
            str,
            "auto",
            choices=("auto", "completions", "chat"),
        ),
        "ca_file": Option("certificates (PEM) of the authority that signed an https server's", Path),
        "api_key_env": Option("the environment's variable that holds the server's key", str, secret=True),
        "engine": Option("the engine behind it, where the server does not tell", str, ""),
        "speculative": Option("it drafts tokens ahead (speculative decoding), and does not tell", bool, False),
        "remote": Option("measure a server that is not on this machine", bool, False),
        "vouch": Option("you know that the server runs on this machine's hardware with this very model", bool, False),
        "vocabulary": Option(
            "size of the model's vocabulary, to check ids and draw forced ones", int, _VOCABULARY, minimum=2
        ),
        "eos_id": Option("id of the end token, for servers without ignore_eos: it is biased away", int, -1, minimum=-1),
        "context": Option("tokens that the server's context holds, as it was started", int, minimum=8, fixed=True),
    }

    def reach(self, options: Mapping[str, Any], secrets: Mapping[str, str]) -> None:
        """Ask for its list of models, whatever it answers. Raises `BadInput` where nobody does."""
        server = _server_of(with_defaults(self.options, options), secrets.get("api_key_env", ""))
        server.ask(f"{server.base}/models")

    def load(self, model: ModelFiles, options: Mapping[str, Any]) -> LoadedServer:
        """Ask the server who it is."""
        return LoadedServer(model, with_defaults(self.options, options))


def _server_of(options: Mapping[str, Any], key: str) -> Server:
    return Server.at(options["url"], bool(options["remote"]), key, str(options["ca_file"] or ""))


class LoadedServer:
    """One model of one server."""

    def __init__(self, model: ModelFiles, options: Mapping[str, Any]) -> None:
        if not model.path.exists():
            raise BadInput(
                "there is no such model", where=str(model.path), fix="name the file that the server has loaded"
            )
        self._options = options
        self._server = _server_of(options, os.environ.get(f"{SECRET}api_key_env", ""))
        told = {name: str(options[name] or "") for name in ("served_model", "engine", "answers_as")}
        self._served = served.look(
            self._server, told["served_model"], told["engine"], told["answers_as"], model.path.resolve()
        )
        self._drafts = server_drafts.drafting(self._served.speculative, bool(options["speculative"]))
        self._counters: dict[str, int] = {}
        self._fingerprints: set[str] = set()
        self._counted: dict[tuple[int, ...], int | None] = {}  # prompt → the server's number of its tokens
        self._template: int | None = None  # tokens that it adds; None: not known
        self._text = ServerText(self._server, self._served.name, model.path)
        self._as_ids, self._chat = self._takes(str(options["api"]))
        self._path = f"{self._server.base}/{'chat/' if self._chat else ''}completions"
        self._left_out, answer = refused_fields(self._server, self._tried)
        if chooses_nothing(answer):
            raise BadInput(
                f"what answers at {self._path} is not an API of OpenAI's kind: its answers hold no choices",
                where="-o url",
                fix="give the address of that API: of most servers it ends in /v1",
                code="no choices",
            )
        self._asked = frozenset(OPTIONAL) - self._left_out
        self._ignored = ignored(answer.body, self._asked)
        self.facts = self._facts(model)

    def _facts(self, model: ModelFiles) -> RuntimeFacts:
        place = server_place.place_of(self._server, model.path, bool(self._options["vouch"]))
        return RuntimeFacts(
            engine=self._served.engine,
            version=self._served.version,
            package="openai-compatible server",
            commit="not told by the server",
            build={},
            settings={
                "context": self._context(),
                "hardware": place.known,
                "prompts": "ids" if self._as_ids else "text",
                "stream": True,
                "batching": 1,
                "server_drivers": place.drivers or None,
                "slots": self._served.slots,
                **self._request_settings(),
            },
            devices=place.devices,
            vocab_size=self._vocabulary(),
            context_tokens=self._context() or 0,
            bos_id=None,
            add_bos=True,
            clock="host, at the client, each chunk received",
            model=self._served.model,
            served=self._served.name,
        )

    def _request_settings(self) -> dict[str, Scalar]:
        """What was asked for, and what of it the server refused or ignored; the key is sent, and stands nowhere."""
        found: dict[str, Scalar] = {"asked": ", ".join(sorted(self._asked))}
        found |= {"api": "chat"} if self._chat else {}
        found |= {"speculative": True} if self._drafts else {}
        found |= {"api_key": "sent"} if self._server.key else {}
        found |= {"tls": True} if self._server.tls is not None else {}
        found |= {"ignored": ", ".join(sorted(self._ignored))} if self._ignored else {}
        return found | ({"left_out": ", ".join(sorted(self._left_out))} if self._left_out else {})

    def _vocabulary(self) -> int:
        given = int(self._options["vocabulary"])
        return self._served.vocabulary or given if given == _VOCABULARY else given

    def _context(self) -> int | None:
        """Tokens that a request may fill, as the server says; None where it does not: what was asked for is no fact."""
        asked, told = self._options["context"], self._served.context_tokens
        if told is not None and asked is not None and told < asked:
            raise BadInput(
                f"the server's context holds {told} tokens, {asked} are needed",
                where="-o context",
                fix="start the server with a larger context, or take a shorter suite",
            )
        return told

    def _takes(self, api: str) -> tuple[bool, bool]:
        """Whether the server takes a list of ids as the prompt and counts them so (else it gets text), and whether as a chat."""
        if api == "chat":
            return False, True
        body = {"model": self._served.name, "prompt": _SHORT, "max_tokens": 1, "temperature": 0}
        answer = self._server.ask(f"{self._server.base}/completions", body)
        if api == "auto" and answer.status in MISSING:
            return False, True
        return answer.ok and _prompt_tokens(answer.value) == len(_SHORT), False

    def _body(self, prompt: Any, count: int, left_out: frozenset[str]) -> dict[str, Any]:
        return body_of(self._served.name, prompt, count, left_out, chat=self._chat) | self._bias()

    def _tried(self, left_out: frozenset[str]) -> Answer:
        """A request like the timed ones, of one token, on other text; how it ends is not judged here."""
        try:
            return self._server.ask(self._path, self._body(_SHORT if self._as_ids else "a", 1, left_out))
        except BadInput as error:
            if error.code:
                raise
            return Answer(200, b"", None)

    def tokenize(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`, where the server offers that."""
        found = self._text.ids(text, add_bos)
        if found is not None:
            return found
        raise BadInput(
            "the server turns no text into ids (/tokenize, /extras/tokenize)",
            where="openai-http",
            fix="run the same model once with the runtime llama.cpp, pytorch or vllm: its ids are kept and used here",
            code="no tokenizer",
        )

    def fresh(self, prompt: Sequence[int]) -> list[int]:
        """A prompt of the same ids in an order that this server has never seen: it outlives a run, and so do its caches."""
        if not self._as_ids:
            return self._text.shuffled(prompt)
        rest = list(prompt[1:])
        random.shuffle(rest)
        return [*prompt[:1], *rest]

    def generate(
        self, prompt: Sequence[int], output_tokens: int, watch: Watch, *, forced: Sequence[int] | None = None
    ) -> list[int]:
        """See `LoadedRuntime.generate`. Forced decode is refused; a chunk that carries text is stamped on arrival."""
        if forced is not None and output_tokens:
            raise BadInput("a server chooses its own tokens", where="openai-http", fix="leave forced decode out")
        count = max(output_tokens, 1)
        sent = list(prompt) if self._as_ids else self._text.prompt(prompt)
        if self._chat and self._template is None:
            self._template = self._added(prompt)
        chunks = Chunks(watch, count, self._server.key)
        ended = self._server.stream(self._path, self._body(sent, count, self._left_out), chunks.take, chunks.begin)
        fed = chunks.usage.get("prompt_tokens") or None  # a nought is no count
        self._counters = dict(chunks.counters)
        served.same_model(self._served, chunks.models)
        self._same_server(chunks.fingerprints)
        self._complete(chunks, count, ended)
        if fed is None:
            fed = self._count_afterwards(prompt, sent)
        if self._chat:
            self._explain(prompt, fed)
        elif fed is not None and fed != len(prompt):
            raise differs(fed, len(prompt), split=not self._as_ids)
        chunks.fill()
        if output_tokens:
            self._counters |= server_drafts.account(self._counters, count, self._drafts, self._served.engine)
        return chunks.ids[:output_tokens] if len(chunks.ids) == chunks.made else []

    def _added(self, prompt: Sequence[int]) -> int | None:
        """Tokens that the template adds to any text: asked with pieces of the prompt that do not begin as it does."""
        content = list(self._text.content(prompt))
        half = len(content) // 2
        pieces = []
        for ids in (content[half:], content[half : half + half // 2]):
            text = self._text.text(ids)
            pieces.append((text, len(self._text.ids(text, False) or ids)))
        return chat_template.added(pieces, self._prompt_count) if half > 1 else None

    def _prompt_count(self, prompt: Any) -> int | None:
        """The server's own number of tokens of what a request holds, text or ids, template included."""
        body = self._body(prompt, 1, self._left_out | {"stream_options"}) | {"stream": False}
        return _prompt_tokens(self._server.call(self._path, body))

    def _explain(self, prompt: Sequence[int], fed: int | None) -> None:
        """Book what the template added. Where the server does not count, or by no rule that shows, it is booked as not known."""
        ours = len(self._text.content(prompt))
        if fed is None or self._template is None:
            self._counters |= {"template_tokens": 0}
            self._counters.pop("prefill_tokens", None)
            return
        chat_template.refuse_unexplained(fed, ours, self._template)
        more = max(fed - len(prompt), 0)
        self._counters["template_tokens"] = more
        if "prefill_tokens" in self._counters:  # the check asks for ours
            self._counters["prefill_tokens"] = max(self._counters["prefill_tokens"] - more, 0)

    def _bias(self) -> dict[str, Any]:
        eos = int(self._options["eos_id"])
        return {"logit_bias": {str(eos): -100}} if eos >= 0 else {}

    def _complete(self, chunks: Chunks, count: int, ended: str) -> None:
        """Raises `RunFailed` unless every token came, and no more; how the stream ended afterwards does not matter then.

        With ids, the first of more than were asked for are known, and are what was asked for.
        """
        if chunks.contradicted:
            raise RunFailed(
                f"the server's events hold more tokens, by their ids or counts, than the {chunks.made} that it says it made",
                where="openai-http",
                fix="when each token came can't be known: take a server whose counts agree",
                code="counts contradict",
            )
        came = (chunks.made if chunks.counted else chunks.count) if chunks.count else 0
        if came == count or (came > count and len(chunks.ids) == came):
            return
        if came > count:
            raise RunFailed(
                f"the server made {came} {'tokens' if chunks.counted else 'chunks'}, asked for were {count} tokens",
                where="openai-http",
                fix="it does not heed max_tokens: take one that does, or one that tells the ids of its tokens",
                code="more tokens",
            )
        sent = f"{came} of {count} tokens had come"
        if ended:
            raise RunFailed(
                f"{ended}: {sent}", where="openai-http", fix="see the server's log", code="stream broke off"
            )
        if not chunks.counted:
            raise RunFailed(
                f"the server sent {chunks.count} chunks for {count} tokens, and does not tell how many tokens it made",
                where="openai-http",
                fix="it ended the text (give -o eos_id=N), or joins tokens: take one that sends its usage with a stream",
                code="tokens not counted",
            )
        reason = f" (it says: {chunks.finish[:40]})" if chunks.finish not in ("", "stop") else ""
        raise RunFailed(
            f"the server sent {came} tokens of {count}{reason}",
            where="openai-http",
            fix="it ended the text: take a server with ignore_eos, or give -o eos_id=N to bias the end token away",
            code="fewer tokens",
        )

    def _same_server(self, fingerprints: set[str]) -> None:
        self._fingerprints |= fingerprints
        if len(self._fingerprints) > 1:
            raise RunFailed(
                "the server changed while it was measured: its system_fingerprint is another",
                where="openai-http",
                fix="measure one server with one configuration",
                code="server changed",
            )

    def _count_afterwards(self, prompt: Sequence[int], sent: Any) -> int | None:
        """Of a server whose streams tell no usage: asked when the prompt has been measured, once. It may have cut it.

        None where it tells none of its answers. Raises `RunFailed` where it turned a text into ids that nobody has counted then.
        """
        key = tuple(prompt)
        if key not in self._counted:
            self._counted[key] = self._prompt_count(sent)
        counted = self._counted[key]
        if counted is None and not self._chat and not self._as_ids and not self._text.counts:
            raise differs(0, len(prompt))
        return counted

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


def _prompt_tokens(answer: Any) -> int | None:
    usage = answer.get("usage") if isinstance(answer, dict) else None
    counted = usage.get("prompt_tokens") if isinstance(usage, dict) else None
    return counted if isinstance(counted, int) else None
