"""Words by which the engines' logs show why they failed. The first sign found counts: what shows most stands first.

llama.cpp's are from its sources (src/llama-model*.cpp, src/llama-model-loader.cpp, ggml/src/ggml-backend.cpp, ggml-cuda.cu,
ggml-vulkan.cpp, ggml-metal, gguf.cpp) as of the pinned build; the others' from their errors and sources.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runtimes.interface import FailureSign

_MEMORY = (
    r"\bout of memory\b(?!\?)",  # CUDA, ROCm, torch, Metal
    r"cudaMalloc failed|\bstd::bad_alloc\b|Cannot allocate memory",
    r"ErrorOutOfDeviceMemory|ErrorOutOfHostMemory|OutOfMemoryError",
)
_LIBRARY = (
    r"CUDA driver version is insufficient for CUDA runtime version",
    r"no kernel image is available for execution on the device",
    r"provided PTX was compiled with an unsupported toolchain",
    r"cannot open shared object file",
    r"ErrorIncompatibleDriver",
)


def _signs(reason: str, *patterns: str) -> tuple[FailureSign, ...]:
    return tuple(FailureSign(reason, pattern) for pattern in patterns)


LLAMA_CPP = (
    *_signs("unsupported_architecture", r"unknown model architecture: "),
    *_signs(
        "unsupported_quantisation",
        r"has invalid ggml type \d+",
        r"tensor '.*' (?:of|has) (?:an )?(?:unknown|unsupported) type",
    ),
    *_signs(
        "out_of_memory",
        *_MEMORY,
        r"insufficient memory \(attempted to allocate",
        r"failed to allocate (?:\S+ )?buffer of size",
        r"unable to allocate (?:\S+ )?buffer",
        r"failed to allocate (?:buffer for (?:kv|rs) cache|compute (?:pp |tg )?buffers)",
    ),
    *_signs("driver_or_library", *_LIBRARY),
)
PYTORCH = (
    *_signs(
        "unsupported_architecture",
        r"does not recognize this architecture",
        r"Unrecognized configuration class",
    ),
    *_signs("unsupported_quantisation", r"Unknown quantization type", r"Unknown quantization method"),
    *_signs("out_of_memory", *_MEMORY),
    *_signs("driver_or_library", *_LIBRARY),
)
VLLM = (
    *_signs(
        "unsupported_architecture",
        r"Model architectures? .* (?:are|is) not supported",
        r"does not recognize this architecture",
        r"has no vLLM implementation",
    ),
    *_signs(
        "unsupported_quantisation", r"Unknown quantization method", r"quantization .* is (?:currently )?not supported"
    ),
    *_signs(
        "out_of_memory",
        *_MEMORY,
        r"No available memory for the cache blocks",
        r"larger than the (?:maximum number of tokens that can be stored|available KV cache memory)",
    ),
    *_signs("driver_or_library", *_LIBRARY),
)
# mlx/backend/*/allocator.cpp and device.cpp of mlx; mlx_lm/utils.py.
MLX = (
    *_signs("unsupported_architecture", r"Model type \S+ not supported"),
    *_signs("unsupported_quantisation", r"Only bits=\d+ is supported", r"Unknown quantization (?:mode|method)"),
    *_signs(
        "out_of_memory",
        *_MEMORY,
        r"\[(?:metal::)?malloc(?:_or_wait)?\] (?:Unable to allocate|Attempting to allocate)",
        r"Insufficient Memory \(",
    ),
    *_signs("driver_or_library", *_LIBRARY, r"Unable to load (?:kernel|function|the default metallib)"),
)
# src/cpp/src/gguf_utils of openvino.genai; src/plugins/intel_gpu/src/runtime of openvino.
OPENVINO = (
    *_signs("unsupported_architecture", r"Unsupported model architecture", r"Weight not found: |Missing tensor: "),
    *_signs("unsupported_quantisation", r"gguf_tensor_to_f16 failed", r"Unsupported (?:quantization|weight) type"),
    *_signs(
        "out_of_memory",
        *_MEMORY,
        r"Exceeded max size of memory object allocation",
        r"exceed_allocatable_mem_size",
        r"CL_MEM_OBJECT_ALLOCATION_FAILURE|CL_OUT_OF_(?:HOST_MEMORY|RESOURCES)",
    ),
    *_signs("driver_or_library", *_LIBRARY),
)
MISTRALRS = (
    *_signs(
        "unsupported_architecture", r"Unknown (?:\S+ )?GGUF architecture", r"unsupported (?:\S+ ){0,3}architecture"
    ),
    *_signs("unsupported_quantisation", r"unknown dtype for tensor", r"unsupported GGML? (?:d?type|quantization)"),
    *_signs("out_of_memory", *_MEMORY, r"memory allocation of \d+ bytes failed"),
    *_signs("driver_or_library", *_LIBRARY),
)
MISTRALRS_DAMAGED = (
    r"invalid GGUF magic",
    r"outside file length",
    r"failed to fill whole buffer",
    r"was not found in local model directory",
)
# The file is not what a file of its kind is: that is no result of the engine's.
LLAMA_CPP_DAMAGED = (
    r"tensor '.*' data is not within the file bounds",
    r"invalid magic (?:characters|number)",
    r"failed to read (?:magic|header|key-value pairs|tensor info|tensor data)",
    r"corrupted or incomplete",
    r"tensor '.*' has offset \d+, expected \d+",
    r"failed to open GGUF file",
)
# Settings that can't go together, or not with this model: what was asked for is at fault.
LLAMA_CPP_SETTINGS = (
    r"requires flash[_ ]att",
    r"flash_attn is not compatible",
    r"does not divide n_embd",
    r"cannot both be zero",
)


def shows(signs: Sequence[FailureSign], text: str) -> bool:
    """Whether one of the signs is in the text."""
    return any(re.search(sign.pattern, text, re.IGNORECASE) for sign in signs)
