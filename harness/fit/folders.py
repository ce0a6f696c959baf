"""What each layer keeps as transformers and vLLM lay it out, from what config.json says. Pure.

Source: transformers' `StaticCache` (a layer of `layer_types` with a window keeps no more than that) and its DeepSeek modules,
which keep K and V of every head; vLLM's MLA, which keeps the compressed row.
"""

from __future__ import annotations

from harness.catalog.architectures import KNOWN
from harness.catalog.gguf import Header
from harness.fit import caches as gguf_caches
from harness.fit.caches import Kept, per_layer

_SLIDING = ("sliding_attention", "chunked_attention")


def caches(header: Header, *, expanded: bool) -> tuple[Kept, ...] | str:
    """Of each layer; a string says why it is not known. `expanded`: K and V of each head, also of a compressed cache."""
    architecture = header.text("general.architecture") or "unknown"
    layers = header.number(f"{architecture}.block_count") or 0
    if architecture not in KNOWN or not 0 < layers <= gguf_caches.MAX_LAYERS:
        return f"how {architecture} lays out its cache is not known"
    if header.version:  # a GGUF: what its conversion will have
        found = gguf_caches.kept(header, layers)
        plain = isinstance(found, str) or all(one.v and not one.state for one in found)
        return found if plain else f"how a converted {architecture} lays out its cache is not known"
    if header.number(f"{architecture}.ssm.state_size"):
        return f"{architecture} has a state, or reads a part of its cache: its size is not known"
    return _of_config(header, architecture, layers, expanded)


def _of_config(header: Header, architecture: str, layers: int, expanded: bool) -> tuple[Kept, ...] | str:
    def number(name: str) -> int | None:
        return header.number(f"{architecture}.attention.{name}")

    heads, kv_heads = per_layer(header, "attention.head_count", 1), per_layer(header, "attention.head_count_kv", 1)
    width = header.number(f"{architecture}.embedding_length")
    if heads is None or width is None or not heads[0]:
        return "its heads are not stated"
    kinds = header.metadata.get(f"{architecture}.attention.layer_types")
    window = number("sliding_window")
    if window and not isinstance(kinds, tuple):
        return "which of its layers have a window is not stated"
    if isinstance(kinds, tuple) and len(kinds) < layers:
        return "which of its layers have a window is not stated"
    slides = [bool(window and isinstance(kinds, tuple) and kinds[i] in _SLIDING) for i in range(layers)]
    latent = number("kv_lora_rank")
    if latent:
        nope, rope, value = number("qk_nope_length"), number("qk_rope_length"), number("v_length")
        if nope is None or rope is None or value is None:
            return "its compressed cache is not stated"
        row = (heads[0] * (nope + rope), heads[0] * value) if expanded else (latent + rope, 0)
    else:
        length = number("key_length") or width // heads[0]
        row = ((kv_heads or heads)[0] * length,) * 2
    return tuple(Kept(*row, window=(window or 0) if slid else 0) for slid in slides)


def bytes_of(found: tuple[Kept, ...] | str, context: int, width: int) -> int | None:
    """Of all layers for so many tokens, an element `width` bytes wide; None where either is not known."""
    if isinstance(found, str) or not width:
        return None
    return width * sum((one.k + one.v) * (min(context, one.window) if one.window else context) for one in found)
