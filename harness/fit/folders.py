"""What each layer keeps as transformers and vLLM lay it out, from what config.json says. Pure.

Source: transformers' `StaticCache` (a layer of `layer_types` with a window keeps no more than that, the last
`num_kv_shared_layers` keep nothing) and its MLA modules, which keep the compressed row as vLLM's do.
"""

from __future__ import annotations

import re

from harness.catalog import roles
from harness.catalog.architectures import KNOWN
from harness.catalog.folder_layers import UNKNOWN
from harness.catalog.gguf import Header
from harness.catalog.packing import FLOATS
from harness.fit import caches as gguf_caches
from harness.fit.caches import Kept, per_layer

_SLIDING = ("sliding_attention", "chunked_attention")
_PROJECTION = re.compile(r"\.(\d+)\.(?:self_attn|attention|attn)\.([kv])_proj\.weight$")


def caches(header: Header) -> tuple[Kept, ...] | str:
    """Of each layer; a string says why it is not known."""
    architecture = header.text("general.architecture") or "unknown"
    layers = header.number(f"{architecture}.block_count") or 0
    if architecture not in KNOWN or not 0 < layers <= gguf_caches.MAX_LAYERS:
        return f"how {architecture} lays out its cache is not known"
    if header.version:  # a GGUF: what its conversion will have
        found = gguf_caches.kept(header, layers)
        plain = isinstance(found, str) or all(one.v and not one.state for one in found)
        return found if plain else f"how a converted {architecture} lays out its cache is not known"
    reason = header.text(f"{architecture}.{UNKNOWN}")
    if reason:
        return f"{architecture} {reason}"
    if header.number(f"{architecture}.ssm.state_size"):
        return f"{architecture} has a state, or reads a part of its cache: its size is not known"
    return _of_config(header, architecture, layers)


def _of_config(header: Header, architecture: str, layers: int) -> tuple[Kept, ...] | str:
    def number(name: str) -> int | None:
        return header.number(f"{architecture}.attention.{name}")

    heads = per_layer(header, "attention.head_count", layers)
    kv_heads = per_layer(header, "attention.head_count_kv", layers) or heads
    width = header.number(f"{architecture}.embedding_length")
    if heads is None or kv_heads is None or width is None or not heads[0]:
        return "its heads are not stated"
    slides = _slides(header, architecture, layers)
    if slides is None:
        return "which of its layers have a window is not stated"
    window, latent = number("sliding_window") or 0, number("kv_lora_rank")
    if latent:
        rope = number("qk_rope_length")
        if rope is None:
            return "its compressed cache is not stated"
        rows = [(latent + rope, 0)] * layers
    else:
        lengths = per_layer(header, "attention.key_length", layers)
        if lengths is None and width % heads[0]:
            return "the length of its heads is not stated"
        rows = [(kv_heads[i] * (lengths[i] if lengths else width // heads[0]),) * 2 for i in range(layers)]
    crossed = header.metadata.get(f"{architecture}.attention.cross_attention_layers") or ()
    first_shared = layers - (number("shared_kv_layers") or 0)
    found = tuple(
        # A layer of cross-attention keeps what an image gives, and of text nothing.
        Kept() if i in crossed or i >= first_shared else Kept(*rows[i], window=window if slides[i] else 0)
        for i in range(layers)
    )
    return _denied(header, found) or found


def _slides(header: Header, architecture: str, layers: int) -> list[bool] | None:
    """Whether each layer has the window; None where that is not stated."""
    window = header.number(f"{architecture}.attention.sliding_window")
    kinds = header.metadata.get(f"{architecture}.attention.layer_types")
    if not isinstance(kinds, tuple):
        return None if window else [False] * layers
    if len(kinds) < layers or (not window and any(kind in _SLIDING for kind in kinds)):
        return None
    return [kind in _SLIDING for kind in kinds[:layers]]


def _denied(header: Header, found: tuple[Kept, ...]) -> str:
    """Why the tensors deny the configuration: a projection makes as many keys or values as a layer keeps."""
    for tensor in header.tensors:
        match = _PROJECTION.search(tensor.name)
        if match is None or tensor.type not in FLOATS or len(tensor.shape) != 2 or int(match[1]) >= len(found):
            continue
        one = found[int(match[1])]
        kept = one.k if match[2] == "k" else one.v
        if kept and tensor.shape[0] != kept and roles.role(tensor.name, len(found)) is not roles.Role.UNREAD:
            return f"{tensor.name} makes {tensor.shape[0]} numbers a token, and the configuration says {kept}"
    return ""


def bytes_of(found: tuple[Kept, ...] | str, context: int, width: int) -> int | None:
    """Of all layers for so many tokens, an element `width` bytes wide; None where either is not known."""
    if isinstance(found, str) or not width:
        return None
    return width * sum((one.k + one.v) * (min(context, one.window) if one.window else context) for one in found)
