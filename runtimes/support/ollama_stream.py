"""The lines of one answer of Ollama's: each that brings text is stamped, the last one tells counts and times."""

from __future__ import annotations

import json
import time
from typing import Any

from harness.errors import RunFailed, one_line
from runtimes.interface import Watch
from runtimes.support.answer_text import digest_of
from runtimes.support.reasoning import Reasoning
from runtimes.support.served import alike
from runtimes.support.server_words import error_of

WHERE = "ollama"
REPEATS = 30  # of one and the same piece of text, after which Ollama ends an answer without a word
# As the server names them, in nanoseconds → as our counters do.
_TIMES = {"prompt_eval_duration": "prefill_ns", "eval_duration": "decode_ns", "load_duration": "load_ns"}


class Lines:
    """Stamps the first `limit` lines that bring text. A line is one token where the server's count at the end says so."""

    def __init__(self, watch: Watch, limit: int, key: str = "") -> None:
        self._watch, self._limit, self._key = watch, limit, key
        self._last, self._alike = "", 0
        self._began_ns = self._ended_ns = 0
        self._reasoning = Reasoning()
        self._texts: list[object] = []
        self.count = 0  # lines that brought text
        self.models: set[str] = set()
        self.end: dict[str, Any] | None = None  # the line that ends the answer

    def begin(self) -> None:
        """The request is about to be sent."""
        self._began_ns = time.perf_counter_ns()
        self._watch.start()

    def take(self, line: bytes) -> bool:
        """One line; false where it is no whole JSON. Reading it takes some 5 µs, which is in the stamp."""
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            return False
        if not isinstance(event, dict):
            raise RunFailed("a line of the answer can't be read", where=WHERE, code="event can't be read")
        text = event.get("response") or event.get("thinking")
        if text:
            if self.count < self._limit:
                self._watch.token()
            self.count += 1
            self._alike = self._alike + 1 if str(text).strip() == self._last else 0
            self._last = str(text).strip()
            self._texts += (event.get("thinking"), event.get("response"))
            at_ns = time.perf_counter_ns() - self._began_ns
            self._reasoning.take(1, event.get("thinking"), event.get("response"), at_ns)
        if words := error_of(event, self._key):
            raise RunFailed(
                f"the server reports an error: {words}",
                where=WHERE,
                fix="see the server's log",
                code="error of the server",
            )
        if isinstance(event.get("model"), str):
            self.models.add(event["model"])
        if event.get("done") is True:
            self.end = event
            self._ended_ns = time.perf_counter_ns()
        return True

    @property
    def made(self) -> int:
        """Output tokens, by the server's count; the lines that came, where it did not get so far."""
        told = self._told("eval_count")
        return self.count if told is None else told

    @property
    def fed(self) -> int | None:
        """Prompt tokens by the server's count; None where it does not tell, as where all of them lay in its cache."""
        return self._told("prompt_eval_count")

    @property
    def counters(self) -> dict[str, int]:
        """The account of the answer, as `LoadedRuntime.counters` has it."""
        found = {"completion_tokens": self.made, "chunks": self.count, "placed_tokens": self._placed}
        told = {ours: self._told(theirs) for theirs, ours in _TIMES.items()}
        known = {name: value for name, value in told.items() if value}  # a nought is no time
        return found | self._reasoning.counters | known | digest_of(self._texts)

    @property
    def _placed(self) -> int:
        unknown = abs(self.count - self.made)  # a token's text may be split over lines, or come with another's
        return max(min(self.made, self._limit) - unknown, 0)

    def fill(self) -> None:
        """Stamp the tokens whose text came together with another's, or that have none, as of the end: nobody knows when."""
        for _ in range(self._limit - self.count):
            self._watch.at(self._ended_ns)

    def refuse_other_model(self, name: str) -> None:
        """Raises `RunFailed` where an answer says that another model made it."""
        others = [one for one in self.models if alike(one) != alike(name)]
        if others:
            raise RunFailed(
                f"the server answers as {one_line(others[0], 80)!r}, asked for was {one_line(name, 80)!r}",
                where=WHERE,
                fix="something before it passes requests to another model: give the server's own address",
                code="another model answers",
            )

    def refuse_incomplete(self, ended: str) -> None:
        """Raises `RunFailed` unless all the tokens that were asked for came."""
        if self.end is not None and self.made >= self._limit and self.count:
            return
        sent = f"{self.made} of {self._limit} tokens had come"
        reason = (self.end or {}).get("done_reason")
        if isinstance(reason, str) and reason not in ("", "stop"):
            raise RunFailed(
                f"the server ended the answer by itself (done_reason: {one_line(reason, 40)}): {sent}",
                where=WHERE,
                fix="it has a limit of its own, or gave the model up: see its log, and measure it alone",
                code="fewer tokens",
            )
        if self.end is not None:
            raise RunFailed(
                f"the model ended its text: {sent}",
                where=WHERE,
                fix="Ollama can't be told to go on after the end token: take --suite counting, or the runtime llama.cpp",
                code="fewer tokens",
            )
        if self._alike >= REPEATS:
            raise RunFailed(
                f"the model repeats itself, and Ollama ends such an answer after {REPEATS} repetitions: {sent}",
                where=WHERE,
                fix="take the runtime llama.cpp with the same file, which does not",
                code="fewer tokens",
            )
        raise RunFailed(
            f"{ended or 'the server closed the answer before its end'}: {sent}", where=WHERE, code="stream broke off"
        )

    def _told(self, name: str) -> int | None:
        value = (self.end or {}).get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**63 else None
