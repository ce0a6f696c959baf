"""What the adapter uses of llama-cpp-python's C interface: a field that a release lacks would be set in vain, and be recorded."""

from __future__ import annotations

from typing import Any

from harness.errors import BadInput

# Before 0.3.35 there are three switches in place of one mode.
LOAD_MODES = {"auto": -1, "none": 0, "mmap": 1, "mlock": 2, "mmap+mlock": 3, "direct-io": 4}
_SWITCHES = {
    "none": (False, False, False),
    "mmap": (True, False, False),
    "mlock": (False, True, False),
    "mmap+mlock": (True, True, False),
    "direct-io": (False, False, True),
}
_NAMES = ("use_mmap", "use_mlock", "use_direct_io")
_FUNCTIONS = (
    "backend_init batch_free batch_init context_default_params decode free get_logits_ith get_memory init_from_model "
    "log_callback log_set max_devices memory_clear memory_seq_pos_max memory_seq_rm "
    "model_default_params model_desc model_free model_get_vocab "
    "model_load_from_file model_n_ctx_train model_n_layer model_n_params model_size n_batch n_ctx n_threads "
    "n_threads_batch n_ubatch perf_context perf_context_reset print_system_info state_seq_get_data state_seq_get_size "
    "state_seq_set_data supports_gpu_offload supports_mlock supports_mmap synchronize token tokenize vocab_bos "
    "vocab_get_add_bos vocab_n_tokens"
).split()
_FIELDS = {
    "llama_model_params": ("devices", "main_gpu", "n_gpu_layers", "split_mode", "tensor_split", "use_extra_bufts"),
    "llama_context_params": (
        "n_ctx", "n_batch", "n_ubatch", "n_threads", "n_threads_batch", "flash_attn_type", "type_k", "type_v", "offload_kqv",
        "swa_full", "no_perf", "n_seq_max",
    ),
    "llama_batch": ("n_tokens", "token", "pos", "n_seq_id", "seq_id", "logits"),
    "llama_perf_context_data": ("t_p_eval_ms", "t_eval_ms", "n_p_eval", "n_eval"),
}  # fmt: skip


def missing_of(engine: Any) -> str:
    """What the module of the C interface lacks of all that the adapter uses; "" where nothing."""
    missing = [f"llama_{name}" for name in _FUNCTIONS if not hasattr(engine, f"llama_{name}")]
    for structure, fields in _FIELDS.items():
        held = fields_of(getattr(engine, structure, None))
        missing += [f"{structure}.{name}" for name in fields if name not in held]
    held = fields_of(getattr(engine, "llama_model_params", None))
    if "load_mode" not in held and not {*_NAMES} <= held:
        missing.append("llama_model_params.load_mode")
    return f"it has no {', '.join(missing[:3])}" if missing else ""


def fields_of(structure: Any) -> set[str]:
    """The names of a ctypes structure's fields, those that it inherits included."""
    return {field[0] for part in getattr(structure, "__mro__", ()) for field in part.__dict__.get("_fields_", ())}


def set_load_mode(params: Any, mode: str) -> None:
    """How the file is brought in. `auto` is the release's own default. Raises `BadInput` for a mode that this release lacks."""
    held = fields_of(type(params))
    if "load_mode" in held:
        params.load_mode = LOAD_MODES[mode]
        return
    if mode == "auto":
        return
    for name, value in zip(_NAMES, _SWITCHES[mode], strict=True):
        if name in held:
            setattr(params, name, value)
        elif value:
            raise BadInput(
                "this release of llama.cpp does not have it", where=f"-o load_mode={mode}", fix="take another mode"
            )
