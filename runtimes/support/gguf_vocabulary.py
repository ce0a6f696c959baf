"""A GGUF's own vocabulary: the text that token ids stand for. For servers that take text alone; the file is only read.

Written by those who convert models, read with limits. It makes no ids: which pieces a text is cut into is the engine's affair.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from runtimes.support.gguf_metadata import metadata

_NORMAL, _UNKNOWN, _CONTROL, _OWN, _UNUSED, _BYTE = 1, 2, 3, 4, 5, 6
_SPACE = "\u2581"
_WANTED = {
    "tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.bos_token_id",
    "tokenizer.ggml.add_bos_token", "tokenizer.ggml.add_space_prefix",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The pieces of text by id; `bos_id` is None where the tokenizer puts nothing in front."""

    model: str
    pieces: tuple[str, ...]
    types: tuple[int, ...]
    bos_id: int | None
    led_by_space: bool  # it puts a space before a text, which is none of the text

    @property
    def size(self) -> int:
        """How many ids there are."""
        return len(self.pieces)

    def content(self, ids: Sequence[int]) -> Sequence[int]:
        """The ids without the beginning-of-sequence token that every tokenizer of the kind adds by itself."""
        return ids[1:] if self.bos_id is not None and list(ids[:1]) == [self.bos_id] else ids

    def text(self, ids: Sequence[int]) -> str | None:
        """What the ids stand for; None where they are no text: a special token, half a character, no id at all."""
        found = b""
        for token in ids:
            piece = self._bytes(token)
            if piece is None:
                return None
            found += piece
        try:
            text = found.decode()
        except UnicodeDecodeError:
            return None
        return text.removeprefix(" ") if self.led_by_space else text

    def shuffled(self, ids: Sequence[int]) -> list[int]:
        """As many ids of another text of the same words: each word keeps its pieces, and another one comes first."""
        content, words = self.content(ids), list[list[int]]()
        for token in content:
            if not words or (self._bytes(token) or b"").startswith(b" "):
                words.append([])
            words[-1].append(token)
        rest = words[1:]
        random.shuffle(rest)
        # The first word may have no space before it, and would grow together with another in its place.
        first = next((word for word in rest if len(word) == len(words[0])), words[0] if words else [])
        return [*ids[: len(ids) - len(content)], *first, *(token for word in rest for token in word)]

    def _bytes(self, token: int) -> bytes | None:
        if not 0 <= token < len(self.pieces):
            return None
        piece, kind = self.pieces[token], self.types[token] if self.types else _NORMAL
        if kind == _OWN:
            return piece.encode()
        if kind == _BYTE:
            return bytes([int(piece[3:5], 16)]) if len(piece) == 6 and piece.startswith("<0x") else None
        if kind != _NORMAL:
            return None
        if self.model == "gpt2":
            try:
                return bytes(_BYTES[one] for one in piece)
            except KeyError:
                return None
        return piece.replace(_SPACE, " ").encode()


def read(path: Path) -> Vocabulary | None:
    """Of the file; None where it is no GGUF that can be read, or its vocabulary is of a kind that is not known here."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as file:
            found, _ = metadata(file, _WANTED.__contains__)
    except (OSError, struct.error, ValueError, MemoryError):
        return None
    model, pieces = found.get("tokenizer.ggml.model"), found.get("tokenizer.ggml.tokens")
    if model not in ("llama", "gpt2", "gemma4") or not isinstance(pieces, list):
        return None
    types = found.get("tokenizer.ggml.token_type") or []
    bos = found.get("tokenizer.ggml.bos_token_id")
    leads = found.get("tokenizer.ggml.add_bos_token", model != "gpt2")
    return Vocabulary(
        model=model,
        pieces=tuple(pieces),
        types=tuple(types) if len(types) == len(pieces) else (),
        bos_id=int(bos) if leads and isinstance(bos, int) else None,
        led_by_space=bool(found.get("tokenizer.ggml.add_space_prefix", model == "llama")),
    )


def _byte_letters() -> dict[str, int]:
    """GPT-2's letters for bytes: those that print stand for themselves, the others for what follows 255."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + place): byte for place, byte in enumerate(others)}


_BYTES = _byte_letters()
