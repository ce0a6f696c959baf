"""What a GGUF's tensors mean for speed: parameters, bytes and operations a token, the recipe of quantisation. Pure.

A decode step reads every weight that it uses once. The input embedding is read one row at a time, unless it is also the
output head (no `output.weight`): then it is read whole. Of the experts of a layer only those chosen are read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from harness.catalog.gguf import Header, Tensor

# llama.cpp's LLAMA_FTYPE (general.file_type) → the name that people use
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE",
}  # fmt: skip
KV_BITS = {"f32": 32.0, "f16": 16.0, "bf16": 16.0, "q8_0": 8.5, "q5_1": 6.0, "q5_0": 5.5, "q4_1": 5.0, "q4_0": 4.5}
KV_BITS |= {"iq4_nl": 4.5}
MAX_LAYERS = 4096  # no model has more; a header that says so lies


def quantisation(header: Header) -> str:
    """The recipe's name from the metadata; where there is none, the type that holds most bytes."""
    named = FILE_TYPES.get(header.number("general.file_type") or 0) if "general.file_type" in header.metadata else None
    if named:
        return named
    sizes: dict[str, int] = {}
    for tensor in header.tensors:
        sizes[tensor.type] = sizes.get(tensor.type, 0) + tensor.n_bytes
    return max(sizes, key=lambda name: sizes[name]) if sizes else "unknown"


def recipe(tensors: Sequence[Tensor]) -> dict[str, int]:
    """Bytes held by each tensor type."""
    sizes: dict[str, int] = {}
    for tensor in tensors:
        sizes[tensor.type] = sizes.get(tensor.type, 0) + tensor.n_bytes
    return dict(sorted(sizes.items()))


def parameters(tensors: Sequence[Tensor]) -> int:
    """All elements of all tensors."""
    return sum(tensor.elements for tensor in tensors)


def _used(header: Header, amount: dict[str, int]) -> int:
    """`amount` summed over what a token uses."""
    architecture = header.text("general.architecture") or ""
    experts = header.number(f"{architecture}.expert_count") or 0
    chosen = header.number(f"{architecture}.expert_used_count") or 0
    tied = "output.weight" not in amount
    total = 0
    for name, value in amount.items():
        if name.startswith(("token_embd.", "per_layer_token_embd.")) and not (tied and name == "token_embd.weight"):
            continue
        # Experts are stacked in one tensor; a shared expert (_shexp) is always used.
        total += value * chosen // experts if experts and "_exps." in name else value
    return total


def bytes_per_token(header: Header) -> int:
    """Bytes of weights that one decode step reads."""
    return _used(header, {tensor.name: tensor.n_bytes for tensor in header.tensors})


def operations_per_token(header: Header) -> int:
    """Multiplications and additions of one token through the matrices, the head included; attention is left out."""
    matrices = {t.name: 2 * t.elements for t in header.tensors if len(t.shape) > 1}
    return _used(header, matrices)


def prefill_operations_per_token(header: Header) -> int:
    """As `operations_per_token`, without the head: a prefill computes it for its last token only."""
    head = next((t for name in ("output.weight", "token_embd.weight") for t in header.tensors if t.name == name), None)
    return operations_per_token(header) - (2 * head.elements if head is not None else 0)


def kv_bytes_read(header: Header, depth: int, type_k: str, type_v: str) -> int | None:
    """Bytes of the KV cache that a decode step reads at `depth`; None for caches that this does not know (MLA, SSM).

    Layers with a sliding window read at most the window. Which layers slide is engine code, not metadata, so all do
    where a window is given: a lower bound, as a physics check needs.
    """
    architecture = header.text("general.architecture") or ""

    def number(name: str) -> int | None:
        return header.number(f"{architecture}.{name}")

    layers, heads = number("block_count"), number("attention.head_count")
    kv_heads: Any = header.metadata.get(f"{architecture}.attention.head_count_kv", heads)
    if not layers or not heads or number("attention.kv_lora_rank") or number("ssm.state_size"):
        return None
    if not 0 < layers <= MAX_LAYERS or type_k not in KV_BITS or type_v not in KV_BITS:
        return None
    listed = kv_heads if isinstance(kv_heads, tuple) else (kv_heads,) * layers
    per_layer = [int(count) for count in listed if type(count) is int and 0 <= count < 1 << 20]
    if len(per_layer) != len(listed):
        return None
    width = (number("embedding_length") or 0) // heads
    bits = (number("attention.key_length") or width) * KV_BITS[type_k]
    bits += (number("attention.value_length") or width) * KV_BITS[type_v]
    seen = min(depth, number("attention.sliding_window") or depth)
    return round(sum(per_layer) * bits / 8 * seen)


def variant(header: Header, name: str) -> str:
    """`instruct` or `base`, from the metadata first: a chat template or a finetune name says instruct."""
    if header.text("tokenizer.chat_template"):
        return "instruct"
    words = " ".join(filter(None, (header.text("general.finetune"), header.text("general.name"), name))).lower()
    return "instruct" if re.search(r"(?<![a-z])(it|instruct|chat)(?![a-z])", words) else "base"
