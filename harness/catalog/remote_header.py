"""The header of a model that is not on this machine, from the first bytes of its files: no weights are fetched."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

from harness.catalog import gguf, huggingface, model_folder, openvino_ir, safetensors, shards
from harness.catalog.huggingface import Remote
from harness.catalog.references import HuggingFaceReference
from harness.errors import BadInput

FIRST, MOST = 1 << 20, 128 << 20  # a vocabulary of 262,000 words makes a header of some 10 MiB


def read(reference: HuggingFaceReference, found: Remote) -> gguf.Header:
    """Of a GGUF, its shards, or a folder of safetensors or OpenVINO's, as `huggingface.look` found it. Raises `BadInput`."""
    if reference.file or reference.quantisation:
        parts = [Path(name) for name in found.weights]
        return shards.joined(parts[0], parts, [_gguf(found, name) for name in found.weights])
    if openvino_ir.WEIGHTS in found.weights:
        return model_folder.described_by_graph(found.folder, found.weights[openvino_ir.WEIGHTS])
    return model_folder.described(found.folder, [_safetensors(found, name) for name in found.weights])


def _gguf(found: Remote, name: str) -> gguf.Header:
    size, data, wanted = found.weights[name], b"", FIRST
    where = Path(str(replace(found.reference, file=name, quantisation="")))
    while True:
        wanted = min(wanted, size)
        data += huggingface.piece(found.reference, name, len(data), wanted - len(data))
        try:
            return gguf.parse(data, size, where)
        except BadInput as error:
            if not error.what.startswith(gguf.SHORT) or wanted in (size, MOST) or len(data) < wanted:
                raise
        wanted = min(4 * wanted, MOST)


def _safetensors(found: Remote, name: str) -> safetensors.Header:
    size, where = found.weights[name], Path(str(replace(found.reference, file=name)))
    data = huggingface.piece(found.reference, name, 0, min(FIRST, size))
    length = struct.unpack("<Q", data[:8])[0] if len(data) >= 8 else 0
    if not 2 <= length <= min(safetensors.MAX_HEADER, size - 8):
        raise BadInput("is not a safetensors file", where=str(where), fix="take another repository")
    if length + 8 > len(data):
        data += huggingface.piece(found.reference, name, len(data), length + 8 - len(data))
    return safetensors.parse(data[8 : 8 + length], size - 8 - length, where)
