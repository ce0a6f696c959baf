"""What an adapter needs of a GGUF's header where its engine does not tell: scalars, tensor types, special tokens.

The file was checked before (`harness.catalog.gguf`); here a damaged one ends in one line, too.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from harness.errors import BadInput
from runtimes.support.gguf_metadata import exactly, metadata, string

_TYPES = "tokenizer.ggml.token_type"
_TOKENS = "tokenizer.ggml.tokens"
_SPECIAL = (3, 4)  # control, user-defined
# Type numbers of ggml that adapters speak of; another is named by its number.
_NAMES = {0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 6: "Q5_0", 7: "Q5_1", 8: "Q8_0", 10: "Q2_K", 11: "Q3_K", 12: "Q4_K",
          13: "Q5_K", 14: "Q6_K", 20: "IQ4_NL", 23: "IQ4_XS", 30: "BF16"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """Scalars by their keys, the matrices' types by their names, how many tokens, and the texts of special ones."""

    metadata: Mapping[str, Any]
    matrices: Mapping[str, str]
    tokens: int
    special: tuple[str, ...]

    def number(self, key: str) -> int | None:
        """An integer of the metadata."""
        found = self.metadata.get(key)
        return found if isinstance(found, int) and not isinstance(found, bool) else None

    def of_model(self, key: str) -> int | None:
        """An integer that the architecture's name stands before, such as `llama.block_count`."""
        return self.number(f"{self.metadata.get('general.architecture')}.{key}")

    @property
    def add_bos(self) -> bool:
        """The file's word, else llama.cpp's rule: sentencepiece vocabularies begin with it."""
        said = self.metadata.get("tokenizer.ggml.add_bos_token")
        return said if isinstance(said, bool) else self.metadata.get("tokenizer.ggml.model") in ("llama", "gemma4")

    @classmethod
    def of(cls, path: Path) -> GgufHeader:
        """Read it. Raises `BadInput` where it can't be."""
        try:
            with path.open("rb") as file:
                return _read(file)
        except FileNotFoundError:
            raise BadInput("there is no such file", where=path.name, fix="check the path") from None
        except (OSError, ValueError, KeyError, IndexError, OverflowError, MemoryError, struct.error) as error:
            raise BadInput(f"can't be read as GGUF ({error})", where=path.name, fix="check the file") from error


def _read(file: BinaryIO) -> GgufHeader:
    found, tensors = metadata(file, lambda _: True)
    matrices = {}
    for _ in range(tensors):
        name = string(file)
        (dimensions,) = struct.unpack("<I", exactly(file, 4))
        exactly(file, 8 * dimensions)
        kind, _offset = struct.unpack("<IQ", exactly(file, 12))
        if dimensions > 1:
            matrices[name] = _NAMES.get(kind, f"type {kind}")
    texts, kinds = found.get(_TOKENS, ()), found.get(_TYPES, ())
    special = tuple(text for text, kind in zip(texts, kinds, strict=False) if kind in _SPECIAL)
    scalars = {key: value for key, value in found.items() if not isinstance(value, list)}
    return GgufHeader(scalars, matrices, len(texts), special)
