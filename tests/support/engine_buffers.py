"""Run by llama.cpp's own Python: loads models as the adapter does and prints, a JSON line each, the buffers that the engine logs.

Standard input: JSON lines {"path", "ctx", "ubatch", "kind", "flash", "swa_full", "repack", "load_mode", "no_alloc", "sequences"}. Sizes in
bytes, by the engine's words for them; with `no_alloc` (the engine's own dry run) nothing is allocated and the caches are what
it says that they would be.
"""

import json
import re
import sys

from llama_cpp import llama_cpp as engine

KINDS = {"f32": 0, "f16": 1, "q8_0": 8, "q4_0": 2}
MIB = 1 << 20
LINES = []


@engine.llama_log_callback
def heard(_level, text, _data):
    LINES.append(text.decode(errors="replace"))


def buffers(
    path, ctx, ubatch=512, kind="f16", flash=-1, swa_full=False, repack=True, load_mode=-1, no_alloc=False, sequences=1
):
    LINES.clear()
    params = engine.llama_model_default_params()
    params.n_gpu_layers, params.use_extra_bufts, params.no_alloc = 0, repack, no_alloc
    params.load_mode = 0 if no_alloc else load_mode
    model = engine.llama_model_load_from_file(path.encode(), params)
    if not model:
        return {"error": "".join(LINES)[-400:]}
    wanted = engine.llama_context_default_params()
    wanted.n_seq_max = sequences
    wanted.n_ctx = ctx * sequences
    wanted.n_batch = min(2048, wanted.n_ctx)
    wanted.n_ubatch = min(ubatch, wanted.n_batch)
    wanted.type_k = wanted.type_v = KINDS[kind]
    wanted.flash_attn_type, wanted.swa_full = flash, swa_full
    context = engine.llama_init_from_model(model, wanted)
    found = read("".join(LINES), no_alloc)
    if context:
        engine.llama_free(context)
    engine.llama_model_free(model)
    return found


def read(text, no_alloc):
    """By `weights`, `rearranged weights`, `caches`, `compute buffer`, `output buffer`."""
    found = {}
    for name, kind, size in re.findall(r"(\S+) +(model|output|compute|RS|KV) buffer size = +([\d.]+) MiB", text):
        word = {
            "model": "rearranged weights" if "REPACK" in name else "weights",
            "output": "output buffer",
            "compute": "compute buffer",
        }
        key = word.get(kind, "caches")
        found[key] = found.get(key, 0) + round(float(size) * MIB)
    if no_alloc:  # buffers of 0 bytes; the sizes stand beside them
        sizes = re.findall(r"llama_(?:kv_cache|memory_recurrent): size = +([\d.]+) MiB", text)
        found["caches"] = round(sum(map(float, sizes)) * MIB)
        found.pop("weights", None)
        found.pop("rearranged weights", None)
    return found


if __name__ == "__main__":
    engine.llama_log_set(heard, None)
    engine.llama_backend_init()
    for line in sys.stdin:
        print(json.dumps(buffers(**json.loads(line))), flush=True)
