"""What is asked of an estimator, what it is, and what estimators share: places, bytes of weights, the width of a cache. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.catalog.gguf import Header, Tensor
from harness.catalog.weights import FLOAT_BYTES
from harness.fit.need import Need, Place

Scalar = str | int | bool | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be run, and on what: `options` as filled in; `on_device`: a GPU computes, `own_memory`: from memory of its own.

    `features` of the processor, as Linux names them; `converted` where the runtime reads a bf16 copy of the file.
    """

    runtime: str
    header: Header
    options: Mapping[str, Scalar]
    on_device: bool = False
    own_memory: bool = True
    features: frozenset[str] = frozenset()
    converted: bool = False


@dataclass(frozen=True, slots=True)
class Engine:
    """`need(context, device_layers)`; None for all layers. Contexts come in `step`s; `option` sets the context.

    `splits`: its layers may lie in two places. `share` of a device's whole memory is the most that it takes.
    `reserved`: bytes set aside for the cache, whatever the context needs of them; None where it is made to measure.
    """

    need: Callable[[int, int | None], Need]
    layers: int
    context_trained: int | None
    step: int = 1
    splits: bool = False
    asked_layers: int | None = None
    share: float = 1.0
    reserved: int | None = None
    cache: Callable[[int], int | None] = lambda _: None


def place(asked: Asked) -> Place:
    """Where a model lies whole."""
    return Place.DEVICE if asked.on_device and asked.own_memory else Place.MEMORY


def number(options: Mapping[str, Scalar], name: str, default: int) -> int:
    """An option that is a whole number."""
    value = options.get(name)
    return value if type(value) is int else default


def architecture(asked: Asked) -> str:
    """As the header names it."""
    return asked.header.text("general.architecture") or "unknown"


def count(asked: Asked) -> int:
    """Its layers; 0 where the header does not say."""
    return asked.header.number(f"{architecture(asked)}.block_count") or 0


def trained(asked: Asked) -> int | None:
    """Tokens that it was trained for."""
    return asked.header.number(f"{architecture(asked)}.context_length")


def weights(asked: Asked, width: int) -> int | None:
    """Bytes of all tensors, floats in the type that was asked for; of a converted file two a parameter."""
    tensors = asked.header.tensors
    if asked.converted:
        counts = [tensor.parameters for tensor in tensors]
        return None if None in counts else (width or 2) * sum(count for count in counts if count is not None)
    return sum(t.elements * width if width and plain(t) else t.n_bytes for t in tensors)


def plain(tensor: Tensor) -> bool:
    """Floats that are one parameter each: not those that stand for packed bytes, and no scales."""
    return tensor.type in FLOAT_BYTES and tensor.parameters == tensor.elements


def cache_width(asked: Asked, width: int) -> int:
    """Bytes of an element of the cache: as the weights are computed with; 0 where that is not known."""
    if width or asked.converted:
        return width or 2
    kinds = {t.type for t in asked.header.tensors if plain(t) and len(t.shape) > 1}
    return FLOAT_BYTES[kinds.pop()] if len(kinds) == 1 else 0
