"""GGUF headers: read as the reference reads them, refused when they lie."""

import struct
from pathlib import Path

import gguf as reference
import pytest

from harness.catalog import gguf, weights
from harness.errors import BadInput
from tests.support import tiny_gguf


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf.build())
    return path


def test_the_header_is_read_as_the_reference_reads_it(tiny):
    ours, theirs = gguf.read(tiny), reference.GGUFReader(tiny)
    assert {(t.name, t.n_bytes) for t in ours.tensors} == {(t.name, t.n_bytes) for t in theirs.tensors}
    assert ours.data_offset == theirs.data_offset
    for key in ("general.architecture", "llama.block_count", "tokenizer.ggml.add_bos_token"):
        assert ours.metadata[key] == theirs.fields[key].contents()


def test_our_table_of_types_is_the_references():
    newer = {42: ("Q2_0", 64, 18)}  # of the pinned engine, ggml-common.h: a half and 64 times two bits
    assert newer.items() <= gguf.TYPES.items()
    for number, (name, block, size) in gguf.TYPES.items() - newer.items():
        kind = reference.GGMLQuantizationType(number)
        assert kind.name == name
        assert reference.GGML_QUANT_SIZES[kind] == (block, size)


def patched(before: bytes, after: bytes) -> bytes:
    data = tiny_gguf.build()
    assert data.count(before) >= 1
    return data.replace(before, after, 1)


LIES = {
    "not a GGUF file": tiny_gguf.build(magic=b"GGML"),
    "is GGUF version 9": tiny_gguf.build(version=9),
    "claims 18446744073709551615 tensors": tiny_gguf.build()[:8] + b"\xff" * 8 + tiny_gguf.build()[16:],
    "is truncated": tiny_gguf.build()[:-100],
    "ends inside its header": tiny_gguf.build()[:200],
    "has the tensor 'output.weight' twice": patched(
        tiny_gguf.text("token_embd.weight")[8:], b"output.weight\0\0\0\0"
    ).replace(struct.pack("<Q", 17) + b"output.weight\0\0\0\0", struct.pack("<Q", 13) + b"output.weight", 1),
    "has the key 'general.name' twice": patched(b"general.type\0", b"")
    if False
    else tiny_gguf.build({**tiny_gguf.METADATA, "general.namf": "x"}).replace(b"general.namf", b"general.name"),
    "the alignment 33": tiny_gguf.build({**tiny_gguf.METADATA, "general.alignment": 33}),
    "the shape (64, 0)": tiny_gguf.build(tensors={"a": (64, 0)}),
    "9 dimensions": tiny_gguf.build(tensors={"a": (1,) * 9}),
    "not UTF-8": patched(b"Tiny", b"\xff\xfe\xfd\xfc"),
    "is empty": b"",
}


@pytest.mark.parametrize("words", LIES)
def test_a_lying_header_is_refused_in_one_line(tmp_path, words):
    path = tmp_path / "bad.gguf"
    path.write_bytes(LIES[words])
    with pytest.raises(BadInput) as caught:
        gguf.read(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_tensors_must_not_overlap(tmp_path):
    data = bytearray(tiny_gguf.build())
    place = data.index(b"norm.weight") + len(b"norm.weight") + 4 + 8 + 4
    data[place : place + 8] = struct.pack("<Q", 0)
    path = tmp_path / "overlap.gguf"
    path.write_bytes(data)
    with pytest.raises(BadInput, match="overlap"):
        gguf.read(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BadInput, match="there is no such file"):
        gguf.read(tmp_path / "none.gguf")


def header(tmp_path, metadata=None, tensors=None):
    path = Path(tmp_path) / "h.gguf"
    path.write_bytes(tiny_gguf.build({**tiny_gguf.METADATA, **(metadata or {})}, tensors or tiny_gguf.TENSORS))
    return gguf.read(path)


def test_a_decode_step_reads_the_head_and_not_the_embedding(tmp_path):
    read = header(tmp_path)
    assert weights.bytes_per_token(read) == 4 * (64 * 4 + 64 * 64 + 64)
    assert weights.operations_per_token(read) == 2 * (64 * 4 + 64 * 64)
    assert weights.prefill_operations_per_token(read) == 2 * 64 * 64


def test_a_tied_embedding_is_the_head_and_is_read_once(tmp_path):
    read = header(tmp_path, tensors={"token_embd.weight": (64, 4), "blk.0.attn_q.weight": (64, 64)})
    assert weights.bytes_per_token(read) == 4 * (64 * 4 + 64 * 64)


def test_of_the_experts_only_the_chosen_are_read(tmp_path):
    tensors = {"output.weight": (64, 4), "blk.0.ffn_up_exps.weight": (64, 64, 8), "blk.0.ffn_up_shexp.weight": (64, 64)}
    read = header(tmp_path, {"llama.expert_count": 8, "llama.expert_used_count": 2}, tensors)
    assert weights.bytes_per_token(read) == 4 * (64 * 4 + 64 * 64 * 2 + 64 * 64)


def test_the_kv_cache_grows_with_depth_and_stops_at_a_window(tmp_path):
    read = header(tmp_path)
    assert weights.kv_bytes_read(read, 10, "f16", "f16") == 2 * (16 + 16) * 2 * 10
    sliding = header(tmp_path, {"llama.attention.sliding_window": 4})
    assert weights.kv_bytes_read(sliding, 10, "f16", "f16") == 2 * (16 + 16) * 2 * 4


@pytest.mark.parametrize(
    ("metadata", "name", "variant"),
    [
        ({}, "tiny", "base"),
        ({"general.name": "Gemma 3 270m It"}, "x", "instruct"),
        ({"general.finetune": "it"}, "x", "instruct"),
        ({"tokenizer.chat_template": "{{ messages }}"}, "x", "instruct"),
        ({"general.name": "Italian poems"}, "suite", "base"),
    ],
)
def test_the_variant_comes_from_the_metadata(tmp_path, metadata, name, variant):
    assert weights.variant(header(tmp_path, metadata), name) == variant
