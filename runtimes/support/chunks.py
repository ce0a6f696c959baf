"""The events of one streamed answer: each that brings tokens is stamped, and counted by what the server tells of it."""

from __future__ import annotations

import json
import time
from typing import Any

from harness.errors import RunFailed
from runtimes.interface import Watch
from runtimes.support.answer_text import digest_of
from runtimes.support.reasoning import Reasoning
from runtimes.support.server_account import account, tokens_so_far
from runtimes.support.server_words import error_of

ENDLESS = 64  # events for each token that was asked for, and then some: more is a server that does not stop
_THOUGHT = ("reasoning_content", "reasoning")  # of a delta: llama-server, SGLang, LM Studio; vLLM, gateways


class Chunks:
    """Stamps the answer's first `limit` tokens, those of the reasoning before it as well.

    A chunk holds as many as its ids, or the server's running count, say. Where neither is told it is taken for one, which
    `placed` believes only if the total agrees.
    """

    def __init__(self, watch: Watch, limit: int, key: str = "", where: str = "openai-http") -> None:
        self._watch, self._limit, self._key, self._where = watch, limit, key, where
        self._stamped = self._events = self._began_ns = self._ended_ns = 0
        self._assumed = False
        self._ahead = 0  # drafted tokens that were counted with the one before them, and whose text is still to come
        self._uncounted = 0  # events that brought text while the running count stood still
        self._reasoning = Reasoning()
        self._texts: list[object] = []
        self.count = 0  # events that brought tokens
        self.ids: list[int] = []
        self.usage: dict[str, int] = {}
        self.account: dict[str, int] = {}
        self.models: set[str] = set()
        self.fingerprints: set[str] = set()
        self.finish = ""

    def begin(self) -> None:
        """The request is about to be sent."""
        self._began_ns = time.perf_counter_ns()
        self._watch.start()

    def take(self, data: bytes) -> bool:
        """One event; false where it is no whole JSON. Reading it takes some 10 µs, which is in the stamp."""
        try:
            event = json.loads(data)
        except (ValueError, RecursionError):
            return False
        try:
            choice = self._choice(event)
            ids = choice.get("token_ids") or []
            thought, said = texts_of(choice)
            brought = self._brought(event, bool(thought or said), ids)
            self._stamp(brought)
            self._reasoning.take(brought, thought, said, time.perf_counter_ns() - self._began_ns)
            self._texts += (thought, said)
            self._learn(event, choice, ids)
            self._ended_ns = time.perf_counter_ns() if choice else self._ended_ns
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise RunFailed(
                f"an event of the stream can't be read ({type(error).__name__})",
                where=self._where,
                code="event can't be read",
            ) from error
        return True

    def _choice(self, event: dict[str, Any]) -> dict[str, Any]:
        """What an event adds to the answer. Raises `RunFailed` for one that belongs to another: the tokens would be of both."""
        choices = event.get("choices") or [{}]
        if any(one.get("index") for one in choices):
            raise RunFailed(
                "the server sends several answers at once (choices with an index above 0), asked for was one",
                where=self._where,
                fix="take a server that heeds n, or lift what sets it there",
                code="several answers",
            )
        found: dict[str, Any] = choices[0]
        return found

    def _brought(self, event: dict[str, Any], says: bool, ids: list[int]) -> int:
        if ids:
            return len(ids)
        so_far = tokens_so_far(event) if event.get("choices") and not self._assumed else None
        if so_far is not None and (so_far or not says):  # a 0 beside a text is no count
            return self._grown(so_far, says, event)
        self._assumed |= says
        return int(says)

    def _grown(self, so_far: int, says: bool, event: dict[str, Any]) -> int:
        """Tokens by the running count. Raises `RunFailed` where it is none: text goes on coming, and it stands still."""
        brought = max(so_far - self._stamped, 0)
        if brought:
            kept = account(event).get("accepted_tokens", 0) if brought > 1 else 0
            self._ahead = min(brought - 1, max(kept - self.account.get("accepted_tokens", 0), 0))
        elif says and self._ahead:
            self._ahead -= 1
        else:
            self._uncounted += says
        if self._uncounted > self.count:
            raise RunFailed(
                f"the server counts {so_far} token{'' if so_far == 1 else 's'} made, and goes on sending text",
                where=self._where,
                fix="the usage in its chunks is not that of the answer so far: take a server that tells it so, or at the end",
                code="tokens not counted",
            )
        return brought

    def _stamp(self, tokens: int) -> None:
        if not tokens:
            return
        self.count += 1
        for number in range(min(tokens, self._limit - self._stamped)):
            (self._watch.again if number else self._watch.token)()
        self._stamped += tokens

    def _learn(self, event: dict[str, Any], choice: dict[str, Any], ids: list[int]) -> None:
        self._events += 1
        words = error_of(event, self._key)
        if words:
            raise RunFailed(
                f"the server reports an error: {words}",
                where=self._where,
                fix="see the server's log",
                code="error of the server",
            )
        if self._events > ENDLESS * (self._limit + ENDLESS):
            raise RunFailed("the server does not stop", where=self._where, code="endless stream")
        self.ids += [int(token) for token in ids]
        usage = event.get("usage") or {}
        self.usage.update({n: int(usage[n]) for n in ("prompt_tokens", "completion_tokens") if _count(usage.get(n))})
        self.account.update(account(event))
        for name, kept in (("model", self.models), ("system_fingerprint", self.fingerprints)):
            if isinstance(event.get(name), str) and event[name]:
                kept.add(event[name])
        self.finish = str(choice.get("finish_reason") or self.finish)

    @property
    def counters(self) -> dict[str, int]:
        """The account of the answer, as `LoadedRuntime.counters` has it."""
        found = {"completion_tokens": self.made, "chunks": self.count, "placed_tokens": self.placed}
        return found | self._reasoning.counters | self.account | digest_of(self._texts)

    @property
    def made(self) -> int:
        """Output tokens: by the server's count, or all where it ended for their number, or as many as it sent chunks."""
        told = self.usage.get("completion_tokens")
        return told if told else self._limit if self._reached else self._stamped

    @property
    def counted(self) -> bool:
        """Whether the server says how many tokens it made, one way or the other."""
        return bool(self.usage.get("completion_tokens")) or self._reached or not self._assumed

    @property
    def contradicted(self) -> bool:
        """Whether its events tell of more tokens, by ids or by a running count, than it says at the end."""
        told = self.usage.get("completion_tokens")
        return bool(told) and not self._assumed and self._stamped > (told or 0)

    @property
    def _reached(self) -> bool:
        """Whether it ended for the number of tokens that was asked for. With fewer chunks it may as well be another number: one
        of the server's own, or a context that is full.
        """
        return self.finish == "length" and self._stamped >= self._limit

    @property
    def placed(self) -> int:
        """Tokens of which it is known in which event they came."""
        extra = max(self._stamped - self.made, 0) if self._assumed else 0  # a token's text may be split over chunks
        return min(self._stamped, self._limit) - extra

    def fill(self) -> None:
        """Stamp the tokens that the server made and that came in some event, nobody knows which, as of the end of the answer.

        Their text may have come with another's, or they have none (a call of a tool, half a letter) and came after it.
        """
        for _ in range(self._limit - self._stamped):
            self._watch.at(self._ended_ns)


def texts_of(choice: dict[str, Any]) -> tuple[Any, Any]:
    """What an event adds to the reasoning, and to the answer: of a completion, or of a chat."""
    delta = choice.get("delta") or {}
    thought = next((delta[name] for name in _THOUGHT if delta.get(name)), None)
    return thought, choice.get("text") or delta.get("content")


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53
