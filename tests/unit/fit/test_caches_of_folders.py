"""What each layer keeps where config.json gives layers of several kinds: exact, or unknown with a reason; never the least of them."""

import pytest

from harness.catalog import model_folder, weights
from harness.fit import folders
from harness.fit.engines import Asked, engine_of
from tests.support import model_headers
from tests.support.model_headers import LLAMA

SLIDES, WHOLE = "sliding_attention", "full_attention"
# gemma-4-26B-A4B-it's: five layers with a window to one without
GEMMA4 = {
    "model_type": "gemma4_text", "num_hidden_layers": 12, "hidden_size": 2816, "num_attention_heads": 16,
    "num_key_value_heads": 8, "num_global_key_value_heads": 2, "head_dim": 256, "global_head_dim": 512,
    "attention_k_eq_v": True, "num_kv_shared_layers": 0, "sliding_window": 1024, "max_position_embeddings": 262144,
    "layer_types": ([SLIDES] * 5 + [WHOLE]) * 2,
}  # fmt: skip
GEMMA3N = {
    "model_type": "gemma3n_text", "num_hidden_layers": 10, "hidden_size": 2048, "num_attention_heads": 8,
    "num_key_value_heads": 2, "head_dim": 256, "num_kv_shared_layers": 5, "sliding_window": 512,
    "layer_types": ([SLIDES] * 4 + [WHOLE]) * 2,
}  # fmt: skip
MLLAMA = LLAMA | {"model_type": "mllama_text_model", "num_hidden_layers": 8, "cross_attention_layers": [3, 7]}
KIMI = {
    "model_type": "kimi_linear", "num_hidden_layers": 4, "hidden_size": 2304, "num_attention_heads": 32,
    "num_key_value_heads": 32, "kv_lora_rank": 512, "qk_nope_head_dim": 128, "qk_rope_head_dim": 64, "v_head_dim": 128,
    "linear_attn_config": {"kda_layers": [1, 2, 3], "full_attn_layers": [4], "head_dim": 128, "num_heads": 32},
}  # fmt: skip


def read(tmp_path, config, tensors=None):
    tensors = tensors or {"model.embed_tokens.weight": ("BF16", (16, 16))}
    return model_folder.header(model_headers.folder(tmp_path / "m", tensors, config))


def kept(tmp_path, config, tensors=None):
    found = folders.caches(read(tmp_path, config, tensors))
    return found if isinstance(found, str) else [(one.k, one.v, one.window) for one in found]


def test_whole_layers_of_gemma4_have_heads_of_their_own(tmp_path):
    small, large = (8 * 256, 8 * 256, 1024), (2 * 512, 2 * 512, 0)
    assert kept(tmp_path, GEMMA4) == ([small] * 5 + [large]) * 2
    assert kept(tmp_path, GEMMA4 | {"attention_k_eq_v": False})[5] == (8 * 512, 8 * 512, 0)
    assert kept(tmp_path, GEMMA4 | {"num_global_key_value_heads": None})[5] == (8 * 512, 8 * 512, 0)
    assert kept(tmp_path, GEMMA4 | {"layer_types": [SLIDES] * 12})[11] == large  # its code makes the last one whole


def test_what_transformers_writes_of_each_layer_is_the_same(tmp_path):
    own = {"05": {"head_dim": 512, "num_key_value_heads": 2}, "11": {"head_dim": 512, "num_key_value_heads": 2}}
    saved = {n: v for n, v in GEMMA4.items() if "global" not in n} | {"per_layer_config": own}
    assert kept(tmp_path, saved) == kept(tmp_path, GEMMA4)
    assert "each of its layers" in kept(tmp_path, saved | {"per_layer_config": {"5": {"skip": ["attention"]}}})


@pytest.mark.parametrize(("config", "own"), [(GEMMA3N, 5), (GEMMA4 | {"num_kv_shared_layers": 6}, 6)])
def test_layers_that_share_an_earlier_cache_keep_nothing(tmp_path, config, own):
    found = kept(tmp_path, config)
    assert all(one[0] for one in found[:own])
    assert not any(one[0] for one in found[own:])


def test_layers_of_cross_attention_keep_nothing_of_a_text(tmp_path):
    found = kept(tmp_path, MLLAMA)
    assert [i for i, one in enumerate(found) if not one[0]] == [3, 7]
    assert {one for one in found if one[0]} == {(128, 128, 0)}


UNKNOWN = {
    "linear layers": (KIMI, "a state"),
    "linear layers without their list": ({n: v for n, v in KIMI.items() if n != "linear_attn_config"}, "a state"),
    "no length of whole layers": (GEMMA4 | {"global_head_dim": None}, "each of its layers"),
    "no kinds": (GEMMA4 | {"layer_types": None}, "each of its layers"),
    "no number of shared ones": ({n: v for n, v in GEMMA3N.items() if "shared" not in n}, "share a cache"),
    "shared by another": (LLAMA | {"num_kv_shared_layers": 1}, "share a cache"),
    "heads as a list": (LLAMA | {"num_key_value_heads": [1, 2]}, "not one number"),
    "other lengths with a window": (LLAMA | {"swa_head_dim": 32}, "swa_head_dim"),
    "other values": (LLAMA | {"v_head_dim": 32}, "another length"),
    "two kinds elsewhere": (LLAMA | {"global_head_dim": 128}, "another kind"),
    "blocks of their own": (LLAMA | {"block_configs": [{"attention": {"n_heads_in_group": 8}}]}, "block_configs"),
    "a window that is not stated": (LLAMA | {"layer_types": [SLIDES, WHOLE]}, "a window"),
    "odd kinds": (LLAMA | {"layer_types": [{"a": 1}, WHOLE]}, "a state"),
    "odd blocks": (LLAMA | {"block_types": [{}]}, "a state"),
    "odd lists": (LLAMA | {"attn_type_list": [[1]]}, "a state"),
    "odd entries": (GEMMA4 | {"per_layer_config": [1]}, "each of its layers"),
    "true for a kind": (LLAMA | {"attn_type_list": [True, True]}, "a state"),
}  # fmt: skip


@pytest.mark.parametrize("what", UNKNOWN)
def test_what_config_json_leaves_open_is_unknown_with_a_reason(tmp_path, what):
    config, words = UNKNOWN[what]
    assert words in kept(tmp_path, config)


def test_tensors_that_make_other_keys_than_the_configuration_says_make_it_unknown(tmp_path):
    right = {"model.layers.0.self_attn.k_proj.weight": ("BF16", (128, 256))}
    tower = {"vision_tower.layers.0.self_attn.k_proj.weight": ("BF16", (64, 256))}
    assert isinstance(kept(tmp_path, LLAMA, right | tower), list)
    # Of a family whose heads are longer than the width divided by them, and that leaves their length out.
    assert "says 128" in kept(tmp_path, LLAMA, {"model.layers.0.self_attn.k_proj.weight": ("BF16", (256, 256))})
    assert "length of its heads" in kept(tmp_path, LLAMA | {"head_dim": None, "num_attention_heads": 3})


def test_what_a_step_reads_of_several_kinds_is_bounded_from_below_and_of_unknown_ones_unknown(tmp_path):
    whole, narrow = GEMMA4, 10 * 8 + 2 * 2  # heads of keys; each at least 256 long
    assert weights.kv_bytes_read(read(tmp_path, whole), 100, "bf16", "bf16") == narrow * 256 * 2 * 2 * 100
    assert weights.kv_bytes_read(read(tmp_path, LLAMA | {"swa_head_dim": 32}), 10, "bf16", "bf16") is None


def test_rows_that_vllm_unpacks_are_not_counted_as_compressed_ones(tmp_path):
    config = {n: v for n, v in KIMI.items() if n != "linear_attn_config"} | {"model_type": "minicpm3"}
    header = read(tmp_path, config)
    sizes = {
        name: {part.kind: part for part in engine_of(Asked(name, header, {"dtype": "bfloat16"}, on_device=True)).need(100, None).parts}
        for name in ("pytorch", "vllm")
    }  # fmt: skip
    assert sizes["pytorch"]["KV cache"].size_bytes == 4 * (512 + 64) * 2 * 100
    assert sizes["vllm"]["KV cache"].size_bytes is None
    assert "minicpm3" in sizes["vllm"]["KV cache"].unknown
