"""Bytes of a token: what a decode step of a text token reads, or unknown; never what an engine leaves alone."""

from math import prod

import pytest

from harness.catalog import gguf, model_folder, weights
from tests.support import model_headers
from tests.support.model_headers import LLAMA

BODY = {
    "model.embed_tokens.weight": ("BF16", (1000, 256)),
    "lm_head.weight": ("BF16", (1000, 256)),
    "model.norm.weight": ("BF16", (256,)),
    **{f"model.layers.{i}.self_attn.q_proj.weight": ("BF16", (256, 256)) for i in range(2)},
    **{f"model.layers.{i}.mlp.up_proj.weight": ("BF16", (512, 256)) for i in range(2)},
}
READ = 2 * (1000 * 256 + 256 + 2 * (256 * 256 + 512 * 256))  # all but the embedding
BIG = ("BF16", (4096, 4096))


def cost(tmp_path, extra, config=None, body=BODY):
    place = model_headers.folder(tmp_path / "m", {**body, **extra}, {**LLAMA, **(config or {})})
    return model_folder.header(place)


UNREAD = {
    "gemma3's tower": ("vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight", {}),
    "gemma3's projector": ("multi_modal_projector.mm_input_projection_weight", {}),
    "a tower inside of the model": ("model.vision_tower.blocks.0.attn.qkv.weight", {}),
    "llava's newline": ("model.image_newline", {}),
    "qwen2-vl's tower": ("visual.blocks.0.attn.qkv.weight", {}),
    "qwen2.5-vl's inside": ("model.visual.merger.mlp.0.weight", {}),
    "idefics' connector": ("model.connector.modality_projection.proj.weight", {}),
    "internvl's projector": ("mlp1.1.weight", {}),
    "an audio tower": ("audio_tower.layers.0.self_attn.q_proj.weight", {}),
    "a speech encoder": ("model.speech_encoder.layers.3.fc1.weight", {}),
    "gemma3n's audio embedder": ("model.embed_audio.embedding_projection.weight", {}),
    "a talker": ("talker.model.layers.0.mlp.up_proj.weight", {}),
    "deepseek's next-token layer": ("model.layers.2.mlp.up_proj.weight", {"num_nextn_predict_layers": 1}),
    "its embedding again": ("model.layers.2.embed_tokens.weight", {"num_nextn_predict_layers": 1}),
    "its head again": ("model.layers.2.shared_head.head.weight", {"num_nextn_predict_layers": 1}),
    "qwen3-next's": ("mtp.layers.0.mlp.up_proj.weight", {}),
    "mimo's": ("model.mtp_layers.0.mlp.up_proj.weight", {}),
    "an eagle head": ("eagle.layers.0.mlp.up_proj.weight", {}),
    "medusa heads": ("medusa_head.0.0.linear.weight", {}),
    "gemma3n's rows of each layer": ("model.embed_tokens_per_layer.weight", {}),
    "positions": ("model.embed_positions.weight", {}),
    "mllama's cross-attention": ("model.layers.1.cross_attn.q_proj.weight", {"cross_attention_layers": [1]}),
    "an adapter for images": ("model.layers.0.mlp.up_proj.lora_A.vision.weight", {}),
}


@pytest.mark.parametrize("what", UNREAD)
def test_what_no_text_token_reads_is_not_counted(tmp_path, what):
    name, config = UNREAD[what]
    found = cost(tmp_path, {name: BIG}, config)
    crossed = 2 * (256 * 256 + 512 * 256) if "cross_attention_layers" in config else 0
    assert weights.bytes_per_token(found) == READ - crossed
    assert weights.operations_per_token(found) == READ - crossed - 2 * 256  # two bytes and two operations a weight
    assert weights.parameters(found.tensors) == sum(prod(shape) for _, shape in [*BODY.values(), BIG])


def test_a_language_model_inside_of_another_is_counted_by_its_own_configuration(tmp_path):
    body = {f"language_model.{name}": tensor for name, tensor in BODY.items()}
    config = {"model_type": "llava", "text_config": LLAMA, "vision_config": {"num_hidden_layers": 27}}
    assert weights.bytes_per_token(cost(tmp_path, {"vision_tower.x.weight": BIG}, config, body)) == READ


def test_a_tied_embedding_is_read_whole_and_once(tmp_path):
    body = {name: tensor for name, tensor in BODY.items() if name != "lm_head.weight"}
    found = cost(tmp_path, {"model.layers.2.embed_tokens.weight": BIG}, None, body)
    assert weights.bytes_per_token(found) == READ
    assert weights.prefill_operations_per_token(found) == 2 * 2 * (256 * 256 + 512 * 256)


EXPERTS = {
    "one by one": {f"model.layers.0.mlp.experts.{i}.up_proj.weight": ("BF16", (64, 256)) for i in range(8)},
    "mixtral's": {f"model.layers.0.block_sparse_moe.experts.{i}.w1.weight": ("BF16", (64, 256)) for i in range(8)},
    "fused": {"model.layers.0.mlp.experts.gate_up_proj": ("BF16", (8, 64, 256))},
    "mlx's": {"model.layers.0.mlp.switch_mlp.up_proj.weight": ("BF16", (8, 64, 256))},
    "granite's": {"model.layers.0.block_sparse_moe.input_linear.weight": ("BF16", (8, 64, 256))},
}


@pytest.mark.parametrize("form", EXPERTS)
def test_of_experts_the_chosen_and_the_shared_are_read(tmp_path, form):
    shared = {"model.layers.0.mlp.shared_experts.up_proj.weight": ("BF16", (64, 256))}
    config = {"num_local_experts": 8, "num_experts_per_tok": 2}
    assert weights.bytes_per_token(cost(tmp_path, EXPERTS[form] | shared, config)) == READ + 3 * 2 * 64 * 256
    for wrong in ({"num_local_experts": 8}, {"num_local_experts": 2, "num_experts_per_tok": 8}, {}):
        assert weights.bytes_per_token(cost(tmp_path, EXPERTS[form], wrong)) is None


def test_experts_under_a_name_that_nobody_knows_make_the_count_unknown(tmp_path):
    config = {"num_local_experts": 8, "num_experts_per_tok": 2}
    stacked = {"model.layers.0.moe.up_proj.weight": ("BF16", (8, 64, 256))}
    assert weights.bytes_per_token(cost(tmp_path, stacked, config)) is None
    assert weights.bytes_per_token(cost(tmp_path, stacked | EXPERTS["fused"], config)) is None
    assert weights.bytes_per_token(cost(tmp_path, {}, config)) is None


@pytest.mark.parametrize("kind", ["frobnicate", "whisper", "t5", "clip", "llada"])
def test_of_an_architecture_that_is_not_known_nothing_is_claimed(tmp_path, kind):
    found = cost(tmp_path, {}, {"model_type": kind})
    assert weights.bytes_per_token(found) is None
    assert weights.operations_per_token(found) is weights.prefill_operations_per_token(found) is None


def test_a_matrix_that_nobody_knows_makes_the_count_unknown(tmp_path):
    assert weights.bytes_per_token(cost(tmp_path, {"model.something_new.weight": BIG})) is None


def test_weights_that_the_engine_narrowed_are_counted_as_it_holds_them(tmp_path):
    wide = {name: ("F32", shape) for name, (_, shape) in BODY.items()}
    found = cost(tmp_path, {}, None, wide)
    assert weights.bytes_per_token(found) == 2 * READ
    assert weights.bytes_per_token(found, float_bytes=2) == READ
    assert weights.bytes_per_token(cost(tmp_path, {}), float_bytes=4) == READ


GGUF = {
    "token_embd.weight": ("Q8_0", (256, 1000)),
    "output.weight": ("Q6_K", (256, 1000)),
    "output_norm.weight": ("F32", (256,)),
    "rope_freqs.weight": ("F32", (32,)),
    **{f"blk.{i}.ffn_up.weight": ("Q4_K", (256, 512)) for i in range(2)},
}
GGUF_READ = 1000 * 210 + 4 * 256 + 4 * 32 + 2 * 512 * 144
GGUF_UNREAD = {
    "a tower": ("v.blk.0.attn_q.weight", {}),
    "a projector": ("mm.0.weight", {}),
    "an audio tower": ("a.blk.0.attn_q.weight", {}),
    "rows of each layer": ("per_layer_token_embd.weight", {}),
    "positions": ("position_embd.weight", {}),
    "a next-token layer": ("blk.2.ffn_up.weight", {"llama.block_count": 3, "llama.nextn_predict_layers": 1}),
    "a next-token projection": ("blk.2.nextn.eh_proj.weight", {"llama.block_count": 3}),
}


@pytest.mark.parametrize("what", GGUF_UNREAD)
def test_a_gguf_is_counted_by_the_same_rule(tmp_path, what):
    name, metadata = GGUF_UNREAD[what]
    path = model_headers.gguf(
        tmp_path / "m.gguf", {**GGUF, name: ("F16", (4096, 4096))}, {"llama.block_count": 2, **metadata}
    )
    assert weights.bytes_per_token(gguf.read(path)) == GGUF_READ


def test_a_gguf_of_an_architecture_that_is_not_known_is_unknown(tmp_path):
    path = model_headers.gguf(tmp_path / "m.gguf", GGUF, {"general.architecture": "frobnicate"})
    assert weights.bytes_per_token(gguf.read(path)) is None


def test_the_cache_of_next_token_layers_is_not_read(tmp_path):
    plain = model_headers.gguf(tmp_path / "a.gguf", GGUF, {"llama.block_count": 2})
    more = model_headers.gguf(tmp_path / "b.gguf", GGUF, {"llama.block_count": 3, "llama.nextn_predict_layers": 1})
    assert weights.kv_bytes_read(gguf.read(plain), 10, "f16", "f16") == weights.kv_bytes_read(
        gguf.read(more), 10, "f16", "f16"
    )


@pytest.mark.parametrize(
    "config",
    [
        {"layer_types": ["linear_attention", "full_attention"]},
        {"mamba_d_state": 128},
        {"kv_lora_rank": 512},
        {"index_topk": 2048},
        {"layers_block_type": ["mamba", "attention"]},
    ],
)
def test_the_cache_of_states_and_of_sparse_attention_is_unknown(tmp_path, config):
    assert weights.kv_bytes_read(cost(tmp_path, {}, config), 10, "bf16", "bf16") is None


def test_one_head_of_keys_for_all_is_not_counted_as_many(tmp_path):
    old = {"num_key_value_heads": None, "multi_query": True}
    one = weights.kv_bytes_read(cost(tmp_path, {}, old), 10, "bf16", "bf16")
    assert one == weights.kv_bytes_read(cost(tmp_path, {}, {"num_key_value_heads": 1}), 10, "bf16", "bf16") > 0
