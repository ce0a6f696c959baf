"""Folders of safetensors whose weights are a hole in the file, and GGUF headers with any types: real headers, sparse data."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path

from harness.catalog.gguf import TYPES
from harness.catalog.safetensors import BITS
from tests.support.tiny_gguf import METADATA, text, value

LLAMA = {
    "model_type": "llama", "num_hidden_layers": 2, "hidden_size": 256, "num_attention_heads": 4, "num_key_value_heads": 2,
    "head_dim": 64, "max_position_embeddings": 4096,
}  # fmt: skip


def folder(place: Path, tensors: dict[str, tuple[str, tuple[int, ...]]], config: dict, **files: dict) -> Path:
    """`tensors`: name → (type, shape). `files`: other JSON files, by their names without the ending."""
    place.mkdir(parents=True, exist_ok=True)
    header, end = {}, 0
    for name, (kind, shape) in tensors.items():
        size = BITS[kind] * math.prod(shape) // 8
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [end, end + size]}
        end += size
    raw = json.dumps(header).encode()
    with (place / "model.safetensors").open("wb") as out:
        out.write(struct.pack("<Q", len(raw)) + raw)
        out.truncate(8 + len(raw) + end)
    (place / "config.json").write_text(json.dumps(config))
    (place / "tokenizer.json").write_text("{}")
    for name, data in files.items():
        (place / f"{name}.json").write_text(json.dumps(data))
    return place


def gguf(path: Path, tensors: dict[str, tuple[str, tuple[int, ...]]], metadata: dict | None = None) -> Path:
    """`tensors`: name → (type, shape as GGUF writes it)."""
    numbers = {name: (number, block, size) for number, (name, block, size) in TYPES.items()}
    keys = {name: item for name, item in {**METADATA, **(metadata or {})}.items() if item is not None}
    out, end = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)), 0
    for key, item in keys.items():
        out += text(key) + value(item)
    for name, (kind, shape) in tensors.items():
        number, block, size = numbers[kind]
        out += text(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape) + struct.pack("<IQ", number, end)
        end += -(-(math.prod(shape) // block * size) // 32) * 32
    out += b"\0" * (-len(out) % 32)
    with path.open("wb") as file:
        file.write(out)
        file.truncate(len(out) + end)
    return path
