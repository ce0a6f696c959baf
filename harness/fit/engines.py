"""One estimator for each runtime of ours: from a model's header and the settings to what it needs at a context. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.catalog.gguf import Header, Tensor
from harness.catalog.weights import FLOAT_BYTES
from harness.fit import folders, llama_cpp
from harness.fit.need import Need, Part, Place
from harness.fit.reading import shape_of

Scalar = str | int | bool | None
# GPUs' backends; those in the second set have memory of their own.
DEVICE_BACKENDS = frozenset(("cuda", "rocm", "vulkan", "metal"))
OWN_MEMORY = frozenset(("cuda", "rocm", "vulkan"))
_TORCH_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_KV_BYTES = {"fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1}
MIB = 1 << 20
NOT_ESTIMATED = "what {} takes while it computes is not estimated"


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


def engine_of(asked: Asked) -> Engine | None:
    """The estimator; None for a runtime that is not ours, or that holds no model."""
    maker = _MAKERS.get(asked.runtime)
    return maker(asked) if maker is not None else None


def _llama_cpp(asked: Asked) -> Engine:
    shape = shape_of(asked.header)
    options = asked.options
    mode = str(options.get("load_mode") or "auto")
    layers = _number(options, "gpu_layers", -1)
    wanted = None if layers < 0 else layers
    rearranged = (
        rearranged_types(asked.features) if options.get("repack", True) and not asked.on_device else frozenset()
    )

    def need(context: int, device_layers: int | None) -> Need:
        return llama_cpp.need(
            shape,
            llama_cpp.Settings(
                context=context,
                device_layers=0
                if not asked.on_device
                else len(shape.layers) + 1
                if device_layers is None
                else device_layers,
                sequences=_number(options, "sequences", _number(options, "slots", 1)),
                batch=_number(options, "batch", 2048),
                ubatch=_number(options, "ubatch", 512),
                type_k=str(options.get("type_k") or "f16"),
                type_v=str(options.get("type_v") or "f16"),
                flash=options.get("flash_attn") != "off",
                swa_full=options.get("swa_full") is True or options.get("draft") not in (None, "none"),
                mapped=mode in ("auto", "mmap", "mlock", "mmap+mlock"),
                locked="mlock" in mode,
                rearranged=rearranged,
                offload_kqv=options.get("offload_kqv") is not False,
                own_memory=asked.own_memory,
            ),
        )

    return Engine(
        need, len(shape.layers), shape.context_trained, llama_cpp.STEP, asked.on_device and asked.own_memory, wanted
    )


def rearranged_types(features: frozenset[str]) -> frozenset[str]:
    """Tensor types that llama.cpp's CPU backend keeps a rearranged copy of: ggml_repack_get_optimal_repack_type."""
    found: set[str] = set()
    if "avx2" in features:
        found |= {"Q4_0", "Q4_K", "IQ4_NL", "MXFP4"}
    if "avx512f" in features:
        found.add("Q2_K")
    if "asimddp" in features:
        found |= {"Q4_0", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "MXFP4", "Q8_0"}
    return frozenset(found)


def _pytorch(asked: Asked) -> Engine:
    place = _place(asked)
    width = _TORCH_BYTES.get(str(asked.options.get("dtype")), 0)
    weights = _weights(asked, width)
    caches = folders.caches(asked.header)

    def cache(context: int) -> int | None:
        return folders.bytes_of(caches, context, _cache_width(asked, width))

    def need(context: int, _: int | None) -> Need:
        held = cache(context)
        reason = caches if isinstance(caches, str) else "the type of its cache is not stated"
        parts = (
            Part("weights", place, weights),
            Part("KV cache", place, held, unknown="" if held is not None else reason),
            Part("working memory", place, None, unknown=NOT_ESTIMATED.format("PyTorch")),
        )
        return Need(parts, context, _count(asked))

    return Engine(need, _count(asked), _trained(asked), cache=cache)


def _vllm(asked: Asked) -> Engine:
    place = _place(asked)
    width = _TORCH_BYTES.get(str(asked.options.get("dtype")), 0)
    weights = _weights(asked, width)
    caches = folders.caches(asked.header)
    of_cache = _KV_BYTES.get(str(asked.options.get("kv_cache_dtype")), 0)
    reserved = None if asked.on_device else _number(asked.options, "kv_space_mib", 1024) * MIB

    def cache(context: int) -> int | None:
        return folders.bytes_of(caches, context + 1, of_cache or _cache_width(asked, width))

    def need(context: int, _: int | None) -> Need:
        held = cache(context) if reserved is None else reserved
        reason = caches if isinstance(caches, str) else "the type of its cache is not stated"
        parts = (
            Part("weights", place, weights),
            Part("KV cache", place, held, unknown="" if held is not None else reason),
            Part("working memory", place, None, unknown=NOT_ESTIMATED.format("vLLM")),
        )
        return Need(parts, context, _count(asked))

    share = _number(asked.options, "gpu_memory_percent", 90) / 100 if asked.on_device else 1.0
    return Engine(need, _count(asked), _trained(asked), share=share, reserved=reserved, cache=cache)


def _place(asked: Asked) -> Place:
    return Place.DEVICE if asked.on_device and asked.own_memory else Place.MEMORY


def _number(options: Mapping[str, Scalar], name: str, default: int) -> int:
    value = options.get(name)
    return value if type(value) is int else default


def _architecture(asked: Asked) -> str:
    return asked.header.text("general.architecture") or "unknown"


def _count(asked: Asked) -> int:
    return asked.header.number(f"{_architecture(asked)}.block_count") or 0


def _trained(asked: Asked) -> int | None:
    return asked.header.number(f"{_architecture(asked)}.context_length")


def _weights(asked: Asked, width: int) -> int | None:
    """Bytes of all tensors, floats in the type that was asked for; of a converted file two a parameter."""
    tensors = asked.header.tensors
    if asked.converted:
        counts = [tensor.parameters for tensor in tensors]
        return None if None in counts else (width or 2) * sum(count for count in counts if count is not None)
    return sum(t.elements * width if width and _plain(t) else t.n_bytes for t in tensors)


def _plain(tensor: Tensor) -> bool:
    """Floats that are one parameter each: not those that stand for packed bytes, and no scales."""
    return tensor.type in FLOAT_BYTES and tensor.parameters == tensor.elements


def _cache_width(asked: Asked, width: int) -> int:
    """Bytes of an element of the cache: as the weights are computed with; 0 where that is not known."""
    if width or asked.converted:
        return width or 2
    kinds = {t.type for t in asked.header.tensors if _plain(t) and len(t.shape) > 1}
    return FLOAT_BYTES[kinds.pop()] if len(kinds) == 1 else 0


# A server that the worker starts holds what its engine holds in process.
_MAKERS: Mapping[str, Callable[[Asked], Engine]] = {
    "llama.cpp": _llama_cpp,
    "llama-server": _llama_cpp,
    "pytorch": _pytorch,
    "vllm": _vllm,
    "vllm-server": _vllm,
}
