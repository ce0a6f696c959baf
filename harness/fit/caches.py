"""What each layer of a GGUF keeps of the past, as llama.cpp lays it out; unknown where the architecture has a cache of its own.

Source: `llama_model::create_memory`, llama-kv-cache*.cpp, llama-memory-*.cpp and `llama_hparams` of the pinned llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.catalog.architectures import KNOWN
from harness.catalog.gguf import Header
from harness.fit.windows import windows

MAX_LAYERS = 4096
_RECURRENT = frozenset(("mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7", "arwkv7"))
# Attention where a layer has KV heads, a state where it has none.
_BY_HEADS = frozenset(
    ("jamba", "granitehybrid", "plamo2", "lfm2", "lfm2moe", "nemotron_h", "nemotron_h_moe", "kimi-linear")
)
_BY_INTERVAL = frozenset(("qwen3next", "qwen35", "qwen35moe"))
_BOTH = frozenset(("falcon-h1",))  # each layer has attention and a state
# Indexers, compressed caches, cross-attention: a layout of their own.
_OWN_LAYOUT = frozenset(("glm-dsa", "deepseek32", "deepseek4", "mllama", "minimax-m3", "t5", "dots3note"))


@dataclass(frozen=True, slots=True)
class Kept:
    """Of one layer, in elements: of a token, and of the state; `window` in tokens, 0 for the whole context."""

    k: int = 0
    v: int = 0
    window: int = 0
    state: int = 0


def kept(header: Header, layers: int) -> tuple[Kept, ...] | str:
    """Of each layer; a string says why it is not known."""
    architecture = header.text("general.architecture") or "unknown"
    if architecture not in KNOWN or architecture in _OWN_LAYOUT or header.scheme is not None:
        return f"how {architecture} lays out its cache is not known"
    if not 0 < layers <= MAX_LAYERS:
        return "the number of layers is not stated"
    number = _reader(header, architecture)
    if architecture in _RECURRENT:
        state = _state(architecture, number)
        return "the size of its state is not stated" if state is None else (Kept(state=state),) * layers
    found = _attention(header, architecture, layers, number)
    if isinstance(found, str) or architecture not in _BY_HEADS | _BY_INTERVAL | _BOTH:
        return found
    state = _state(architecture, number)
    if state is None:
        return "the size of its state is not stated"
    return _hybrid(header, architecture, found, state)


Number = Callable[[str], int | None]


def _reader(header: Header, architecture: str) -> Number:
    return lambda name: header.number(f"{architecture}.{name}")


def per_layer(header: Header, name: str, layers: int) -> tuple[int, ...] | None:
    """A number that may be one for all layers or a list; None where it is neither."""
    value = header.metadata.get(f"{header.text('general.architecture')}.{name}")
    if type(value) is int:
        return (value,) * layers
    if isinstance(value, tuple) and len(value) >= layers and all(type(one) is int for one in value):
        return tuple(int(one) for one in value[:layers])
    return None


def _attention(header: Header, architecture: str, layers: int, number: Number) -> tuple[Kept, ...] | str:
    heads = per_layer(header, "attention.head_count", layers)
    kv_heads = per_layer(header, "attention.head_count_kv", layers) or heads
    width = number("embedding_length")
    slides = windows(header, layers)
    if heads is None or kv_heads is None or width is None or not max(heads):
        return "its heads are not stated"
    if slides is None:
        return "which of its layers have a window is not stated"
    own = next((width // one for one in heads if one), 0)
    lengths = {"": (number("attention.key_length") or own, number("attention.value_length") or own)}
    lengths["_swa"] = (
        number("attention.key_length_swa") or lengths[""][0],
        number("attention.value_length_swa") or lengths[""][1],
    )
    latent = bool(number("attention.key_length_mla") and number("attention.value_length_mla"))
    if number("attention.kv_lora_rank") and not latent and architecture not in ("deepseek2", "minicpm3", "plm"):
        return "its compressed cache is not stated"
    found = []
    for index in range(layers):
        key, value = lengths["_swa" if slides[index] else ""]
        # Of a compressed cache V is a part of K, and nothing beside it is kept.
        found.append(Kept(kv_heads[index] * key, 0 if latent else kv_heads[index] * value, slides[index]))
    return _without_shared(tuple(found), _first_shared(architecture, layers, number))


def _first_shared(architecture: str, layers: int, number: Number) -> int:
    """From which layer on the caches of earlier layers are read again."""
    if architecture == "gemma3n":
        return min(20, layers)
    return layers - (number("attention.shared_kv_layers") or 0) if architecture == "gemma4" else layers


def _without_shared(found: tuple[Kept, ...], first: int) -> tuple[Kept, ...]:
    return tuple(one if index < first else Kept() for index, one in enumerate(found))


def _hybrid(header: Header, architecture: str, attention: tuple[Kept, ...], state: int) -> tuple[Kept, ...] | str:
    layers = len(attention)
    if architecture in _BOTH:
        return tuple(Kept(one.k, one.v, one.window, state) for one in attention)
    if architecture in _BY_INTERVAL:
        listed = header.metadata.get(f"{architecture}.attention.recurrent_layers")
        every = header.number(f"{architecture}.full_attention_interval") or 4
        if isinstance(listed, tuple) and len(listed) >= layers:
            recurrent = [bool(one) for one in listed[:layers]]
        else:
            recurrent = [(index + 1) % every != 0 for index in range(layers)]
        return tuple(Kept(state=state) if r else one for r, one in zip(recurrent, attention, strict=True))
    kv_heads = per_layer(header, "attention.head_count_kv", layers)
    if kv_heads is None or all(kv_heads):
        return "which of its layers have attention is not stated"
    if architecture.startswith("nemotron_h"):
        feed = per_layer(header, "feed_forward_length", layers)
        if feed is None:
            return "which of its layers have attention is not stated"
        blocks = zip(kv_heads, feed, attention, strict=True)
        return tuple(Kept() if ff else one if heads else Kept(state=state) for heads, ff, one in blocks)
    return tuple(one if heads else Kept(state=state) for heads, one in zip(kv_heads, attention, strict=True))


def _state(architecture: str, number: Number) -> int | None:
    """Elements of convolution and recurrence: `llama_hparams::n_embd_r` and `n_embd_s`."""
    width = number("embedding_length")
    if width is None:
        return None
    if "rwkv" in architecture:
        head = number("wkv.head_size")
        shifts = number("token_shift_count")
        return None if head is None else width * ((2 if shifts is None else shifts) + head)
    if architecture.startswith("lfm2"):
        length = number("shortconv.l_cache")
        return None if not length else width * (length - 1)
    kernel = number("ssm.conv_kernel")
    if architecture == "kimi-linear":
        head, heads = number("kda.head_dim"), number("attention.head_count")
        if not head or not heads:
            return None
        return 3 * ((kernel - 1) if kernel else 3) * heads * head + head * head * heads
    inner, size = number("ssm.inner_size"), number("ssm.state_size")
    if not kernel or not inner or not size:
        return None
    return (kernel - 1) * (inner + 2 * (number("ssm.group_count") or 0) * size) + size * inner
