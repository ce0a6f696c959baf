"""What each layer of a folder's model keeps, where config.json says it of each: by GGUF's names. Pure.

Source: the configurations of transformers 5.19 and of vLLM. What is said in a way that is not known here is *unknown*, with
the reason: half a rule gives a number that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

UNKNOWN = "attention.unknown"  # why the caches can't be told
_KINDS = ("layer_types", "block_types", "_block_types", "layers_block_type", "attn_type_list")
_FULL, _SLIDING = ("full_attention", "attention", 1), ("sliding_attention", "chunked_attention")
_STATE = "has layers that keep a state, or read a part of the cache: their size is not known"
_SPARSE = ("index_topk", "sparse_config", "sparse_attention_config", "linear_attn_config")
# Their code gives most layers a state, also where the configuration does not name it.
_HYBRIDS = frozenset(
    "bamba falcon_h1 falcon_mamba jamba kimi_linear lfm2 lfm2_moe mamba mamba2 minimax nemotron_h qwen3_5_moe_text qwen3_5_text "
    "qwen3_next recurrent_gemma rwkv zamba zamba2".split()
)
_OF_EACH_LAYER = ("block_configs", "hybrid_layer_pattern", "attention_other_setting", "layer_group_size")
_SHARING = frozenset(("gemma3n_text", "gemma3n", "gemma4_text", "gemma4"))
_GEMMA4 = frozenset(("gemma4_text", "gemma4"))
_HARMLESS = frozenset(("head_dim", "num_key_value_heads", "intermediate_size"))  # of a layer's own entry
_HEADS = ("num_key_value_heads", "num_kv_heads", "multi_query_group_num")


def described(architecture: str, inner: Mapping[str, Any]) -> dict[str, Any]:
    """What the configuration says beyond one number for all layers; `UNKNOWN` where that is not enough."""
    found: dict[str, Any] = {}
    crossed = inner.get("cross_attention_layers")
    if isinstance(crossed, list) and all(type(index) is int for index in crossed):
        found["attention.cross_attention_layers"] = tuple(crossed)
    listed = inner.get("layer_types")
    if isinstance(listed, list) and listed and all(isinstance(kind, str) for kind in listed):
        # Gemma 4's code makes the last layer a whole one, whatever is listed.
        kinds = (*listed[:-1], "full_attention") if architecture in _GEMMA4 else tuple(listed)
        found["attention.layer_types"] = kinds
    reason = _refused(architecture, inner)
    shared = inner.get("num_kv_shared_layers")
    if type(shared) is int and shared >= 0 and architecture in _SHARING:
        found["attention.shared_kv_layers"] = shared
    elif shared or architecture in _SHARING:
        reason = reason or "does not say which of its layers share a cache in a way that is known"
    own = _own(architecture, inner, found.get("attention.layer_types", ())) if not reason else {}
    if isinstance(own, str):
        reason = own
    else:
        found |= own
    return found | ({UNKNOWN: reason} if reason else {})


def _refused(architecture: str, inner: Mapping[str, Any]) -> str:
    kinds = [kind for name in _KINDS if isinstance(inner.get(name), list) for kind in inner[name]]
    plain = all(type(kind) in (str, int) and kind in _FULL + _SLIDING for kind in kinds)
    if not plain or (architecture in _HYBRIDS and not kinds) or any(inner.get(name) for name in _SPARSE):
        return _STATE
    if any(inner.get(name) is not None and type(inner[name]) is not int for name in (*_HEADS, "head_dim")):
        return "has heads that are not one number for all layers"
    value = inner.get("v_head_dim")
    if value and not inner.get("kv_lora_rank") and value != inner.get("head_dim"):
        return "has values of another length than keys"
    odd = [name for name in inner if name.startswith("swa_") or (name in _OF_EACH_LAYER and inner[name])]
    if odd or inner.get("use_cla") or inner.get("use_bidirectional_attention") == "all":
        return f"has layers of several kinds ({odd[0]})" if odd else "has layers that share a cache, or look ahead"
    return ""


def _own(architecture: str, inner: Mapping[str, Any], kinds: tuple[str, ...]) -> dict[str, Any] | str:
    """Heads and lengths of each layer where layers differ; empty where they do not, a string where it can't be told."""
    count, heads, length = (inner.get(n) for n in ("num_hidden_layers", "num_key_value_heads", "head_dim"))
    own = inner.get("per_layer_config")
    globals_ = {
        "head_dim": inner.get("global_head_dim"),
        "num_key_value_heads": inner.get("num_global_key_value_heads"),
    }
    if own is None and architecture not in _GEMMA4:
        return "has another kind of whole layers" if any(globals_.values()) else {}
    unclear = "does not say of each of its layers what it keeps"
    if type(count) is not int or not 0 < count <= 4096:
        return unclear
    if own is None:
        if len(kinds) < count or type(globals_["head_dim"]) is not int:
            return unclear
        if inner.get("attention_k_eq_v") is not True or globals_["num_key_value_heads"] is None:
            globals_["num_key_value_heads"] = heads
        of_layer: list[Mapping[str, Any]] = [globals_ if kind == "full_attention" else {} for kind in kinds[:count]]
    else:
        entries = _entries(own, count)
        if entries is None:
            return unclear
        of_layer = entries
    lengths = tuple(one.get("head_dim", length) for one in of_layer)
    each = tuple(one.get("num_key_value_heads", heads) for one in of_layer)
    if not all(type(one) is int and one > 0 for one in (*lengths, *each)):
        return unclear
    return {"attention.key_length": lengths, "attention.value_length": lengths, "attention.head_count_kv": each}


def _entries(own: Any, count: int) -> list[Mapping[str, Any]] | None:
    """The entries of `per_layer_config`, by the layer's number; None where one says more than is known."""
    if not isinstance(own, dict) or not all(
        re.fullmatch(r"[0-9]{1,6}", name) and isinstance(one, dict) for name, one in own.items()
    ):
        return None
    numbered = {int(name): one for name, one in own.items()}
    if any(number >= count or not one.keys() <= _HARMLESS for number, one in numbered.items()):
        return None
    return [numbered.get(index, {}) for index in range(count)]
