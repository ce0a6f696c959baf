"""The estimators of all runtimes but llama.cpp: weights, cache, and what is not known beside them. Pure.

What they take while they compute is not estimated: their answer is that it does not fit, or that it is not known.
Source: mlx-lm 0.32.2 (models/cache.py: cells in steps of 256); OpenVINO GenAI's gguf_quants.cpp, which unpacks scales and zero
points; quantized_llama.rs of mistral.rs, which unpacks the embedding and keeps the other matrices as the file has them.
"""

from __future__ import annotations

from collections.abc import Callable

from harness.catalog.weights import FLOAT_BYTES
from harness.fit import folders
from harness.fit.caches import Kept
from harness.fit.engine import Asked, Engine, architecture, cache_width, count, number, place, trained, weights
from harness.fit.need import Need, Part

MIB = 1 << 20
GIB = 1 << 30
NOT_ESTIMATED = "what {} takes while it computes is not estimated"
_TORCH_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2}
_KV_BYTES = {"fp8": 1, "fp8_e4m3": 1, "fp8_e5m2": 1}
_FLOATS = {"f32": 4, "f16": 2, "bf16": 2}
_MLX_STEP = 256
Cache = Callable[[int], int | None]


def pytorch(asked: Asked) -> Engine:
    """Our loop's static cache."""
    width = _TORCH_BYTES.get(str(asked.options.get("dtype")), 0)
    caches = folders.caches(asked.header)

    def cache(context: int) -> int | None:
        return folders.bytes_of(caches, context, cache_width(asked, width))

    return _engine(asked, "PyTorch", _weights(asked, width), cache, _why(caches))


def vllm(asked: Asked) -> Engine:
    """On a GPU within its share of it; on a processor with a cache that is set aside."""
    width = _TORCH_BYTES.get(str(asked.options.get("dtype")), 0)
    caches = folders.caches(asked.header)
    if architecture(asked) == "minicpm3" and not isinstance(caches, str):  # the one whose compressed rows it unpacks
        caches = "how vLLM keeps the cache of minicpm3 is not known"
    of_cache = _KV_BYTES.get(str(asked.options.get("kv_cache_dtype")), 0)
    reserved = None if asked.on_device else number(asked.options, "kv_space_mib", 1024) * MIB

    def cache(context: int) -> int | None:
        return folders.bytes_of(caches, context + 1, of_cache or cache_width(asked, width))

    share = number(asked.options, "gpu_memory_percent", 90) / 100 if asked.on_device else 1.0
    return _engine(asked, "vLLM", _weights(asked, width), cache, _why(caches), share=share, reserved=reserved)


def mlx(asked: Asked) -> Engine:
    """Weights in the folder's own types; a cache that grows by steps."""
    width = _TORCH_BYTES.get(str(asked.options.get("dtype")), 0)
    caches = _whole(folders.caches(asked.header), asked, "mlx-lm")

    def cache(context: int) -> int | None:
        cells = -(-context // _MLX_STEP) * _MLX_STEP
        return folders.bytes_of(caches, cells, cache_width(asked, width))

    return _engine(asked, "MLX", _weights(asked, width), cache, _why(caches))


def openvino(asked: Asked) -> Engine:
    """Of a GGUF's weights no less than the file has: it unpacks their scales, and some of them whole."""
    caches = _whole(folders.caches(asked.header), asked, "OpenVINO")
    kind = str(asked.options.get("kv_cache_dtype") or "auto")
    told = {"auto": "the type of its KV cache is the device's choice: -o kv_cache_dtype=f16 sets it",
            "u8": "how large a KV cache of u8 is with its scales is not known"}  # fmt: skip
    reserved = number(asked.options, "kv_space_gib", 0) * GIB or None

    def cache(context: int) -> int | None:
        return folders.bytes_of(caches, context, _FLOATS.get(kind, 0))

    least = 4 if asked.options.get("dtype") == "f32" else 2
    held = sum(
        t.elements * min(least, FLOAT_BYTES[t.type]) if t.type in FLOAT_BYTES else t.n_bytes
        for t in asked.header.tensors
    )
    larger = Part(
        "unpacked weights",
        place(asked),
        None,
        unknown="how much more OpenVINO unpacks weights to is not known",
    )
    return _engine(
        asked, "OpenVINO", (Part("weights", place(asked), held), larger), cache,
        caches if isinstance(caches, str) else told.get(kind, ""), limit=reserved,
    )  # fmt: skip


def mistralrs(asked: Asked) -> Engine:
    """Matrices as the file has them; the embedding unpacked, to a type that the engine chooses."""
    caches = _whole(folders.caches(asked.header), asked, "mistral.rs")
    kind = str(asked.options.get("dtype") or "auto")

    def cache(context: int) -> int | None:
        return folders.bytes_of(caches, context, _FLOATS.get(kind, 0))

    larger = Part(
        "unpacked embedding", place(asked), None, unknown="how large mistral.rs unpacks the embedding is not known"
    )
    why = "the type of its KV cache is the engine's choice: -o dtype=f32 sets it"
    return _engine(
        asked, "mistral.rs", (*_weights(asked, 0), larger), cache, caches if isinstance(caches, str) else why
    )


def _engine(
    asked: Asked, name: str, held: tuple[Part, ...], cache: Cache, why: str, *, share: float = 1.0,
    reserved: int | None = None, limit: int | None = None,
) -> Engine:  # fmt: skip
    """`reserved`: what the cache takes whatever the context; `limit`: the most that it may take. `why` a cache is not known."""
    where = place(asked)

    def need(context: int, _: int | None) -> Need:
        size = cache(context) if reserved is None else reserved
        parts = (
            *held,
            Part("KV cache", where, size, unknown="" if size is not None else why),
            Part("working memory", where, None, unknown=NOT_ESTIMATED.format(name)),
        )
        return Need(parts, context, count(asked))

    most = limit if reserved is None else reserved
    return Engine(need, count(asked), trained(asked), share=share, reserved=most, cache=cache)


def _weights(asked: Asked, width: int) -> tuple[Part, ...]:
    size = weights(asked, width)
    return (
        Part(
            "weights", place(asked), size, unknown="" if size is not None else "the size of its weights is not stated"
        ),
    )


def _why(caches: tuple[Kept, ...] | str) -> str:
    return caches if isinstance(caches, str) else "the type of its cache is not stated"


def _whole(caches: tuple[Kept, ...] | str, asked: Asked, name: str) -> tuple[Kept, ...] | str:
    """Those of layers that keep K and V of every token; how others lie there is each engine's own."""
    if isinstance(caches, str):
        return caches
    if any(one.window for one in caches):
        return f"what {name} keeps of a layer with a window is not known"
    if asked.header.number(f"{architecture(asked)}.attention.kv_lora_rank"):
        return f"how {name} keeps a compressed cache is not known"
    return caches
