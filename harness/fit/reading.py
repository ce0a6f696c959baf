"""From a GGUF's header to the shape that its memory follows from. Pure."""

from __future__ import annotations

import re

from harness.catalog.gguf import Header, Tensor
from harness.fit.caches import Kept, kept, per_layer
from harness.fit.shape import Layer, Shape

_BLOCK = re.compile(r"blk\.(\d+)\.")
_INPUTS = ("token_embd", "position_embd", "token_types", "per_layer_token_embd", "token_embd_norm")
# Matrices that an engine may rearrange: two dimensions, or experts in three. Convolutions are none.
_MULTIPLIED = re.compile(r"blk\.\d+\.(?!.*conv1?d?\.weight)[a-z0-9_.]+\.weight|output\.weight")


def shape_of(header: Header) -> Shape:
    """The shape of a GGUF; what its architecture leaves open is unknown, with the reason."""
    architecture = header.text("general.architecture") or "unknown"

    def number(name: str) -> int:
        return header.number(f"{architecture}.{name}") or 0

    count = _layers(header, architecture)
    heads = max(per_layer(header, "attention.head_count", count) or (0,))
    width = number("embedding_length")
    used = number("expert_used_count")
    feed = max(per_layer(header, "feed_forward_length", count) or (0,))
    experts = max(per_layer(header, "expert_feed_forward_length", count) or (0,))
    found = kept(header, count)
    caches = None if isinstance(found, str) else found
    blocks = _blocks(header.tensors)
    outputs = [t for t in header.tensors if _BLOCK.match(t.name) is None and not t.name.startswith(_INPUTS)]
    inputs = [t for t in header.tensors if t.name.startswith(_INPUTS)]
    head = next((t for t in header.tensors if t.name == "output.weight"), None)
    tied = head is None
    table = next((t for t in inputs if t.name == "token_embd.weight"), None)
    copy = table.n_bytes if tied and table else 0
    return Shape(
        architecture=architecture,
        layers=_with_caches(blocks, count, caches),
        input_bytes=sum(t.n_bytes for t in inputs),
        output_bytes=sum(t.n_bytes for t in outputs) + copy,
        tied=tied,
        matrix_bytes=max((t.n_bytes for t in header.tensors if _MULTIPLIED.fullmatch(t.name)), default=copy),
        type_bytes=_types(header.tensors, table if tied else None),
        embedding=width,
        vocabulary=_vocabulary(table, width) or number("vocab_size"),
        heads=heads,
        query=heads * (number("attention.key_length") or (width // heads if heads else 0)),
        key_value=max((c.k + c.v for c in caches or ()), default=0),
        feed=max(feed, used * (experts or feed)) if used else feed,
        experts_used=used,
        context_trained=header.number(f"{architecture}.context_length"),
        unknown=found if isinstance(found, str) else "",
    )


def _layers(header: Header, architecture: str) -> int:
    count = header.number(f"{architecture}.block_count") or 0
    return max(count - (header.number(f"{architecture}.nextn_predict_layers") or 0), 0)


def _blocks(tensors: tuple[Tensor, ...]) -> dict[int, int]:
    """Bytes of each numbered block."""
    found: dict[int, int] = {}
    for tensor in tensors:
        match = _BLOCK.match(tensor.name)
        if match:
            found[int(match[1])] = found.get(int(match[1]), 0) + tensor.n_bytes
    return found


def _with_caches(blocks: dict[int, int], count: int, caches: tuple[Kept, ...] | None) -> tuple[Layer, ...]:
    """Each block with what it keeps; drafting blocks behind the model's own keep nothing in a run without drafts."""
    total = max(count, max(blocks, default=-1) + 1)
    held = [*(caches or ()), *(Kept() for _ in range(total))]
    return tuple(
        Layer(blocks.get(i, 0), one.k, one.v, one.window, one.state) for i, one in zip(range(total), held, strict=False)
    )


def _vocabulary(table: Tensor | None, width: int) -> int:
    return table.elements // width if table is not None and width else 0


def _types(tensors: tuple[Tensor, ...], tied: Tensor | None) -> dict[str, int]:
    """Bytes by type of the matrices whose rows come in eights; of a tied head those of the embedding."""
    found: dict[str, int] = {}
    for tensor in (*(t for t in tensors if _MULTIPLIED.fullmatch(t.name)), *([tied] if tied else [])):
        two = len(tensor.shape) == 2 or (len(tensor.shape) == 3 and "_exps" in tensor.name)
        if two and tensor.shape[1] % 8 == 0:
            found[tensor.type] = found.get(tensor.type, 0) + tensor.n_bytes
    return found
