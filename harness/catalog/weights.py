"""What a model's tensors mean for speed: parameters, bytes and operations of a token. Pure.

A decode step reads every weight that it uses once. The input embedding is read one row at a time, unless it is also the
output head (no `output.weight`): then it is read whole. Of the experts of a layer only those chosen are read; towers, projectors,
draft layers and layers for images are not. What is not known to be right is None: a bound must never accuse an honest run.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from harness.catalog import folder_layers, labels, roles
from harness.catalog.architectures import KNOWN
from harness.catalog.gguf import Header, Tensor
from harness.catalog.roles import Role

KV_BITS = {
    "f32": 32.0,
    "f16": 16.0,
    "bf16": 16.0,
    "u8": 8.0,
    "q8_0": 8.5,
    "q5_1": 6.0,
    "q5_0": 5.5,
    "q4_1": 5.0,
    "q4_0": 4.5,
}
KV_BITS |= {"iq4_nl": 4.5}  # u8 is OpenVINO's, scales left out: the least that is read
MAX_LAYERS = 4096  # no model has more; a header that says so lies
FLOAT_BYTES = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2}


def quantisation(header: Header, file_name: str = "") -> str:
    """The recipe's name: a folder's from its configuration, a GGUF's from its metadata where its tensors don't contradict."""
    return labels.label(header, file_name)


def recipe(tensors: Sequence[Tensor]) -> dict[str, int]:
    """Bytes held by each tensor type."""
    sizes: dict[str, int] = {}
    for tensor in tensors:
        sizes[tensor.type] = sizes.get(tensor.type, 0) + tensor.n_bytes
    return dict(sorted(sizes.items()))


def parameters(tensors: Sequence[Tensor]) -> int | None:
    """All parameters of all tensors; None where a packing is not known."""
    counts = [tensor.parameters for tensor in tensors]
    return None if None in counts else sum(count for count in counts if count is not None)


def millibits_per_parameter(tensors: Sequence[Tensor]) -> int | None:
    """Thousandths of a bit that a parameter takes in the file, scales included."""
    count = parameters(tensors)
    return sum(tensor.n_bytes for tensor in tensors) * 8000 // count if count else None


def _number(header: Header, name: str) -> int | None:
    return header.number(f"{header.text('general.architecture') or ''}.{name}")


def _layers(header: Header) -> int | None:
    """Layers of the model itself: llama.cpp counts next-token layers along."""
    count = _number(header, "block_count")
    return None if count is None else count - (_number(header, "nextn_predict_layers") or 0)


def _unread(header: Header) -> frozenset[int]:
    """Layers that no text token passes: cross-attention to images, and drafts."""
    crossed = header.metadata.get(f"{header.text('general.architecture')}.attention.cross_attention_layers")
    listed = crossed if isinstance(crossed, tuple) else ()
    return frozenset(listed) | roles.draft_layers(tensor.name for tensor in header.tensors)


def _used(header: Header, amount: Callable[[Tensor], int | None], head: bool = True) -> int | None:
    """`amount` summed over what a token uses; None where it can't be told. Without `head`, what a prefill's token uses."""
    if (header.text("general.architecture") or "") not in KNOWN:
        return None
    layers, unread = _layers(header), _unread(header)
    experts, chosen = _number(header, "expert_count") or 0, _number(header, "expert_used_count") or 0
    total = dict.fromkeys(Role, 0)
    for tensor in header.tensors:
        role, value = roles.role(tensor.name, layers, unread), amount(tensor)
        if role is Role.UNREAD:
            continue
        # A matrix outside of all that is known may be anything; a vector costs nothing to speak of.
        if value is None or (role is Role.UNKNOWN and len(tensor.shape) > 1):
            return None
        if role is Role.BODY and experts > 1 and len(tensor.shape) > 2 and experts in tensor.shape:
            return None  # experts under a name that is not known
        total[role] += value
    found = total[Role.BODY] + total[Role.UNKNOWN]
    if total[Role.EXPERTS] or experts > 1:
        if not (total[Role.EXPERTS] and 0 < chosen <= experts):
            return None
        found += total[Role.EXPERTS] * chosen // experts
    return found + (total[Role.HEAD] or total[Role.EMBEDDING]) if head else found


def bytes_per_token(header: Header, float_bytes: int | None = None) -> int | None:
    """Bytes of weights that one decode step of a text token reads; None where the architecture or a tensor is not known.

    `float_bytes`: the width that the engine gave to weights that are floats in the file, where it isn't theirs.
    """

    def read(tensor: Tensor) -> int:
        packed = tensor.parameters is not None and tensor.parameters > tensor.elements  # bytes that are called floats
        own = None if packed else FLOAT_BYTES.get(tensor.type)
        narrowed = own is not None and float_bytes is not None and float_bytes < own
        return tensor.elements * float_bytes if narrowed and float_bytes else tensor.n_bytes

    return _used(header, read)


def _operations(tensor: Tensor) -> int | None:
    if len(tensor.shape) < 2:
        return 0
    return None if tensor.parameters is None else 2 * tensor.parameters


def operations_per_token(header: Header) -> int | None:
    """Multiplications and additions of one token through the matrices, the head included; attention is left out."""
    return _used(header, _operations)


def prefill_operations_per_token(header: Header) -> int | None:
    """As `operations_per_token`, without the head: a prefill computes it for its last token only."""
    return _used(header, _operations, head=False)


def kv_bytes_read(header: Header, depth: int, type_k: str, type_v: str) -> int | None:
    """Bytes of the KV cache that a decode step reads at `depth`; None for caches that this does not know (MLA, SSM).

    Layers with a sliding window read at most the window. Which layers slide is engine code, not metadata, so all do
    where a window is given: a lower bound, as a physics check needs.
    """
    architecture = header.text("general.architecture") or ""

    def number(name: str) -> int | None:
        return _number(header, name)

    layers, heads = _layers(header), number("attention.head_count")
    kv_heads: Any = header.metadata.get(f"{architecture}.attention.head_count_kv", heads)
    if not layers or not heads or number("attention.kv_lora_rank") or number("ssm.state_size"):
        return None
    if not header.version and header.text(f"{architecture}.{folder_layers.UNKNOWN}"):
        return None
    if not 0 < layers <= MAX_LAYERS or type_k not in KV_BITS or type_v not in KV_BITS:
        return None
    listed = kv_heads[:layers] if isinstance(kv_heads, tuple) else (kv_heads,) * layers
    if not all(type(count) is int and 0 <= count < 1 << 20 for count in listed):
        return None
    unread = _unread(header)
    per_layer = [int(count) for index, count in enumerate(listed) if index not in unread]

    def length(name: str) -> int:
        """The least of a layer's: those with a window may have another."""
        said = [header.metadata.get(f"{architecture}.attention.{key}") for key in (name, f"{name}_swa")]
        found = [n for one in said for n in (one if isinstance(one, tuple) else (one,)) if type(n) is int and n > 0]
        return min(found, default=(number("embedding_length") or 0) // heads)

    bits = length("key_length") * KV_BITS[type_k] + length("value_length") * KV_BITS[type_v]
    seen = min(depth, number("attention.sliding_window") or depth)
    return round(sum(per_layer) * bits / 8 * seen)


def variant(header: Header, name: str) -> str:
    """`instruct` or `base`, from the metadata first: a chat template or a finetune name says instruct."""
    if header.text("tokenizer.chat_template"):
        return "instruct"
    words = " ".join(filter(None, (header.text("general.finetune"), header.text("general.name"), name))).lower()
    return "instruct" if re.search(r"(?<![a-z])(it|instruct|chat)(?![a-z])", words) else "base"
