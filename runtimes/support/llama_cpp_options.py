"""The options of llama.cpp. Batch sizes, KV type and threads default to what llama-bench uses."""

from __future__ import annotations

from collections.abc import Mapping

from runtimes.interface import Option
from runtimes.support.device_choice import SPLIT_MODES
from runtimes.support.llama_cpp_api import LOAD_MODES
from runtimes.support.llama_cpp_draft import MAX_DRAFT, METHODS
from runtimes.support.llama_cpp_sequences import MAX_SEQUENCES

KV_TYPES = {"f32": 0, "f16": 1, "bf16": 30, "q8_0": 8, "q5_1": 7, "q5_0": 6, "q4_1": 3, "q4_0": 2, "iq4_nl": 20}
FLASH_ATTENTION = {"auto": -1, "off": 0, "on": 1}
MAX_THREADS = 512  # GGML_MAX_N_THREADS: with more the engine aborts
MAX_BATCH, MAX_CONTEXT, MAX_LAYERS = 1 << 20, 1 << 25, 9999  # far above any use; more would overflow or take all memory

OPTIONS: Mapping[str, Option] = {
    "threads": Option(
        "threads of a decode step; default: the cores that this process may use",
        int,
        minimum=1,
        maximum=MAX_THREADS,
    ),
    "threads_batch": Option("threads of the prefill; default: as threads", int, minimum=1, maximum=MAX_THREADS),
    "batch": Option("most tokens handed over in one llama_decode", int, 2048, minimum=1, maximum=MAX_BATCH),
    "ubatch": Option("most tokens computed at once", int, 512, minimum=1, maximum=MAX_BATCH),
    "context": Option(
        "slots of the KV cache of one request; default: what the suite needs, rounded up to 256",
        int,
        minimum=8,
        maximum=MAX_CONTEXT,
    ),
    "sequences": Option(
        "requests that the KV cache has room for at once; default: what the suite needs",
        int,
        minimum=1,
        maximum=MAX_SEQUENCES,
    ),
    "prefix_cache": Option("keep a conversation in the KV cache; default: on where the suite is one", bool),
    "draft": Option(
        "speculative decoding: lookup drafts what followed the same tokens before", str, "none", tuple(METHODS)
    ),
    "draft_max": Option("most tokens of a draft", int, 8, minimum=1, maximum=MAX_DRAFT),
    "gpu_layers": Option(
        "layers on the GPU; -1: all; default: all where the build has a GPU", int, minimum=-1, maximum=MAX_LAYERS
    ),
    "flash_attn": Option("flash attention", str, "auto", tuple(FLASH_ATTENTION)),
    "type_k": Option("type of the K cache", str, "f16", tuple(KV_TYPES)),
    "type_v": Option("type of the V cache", str, "f16", tuple(KV_TYPES)),
    "swa_full": Option(
        "full-size cache for sliding-window layers; off as in llama-bench and llama-server", bool, False
    ),
    "load_mode": Option("how the file is brought in", str, "auto", tuple(LOAD_MODES)),
    "repack": Option("let the CPU backend repack weights for its instruction set", bool, True),
    "offload_kqv": Option("keep the KV cache and its operations on the GPU", bool, True),
    "devices": Option("devices to use: ggml's names, numbers, PCI ids or NVIDIA's UUIDs, with commas; or none", str),
    "split_mode": Option("how layers lie on several devices; default: layer", str, choices=tuple(SPLIT_MODES)),
    "main_gpu": Option("of the devices taken, the one for split_mode none and row", int, minimum=0, maximum=63),
    "tensor_split": Option("share of each device that is taken, such as 3,1", str),
}
