"""Text to ids and back, at a server or by the model's own file: no server sees a prompt as something to complete."""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.errors import BadInput, RunFailed
from runtimes.support import gguf_vocabulary
from runtimes.support.gguf_vocabulary import Vocabulary
from runtimes.support.sse import Server

TRIES = 8  # shuffles of a prompt's words until one has as many tokens
_DETOKENIZE = (("/detokenize", "content", "prompt"), ("/extras/detokenize", "text", "text"))


class ServerText:
    """One server's tokenizer, of one model; its vocabulary by the file where the server turns no ids into text."""

    def __init__(self, server: Server, model: str, file: Path) -> None:
        self._server, self._model, self._file = server, model, file
        self._flavour: int | None = None
        self._bos: list[int] | None = None
        self._texts: dict[tuple[int, ...], str] = {}

    @cached_property
    def _vocabulary(self) -> Vocabulary | None:
        return gguf_vocabulary.read(self._file)

    def ids(self, text: str, add_bos: bool) -> list[int] | None:
        """Ids of `text`; None where the server turns no text into ids."""
        calls: tuple[tuple[str, dict[str, Any]], ...] = (
            ("/tokenize", {"content": text, "add_special": add_bos, "parse_special": False}),  # llama-server
            ("/tokenize", {"model": self._model, "prompt": text, "add_special_tokens": add_bos}),  # vLLM
            ("/extras/tokenize", {"input": text}),  # llama-cpp-python
        )
        for number, (path, body) in enumerate(calls):
            if self._flavour not in (None, number):
                continue
            answer = self._server.call(f"{self._server.root}{path}", body)
            found = answer.get("tokens") if isinstance(answer, dict) else None
            if isinstance(found, list) and all(isinstance(token, int) for token in found) and (found or not text):
                self._flavour = number if text else self._flavour
                return [int(token) for token in found]
        return None

    def prompt(self, ids: Sequence[int]) -> str:
        """The text that the server must turn into as many tokens; it adds its own BOS. Counted by its tokenizer where it has one.

        Raises `RunFailed` where it makes another number of it.
        """
        key = tuple(ids)
        if key not in self._texts:
            text = self.text(self.content(key))
            found = self.ids(text, True)
            if found is not None and len(found) != len(key):
                raise differs(len(found), len(key))
            self._texts[key] = text
        return self._texts[key]

    def shuffled(self, ids: Sequence[int]) -> list[int]:
        """Ids of another text of the same words, as many, which no earlier run can have sent; else the same ids."""
        words = self.text(self.content(ids)).split(" ")
        for _ in range(TRIES):
            random.shuffle(words)
            text = " ".join(words)
            found = self.ids(text, True)
            if found is not None and len(found) == len(ids):
                self._texts[tuple(found)] = text
                return found
            if found is None and self._vocabulary is not None:
                return self._vocabulary.shuffled(ids)
        return list(ids)

    @property
    def counts(self) -> bool:
        """Whether the server's tokenizer has been heard: then every prompt's text is counted before it is sent."""
        return self._flavour is not None

    def content(self, ids: Sequence[int]) -> Sequence[int]:
        """The ids without the beginning-of-sequence token, which the server adds by itself."""
        if self._bos is None:
            self._bos = (self.ids("", True) or [])[:1]
        if not self._bos and self._vocabulary is not None:
            return self._vocabulary.content(ids)
        return ids[1:] if self._bos and list(ids[:1]) == self._bos else ids

    def text(self, ids: Sequence[int]) -> str:
        """What the ids stand for, by the server or by the model's file."""
        for path, key, other in _DETOKENIZE:
            answer = self._server.call(f"{self._server.root}{path}", {"model": self._model, "tokens": list(ids)})
            if isinstance(answer, dict) and isinstance(answer.get(key, answer.get(other)), str):
                return str(answer.get(key, answer.get(other)))
        text = None if self._vocabulary is None else self._vocabulary.text(ids)
        if text is not None:
            return text
        raise BadInput(
            "the server takes neither ids as a prompt nor turns ids into text",
            where="openai-http",
            fix="take a server with /detokenize or one that accepts token ids, or give the GGUF that it serves as --model",
        )


def differs(counted: int, wanted: int, *, split: bool = True) -> RunFailed:
    """The server makes another number of tokens of the prompt; `split`: of a text, which its tokenizer cut into pieces."""
    return RunFailed(
        f"the server counts {counted} prompt tokens, not {wanted}",
        where="openai-http",
        fix="it has another tokenizer, or adds tokens: check --model against what it serves",
        code="tokenizer" if split else "prompt differs",
    )
