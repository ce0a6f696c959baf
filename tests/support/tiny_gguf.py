"""Writes small GGUF files for tests: real headers, zero weights. Checked against the gguf package in its test."""

from __future__ import annotations

import struct

STRING, ARRAY, U32, BOOL, F32 = 8, 9, 4, 7, 6


def text(value: str) -> bytes:
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def value(item: object) -> bytes:
    """A metadata value with its type."""
    match item:
        case bool():
            return struct.pack("<IB", BOOL, item)
        case int():
            return struct.pack("<II", U32, item)
        case float():
            return struct.pack("<If", F32, item)
        case str():
            return struct.pack("<I", STRING) + text(item)
        case list() if item and isinstance(item[0], str):
            return struct.pack("<IIQ", ARRAY, STRING, len(item)) + b"".join(map(text, item))
        case list():
            return struct.pack(f"<IIQ{len(item)}I", ARRAY, U32, len(item), *item)
    raise TypeError(item)


METADATA = {
    "general.architecture": "llama",
    "general.name": "Tiny",
    "general.file_type": 0,
    "llama.block_count": 1,
    "llama.context_length": 128,
    "llama.embedding_length": 64,
    "llama.attention.head_count": 4,
    "llama.attention.head_count_kv": 2,
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": ["<s>", "</s>", "a", "b"],
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.add_bos_token": True,
}
# As above, trained for as many tokens as any suite needs.
LONG = {**METADATA, "llama.context_length": 32768}
# name → shape as GGUF writes it (fastest dimension first); all F32
TENSORS = {
    "token_embd.weight": (64, 4),
    "output.weight": (64, 4),
    "blk.0.attn_q.weight": (64, 64),
    "norm.weight": (64,),
}


def build(metadata=METADATA, tensors=TENSORS, version=3, magic=b"GGUF", alignment=32) -> bytes:
    """The file's bytes."""
    out = magic + struct.pack("<IQQ", version, len(tensors), len(metadata))
    for key, item in metadata.items():
        out += text(key) + value(item)
    offset, data = 0, 0
    for name, shape in tensors.items():
        count = 1
        for size in shape:
            count *= size
        out += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        out += struct.pack("<IQ", 0, offset)
        data = offset + 4 * count
        offset = -(-data // alignment) * alignment
    out += b"\0" * (-len(out) % alignment)
    return out + b"\0" * data
