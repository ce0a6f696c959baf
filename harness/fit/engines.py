"""One estimator for each runtime of ours: from a model's header and the settings to what it needs at a context. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from harness.fit import llama_cpp, others
from harness.fit.engine import Asked, Engine, number
from harness.fit.need import Need
from harness.fit.reading import shape_of

# GPUs' backends; those in the second set have memory of their own.
DEVICE_BACKENDS = frozenset(("cuda", "rocm", "vulkan", "metal"))
OWN_MEMORY = frozenset(("cuda", "rocm", "vulkan"))


def engine_of(asked: Asked) -> Engine | None:
    """The estimator; None for a runtime that is not ours, or that holds no model."""
    maker = _MAKERS.get(asked.runtime)
    return maker(asked) if maker is not None else None


def _llama_cpp(asked: Asked) -> Engine:
    shape = shape_of(asked.header)
    options = asked.options
    mode = str(options.get("load_mode") or "auto")
    layers = number(options, "gpu_layers", -1)
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
                sequences=number(options, "sequences", number(options, "slots", 1)),
                batch=number(options, "batch", 2048),
                ubatch=number(options, "ubatch", 512),
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


# A server that the worker starts holds what its engine holds in process.
_MAKERS: Mapping[str, Callable[[Asked], Engine]] = {
    "llama.cpp": _llama_cpp,
    "llama-server": _llama_cpp,
    "mistralrs": others.mistralrs,
    "mlx": others.mlx,
    "openvino": others.openvino,
    "pytorch": others.pytorch,
    "vllm": others.vllm,
    "vllm-server": others.vllm,
}
