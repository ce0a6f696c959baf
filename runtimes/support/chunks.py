"""The events of one streamed answer: each that brings tokens is stamped, and counted by what the server tells of it."""

from __future__ import annotations

import json
from typing import Any

from harness.errors import RunFailed
from runtimes.interface import Watch
from runtimes.support.server_account import account, tokens_so_far
from runtimes.support.server_words import error_of

ENDLESS = 64  # events for each token that was asked for, and then some: more is a server that does not stop


class Chunks:
    """Stamps the answer's first `limit` tokens.

    A chunk holds as many as its ids, or the server's running count, say. Where neither is told it is taken for one, which
    `placed` believes only if the total agrees.
    """

    def __init__(self, watch: Watch, limit: int, key: str = "") -> None:
        self._watch, self._limit, self._key = watch, limit, key
        self._stamped = self._events = 0
        self._assumed = False
        self.count = 0  # events that brought tokens
        self.ids: list[int] = []
        self.usage: dict[str, int] = {}
        self.account: dict[str, int] = {}
        self.models: set[str] = set()
        self.fingerprints: set[str] = set()
        self.finish = ""

    def take(self, data: bytes) -> bool:
        """One event; false where it is no whole JSON. Reading it takes some 10 µs, which is in the stamp."""
        try:
            event = json.loads(data)
        except ValueError:
            return False
        try:
            choice = (event.get("choices") or [{}])[0]
            ids = choice.get("token_ids") or []
            self._stamp(self._brought(event, choice, ids))
            self._learn(event, choice, ids)
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise RunFailed(
                f"an event of the stream can't be read ({type(error).__name__})",
                where="openai-http",
                code="event can't be read",
            ) from error
        return True

    def _brought(self, event: dict[str, Any], choice: dict[str, Any], ids: list[int]) -> int:
        if ids:
            return len(ids)
        so_far = tokens_so_far(event) if event.get("choices") and not self._assumed else None
        if so_far is not None:
            return max(so_far - self._stamped, 0)
        if choice.get("text"):
            self._assumed = True
            return 1
        return 0

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
                f"the server reports an error: {words}", where="openai-http", code="error of the server"
            )  # fmt: skip
        if self._events > ENDLESS * (self._limit + ENDLESS):
            raise RunFailed("the server does not stop", where="openai-http", code="endless stream")
        self.ids += [int(token) for token in ids]
        usage = event.get("usage") or {}
        self.usage.update({n: int(usage[n]) for n in ("prompt_tokens", "completion_tokens") if _count(usage.get(n))})
        self.account.update(account(event))
        for name, kept in (("model", self.models), ("system_fingerprint", self.fingerprints)):
            if isinstance(event.get(name), str) and event[name]:
                kept.add(event[name])
        self.finish = str(choice.get("finish_reason") or self.finish)

    @property
    def made(self) -> int:
        """Output tokens: by the server's count, or all where it ended for their number, or as many as it sent chunks."""
        told = self.usage.get("completion_tokens")
        return told if told is not None else self._limit if self.finish == "length" else self._stamped

    @property
    def counted(self) -> bool:
        """Whether the server says how many tokens it made, one way or the other."""
        return "completion_tokens" in self.usage or self.finish == "length" or not self._assumed

    @property
    def placed(self) -> int:
        """Tokens of which it is known in which event they came."""
        extra = max(self._stamped - self.made, 0) if self._assumed else 0  # a token's text may be split over chunks
        return min(self._stamped, self._limit) - extra

    def fill(self) -> None:
        """Stamp the tokens that the server made and that came in some chunk, nobody knows which, as of the last moment."""
        for _ in range(self._limit - self._stamped):
            self._watch.again()


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
