"""Which tokens of a streamed answer are reasoning, and when the answer begins: by the field that they come in, or by marks."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

# What opens reasoning in a text, and what ends it, where a server leaves that to its clients.
MARKS = {
    "<think>": "</think>",  # DeepSeek-R1, Qwen3, QwQ, GLM
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "[THINK]": "[/THINK]",  # Magistral
    "<seed:think>": "</seed:think>",  # Seed-OSS
    "\u25c1think\u25b7": "\u25c1/think\u25b7",  # Kimi
    "<|START_THINKING|>": "<|END_THINKING|>",  # Command A
    "<|channel|>analysis<|message|>": "<|channel|>final<|message|>",  # gpt-oss
}
_KEPT = max(map(len, MARKS.values())) - 1  # characters of the text in which an end may have begun


class _State(Enum):
    BEGINS = auto()  # blank, or what may become an opening
    THINKS = auto()
    SAYS = auto()  # no opening: an answer, unless an end shows that the template had opened it
    ENDED = auto()  # the end has come, the answer not yet
    ANSWERS = auto()


class Reasoning:
    """Takes an answer piece by piece. `tokens` of reasoning so far, marks in the text with them."""

    def __init__(self) -> None:
        self.tokens = 0
        self.answer_ns: int | None = None  # to the first piece of the answer behind some reasoning
        self._state = _State.BEGINS
        self._text, self._close = "", ""
        self._said = 0  # tokens that came as answer

    def take(self, tokens: int, thought: Any, said: Any, at_ns: int) -> None:
        """One piece, `at_ns` after the request: the text of its two fields."""
        if thought and not said:
            self.tokens += tokens
        elif said and self._state is not _State.ANSWERS:
            if self.tokens and not self._said:  # the server tells the two apart
                self._begin(at_ns)
            else:
                self._read(tokens, str(said), at_ns)

    @property
    def counters(self) -> dict[str, int]:
        """As `LoadedRuntime.counters` has them; none of an answer without reasoning."""
        found = {"reasoning_tokens": self.tokens} if self.tokens else {}
        return found | ({} if self.answer_ns is None else {"answer_ns": self.answer_ns})

    def _read(self, tokens: int, text: str, at_ns: int) -> None:
        self._text += text
        if self._state is not _State.ENDED:
            self._said += tokens
        if self._state is _State.BEGINS:
            self._open()
        if self._state in (_State.THINKS, _State.SAYS):
            self._end()
        if self._state is _State.ENDED and self._text.strip():
            self._begin(at_ns)

    def _open(self) -> None:
        start = self._text.lstrip()
        self._close = next((close for mark, close in MARKS.items() if start.startswith(mark)), "")
        if self._close:
            self._state = _State.THINKS
        elif not any(mark.startswith(start) for mark in MARKS):
            self._state = _State.SAYS

    def _end(self) -> None:
        ends = (self._close,) if self._state is _State.THINKS else MARKS.values()
        found = min((at + len(end) for end in ends if (at := self._text.find(end)) >= 0), default=None)
        if found is not None or self._state is _State.THINKS:
            self.tokens = self._said
        if found is not None:
            self._state = _State.ENDED
        self._text = self._text[-_KEPT:] if found is None else self._text[found:]

    def _begin(self, at_ns: int) -> None:
        self.answer_ns, self._state, self._text = at_ns, _State.ANSWERS, ""
