"""What llama.cpp asks for: weights, caches by kind of layer, its graph's buffers. Pure; measured against it by benchmarks/fit.py.

Cache cells, sizes and places are llama.cpp's own rules (llama-kv-cache-iswa.cpp, llama-memory-recurrent.cpp, llama-model.cpp).
The graph's buffer is the widest moment of it: the logits of a whole batch, an attention with its mask, or a feed-forward.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.catalog.weights import KV_BITS
from harness.fit.need import Need, Part, Place
from harness.fit.shape import Layer, Shape

STEP = 256  # cells come in steps of so many
F32 = 4


@dataclass(frozen=True, slots=True)
class Settings:
    """As the adapter's options. `device_layers` counts from the end, the output first, as `gpu_layers` does."""

    context: int  # of one sequence
    device_layers: int = 0
    sequences: int = 1  # each with a cache of its own
    batch: int = 2048
    ubatch: int = 512
    type_k: str = "f16"
    type_v: str = "f16"
    flash: bool = True
    swa_full: bool = False
    mapped: bool = True
    locked: bool = False
    rearranged: frozenset[str] = frozenset()  # tensor types that this processor has rearranged copies of
    offload_kqv: bool = True
    own_memory: bool = True  # the device has memory of its own


def padded(context: int) -> int:
    """Cells of a cache for so many tokens."""
    return -(-max(context, 1) // STEP) * STEP


def need(shape: Shape, settings: Settings) -> Need:
    """Every part of it, in its place."""
    count = len(shape.layers)
    on_device = min(max(settings.device_layers, 0), count + 1)
    first = count + 1 - on_device  # the first layer on the device
    device = Place.DEVICE if settings.own_memory else Place.MEMORY
    places = [device if index >= first else Place.MEMORY for index in range(count)]
    parts = [
        *_weights(shape, settings, places, device if on_device else Place.MEMORY),
        *_caches(shape, settings, [p if settings.offload_kqv else Place.MEMORY for p in places]),
        *_buffers(shape, settings, first, device if on_device else Place.MEMORY),
    ]
    return Need(tuple(parts), settings.context, count, on_device)


def _weights(shape: Shape, settings: Settings, places: list[Place], output: Place) -> list[Part]:
    here = shape.input_bytes
    there = 0
    for layer, place in zip(shape.layers, places, strict=True):
        if place is Place.DEVICE:
            there += layer.weight_bytes
        else:
            here += layer.weight_bytes
    if output is Place.DEVICE:
        there += shape.output_bytes
    elif not shape.tied:
        here += shape.output_bytes
    copied = sum(n for kind, n in shape.type_bytes.items() if kind in settings.rearranged)
    # A GPU that shares the memory keeps the pages that it computes from.
    mapped = settings.mapped and not settings.locked and (settings.own_memory or not settings.device_layers)
    rest = max(here - copied, 0)  # what has a rearranged copy is read once, and no more after that
    written = None if settings.locked else rest
    parts = [Part("weights", Place.MEMORY, here if settings.mapped else rest, mapped=mapped, written=written)]
    if copied:
        parts.append(Part("rearranged weights", Place.MEMORY, copied))
    if there:
        parts.append(Part("weights", Place.DEVICE, there))
    return parts


def cache_bytes(layer: Layer, settings: Settings) -> int:
    """Of one layer, for the tokens that it can see in each sequence."""
    cells = padded(settings.context)
    if layer.window and not settings.swa_full:
        cells = min(cells, padded(min(cells, layer.window + _ubatch(settings))))
    bits = layer.k_elements * KV_BITS[settings.type_k] + layer.v_elements * KV_BITS[settings.type_v]
    return round(cells * bits / 8) * settings.sequences


def _caches(shape: Shape, settings: Settings, places: list[Place]) -> list[Part]:
    if shape.unknown:
        place = Place.DEVICE if Place.DEVICE in places else Place.MEMORY
        return [Part("KV cache", place, None, unknown=shape.unknown)]
    parts = []
    for place in Place:
        layers = [layer for layer, where in zip(shape.layers, places, strict=True) if where is place]
        whole = sum(cache_bytes(x, settings) for x in layers if not x.window)
        slid = sum(cache_bytes(x, settings) for x in layers if x.window)
        state = F32 * sum(x.state_elements for x in layers) * settings.sequences
        sizes = (("KV cache", whole), ("KV cache, sliding windows", slid), ("recurrent state", state))
        parts += [Part(kind, place, size) for kind, size in sizes if size]
    return parts


def _ubatch(settings: Settings) -> int:
    """Tokens computed at once: the batch is never longer than the contexts together."""
    return min(settings.ubatch, settings.batch, padded(settings.context) * settings.sequences)


def graph_bytes(shape: Shape, settings: Settings, outputs: int) -> int:
    """The widest moment of the graph of a whole batch, with so many rows of logits."""
    tokens = _ubatch(settings)
    cells = [padded(settings.context)] if any(x.k_elements and not x.window for x in shape.layers) else []
    window = max((x.window for x in shape.layers), default=0)
    if window:
        whole = padded(settings.context)
        cells.append(whole if settings.swa_full else min(whole, padded(window + tokens)))
    masks = sum(cells) * (2 if settings.flash else F32)
    scores = 0 if settings.flash or not cells else shape.heads * max(cells)
    attention = scores + 2 * shape.embedding + 3 * shape.query + shape.key_value
    feed = 3 * shape.feed + 4 * shape.embedding
    if shape.experts_used:
        feed = max(feed, shape.feed + (2 * shape.experts_used + 3) * shape.embedding)
    layer = tokens * (masks + F32 * max(attention, feed))
    return max(layer, F32 * (outputs * shape.vocabulary + tokens * 2 * shape.embedding))


def _buffers(shape: Shape, settings: Settings, first: int, where: Place) -> list[Part]:
    tokens = _ubatch(settings)
    output = Part("output buffer", Place.MEMORY, F32 * shape.vocabulary * settings.sequences)
    if shape.unknown or not shape.vocabulary or not shape.embedding:
        reason = shape.unknown or "its widths are not stated"
        return [Part("compute buffer", where, None, unknown=reason), output]
    whole = graph_bytes(shape, settings, tokens)
    if where is Place.MEMORY:
        return [Part("compute buffer", where, whole, written=graph_bytes(shape, settings, 1)), output]
    # The inputs of a batch lie in the machine's memory; layers that stay there come by one matrix after another.
    inputs = tokens * (F32 * shape.embedding + F32 * padded(settings.context))
    fetched = shape.matrix_bytes if first > 0 else 0
    return [
        Part("compute buffer", Place.DEVICE, whole + fetched),
        Part("compute buffer", Place.MEMORY, inputs),
        output,
    ]
