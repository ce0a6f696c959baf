"""The shapes of published models as GGUF headers with holes for weights: what they hold is known, and nothing is downloaded.

Numbers from each model's own config.json, tensors as llama.cpp's loader asks for them (src/models/*.cpp of the pinned release).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.support import model_headers

Tensors = dict[str, tuple[str, tuple[int, ...]]]
Made = tuple[Tensors, dict[str, object]]
F32, QUANT = "F32", "Q4_K"


def write(path: Path, made: Made) -> Path:
    tensors, metadata = made
    cleared = dict.fromkeys(model_headers.METADATA)
    return model_headers.gguf(path, tensors, {**cleared, **metadata})


def _meta(arch: str, layers: int, embd: int, vocab: int, context: int, **numbers: object) -> dict[str, object]:
    return {
        "general.architecture": arch, "general.name": f"made {arch}", "general.file_type": 15, "tokenizer.ggml.model": "none",
        f"{arch}.block_count": layers, f"{arch}.embedding_length": embd, f"{arch}.vocab_size": vocab,
        f"{arch}.context_length": context, f"{arch}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{arch}.attention.layer_norm_epsilon": 1e-5,
        **{f"{arch}.{name.replace('__', '.')}": value for name, value in numbers.items()},
    }  # fmt: skip


def _ends(embd: int, vocab: int, tied: bool, kind: str = QUANT, norm: str = "output_norm") -> Tensors:
    found: Tensors = {"token_embd.weight": (kind, (embd, vocab)), f"{norm}.weight": (F32, (embd,))}
    return found if tied else found | {"output.weight": ("Q6_K", (embd, vocab))}


def _attention(i: int, embd: int, heads: int, kv: int, key: int, kind: str = QUANT) -> Tensors:
    return {
        f"blk.{i}.attn_norm.weight": (F32, (embd,)),
        f"blk.{i}.attn_q.weight": (kind, (embd, heads * key)),
        f"blk.{i}.attn_k.weight": (kind, (embd, kv * key)),
        f"blk.{i}.attn_v.weight": (kind, (embd, kv * key)),
        f"blk.{i}.attn_output.weight": (kind, (heads * key, embd)),
    }


def _feed(i: int, embd: int, ff: int, kind: str = QUANT) -> Tensors:
    return {
        f"blk.{i}.ffn_norm.weight": (F32, (embd,)),
        f"blk.{i}.ffn_gate.weight": (kind, (embd, ff)),
        f"blk.{i}.ffn_up.weight": (kind, (embd, ff)),
        f"blk.{i}.ffn_down.weight": (kind, (ff, embd)),
    }


def _experts(i: int, embd: int, ff: int, count: int, kind: str = QUANT) -> Tensors:
    return {
        f"blk.{i}.ffn_norm.weight": (F32, (embd,)),
        f"blk.{i}.ffn_gate_inp.weight": (F32, (embd, count)),
        f"blk.{i}.ffn_gate_exps.weight": (kind, (embd, ff, count)),
        f"blk.{i}.ffn_up_exps.weight": (kind, (embd, ff, count)),
        f"blk.{i}.ffn_down_exps.weight": (kind, (ff, embd, count)),
    }


def llama_8b() -> Made:
    tensors = _ends(4096, 128256, tied=False)
    for i in range(32):
        tensors |= _attention(i, 4096, 32, 8, 128) | _feed(i, 4096, 14336)
    return tensors, _meta(
        "llama", 32, 4096, 128256, 131072, feed_forward_length=14336, attention__head_count=32, attention__head_count_kv=8,
        rope__dimension_count=128, rope__freq_base=500000.0,
    )  # fmt: skip


def mixtral_8x7b() -> Made:
    tensors = _ends(4096, 32000, tied=False)
    for i in range(32):
        tensors |= _attention(i, 4096, 32, 8, 128) | _experts(i, 4096, 14336, 8)
    return tensors, _meta(
        "llama", 32, 4096, 32000, 32768, feed_forward_length=14336, attention__head_count=32, attention__head_count_kv=8,
        rope__dimension_count=128, expert_count=8, expert_used_count=2,
    )  # fmt: skip


def qwen3_30b_a3b() -> Made:
    tensors = _ends(2048, 151936, tied=False)
    for i in range(48):
        tensors |= _attention(i, 2048, 32, 4, 128) | _experts(i, 2048, 768, 128)
        tensors |= {f"blk.{i}.attn_{n}_norm.weight": (F32, (128,)) for n in "qk"}
    return tensors, _meta(
        "qwen3moe", 48, 2048, 151936, 40960, feed_forward_length=6144, expert_feed_forward_length=768,
        attention__head_count=32, attention__head_count_kv=4, attention__key_length=128, attention__value_length=128,
        expert_count=128, expert_used_count=8,
    )  # fmt: skip


def qwen2_7b() -> Made:
    tensors = _ends(3584, 152064, tied=False)
    for i in range(28):
        tensors |= _attention(i, 3584, 28, 4, 128) | _feed(i, 3584, 18944)
        tensors |= {f"blk.{i}.attn_{n}.bias": (F32, (3584 if n == "q" else 512,)) for n in "qkv"}
    return tensors, _meta(
        "qwen2", 28, 3584, 152064, 32768, feed_forward_length=18944, attention__head_count=28, attention__head_count_kv=4,
    )  # fmt: skip


def gemma2_9b() -> Made:
    tensors = _ends(3584, 256000, tied=True, kind="Q6_K")
    for i in range(42):
        tensors |= _attention(i, 3584, 16, 8, 256) | _feed(i, 3584, 14336)
        tensors |= {f"blk.{i}.post_{n}_norm.weight": (F32, (3584,)) for n in ("attention", "ffw")}
    return tensors, _meta(
        "gemma2", 42, 3584, 256000, 8192, feed_forward_length=14336, attention__head_count=16, attention__head_count_kv=8,
        attention__key_length=256, attention__value_length=256, attention__sliding_window=4096,
    )  # fmt: skip


def gpt_oss_20b() -> Made:
    tensors = _ends(2880, 201088, tied=False, kind="Q8_0")
    tensors["output.weight"] = ("Q8_0", (2880, 201088))
    for i in range(24):
        tensors |= _attention(i, 2880, 64, 8, 64, "Q8_0") | _experts(i, 2880, 2880, 32, "MXFP4")
        del tensors[f"blk.{i}.ffn_norm.weight"]
        tensors |= {
            f"blk.{i}.post_attention_norm.weight": (F32, (2880,)), f"blk.{i}.attn_sinks.weight": (F32, (64,)),
            f"blk.{i}.attn_q.bias": (F32, (4096,)), f"blk.{i}.attn_k.bias": (F32, (512,)),
            f"blk.{i}.attn_v.bias": (F32, (512,)), f"blk.{i}.attn_output.bias": (F32, (2880,)),
            f"blk.{i}.ffn_gate_inp.bias": (F32, (32,)),
            **{f"blk.{i}.ffn_{n}_exps.bias": (F32, (2880, 32)) for n in ("gate", "up", "down")},
        }  # fmt: skip
    return tensors, _meta(
        "gpt-oss", 24, 2880, 201088, 131072, feed_forward_length=2880, expert_feed_forward_length=2880,
        attention__head_count=64, attention__head_count_kv=8, attention__key_length=64, attention__value_length=64,
        attention__sliding_window=128, expert_count=32, expert_used_count=4,
    )  # fmt: skip


def phi3_mini() -> Made:
    tensors = _ends(3072, 32064, tied=False)
    for i in range(32):
        tensors |= {
            f"blk.{i}.attn_norm.weight": (F32, (3072,)), f"blk.{i}.attn_qkv.weight": (QUANT, (3072, 9216)),
            f"blk.{i}.attn_output.weight": (QUANT, (3072, 3072)), f"blk.{i}.ffn_norm.weight": (F32, (3072,)),
            f"blk.{i}.ffn_up.weight": (QUANT, (3072, 16384)), f"blk.{i}.ffn_down.weight": (QUANT, (8192, 3072)),
        }  # fmt: skip
    return tensors, _meta(
        "phi3", 32, 3072, 32064, 4096, feed_forward_length=8192, attention__head_count=32, attention__head_count_kv=32,
        rope__dimension_count=96, rope__scaling__original_context_length=4096, attention__sliding_window=2047,
    )  # fmt: skip


def command_r7b() -> Made:
    tensors = _ends(4096, 256000, tied=True, kind="Q6_K")
    for i in range(32):
        tensors |= _attention(i, 4096, 32, 8, 128) | _feed(i, 4096, 14336)
        del tensors[f"blk.{i}.ffn_norm.weight"]
    return tensors, _meta(
        "cohere2", 32, 4096, 256000, 8192, feed_forward_length=14336, attention__head_count=32, attention__head_count_kv=8,
        attention__key_length=128, attention__value_length=128, attention__sliding_window=4096, logit_scale=0.25,
        rope__dimension_count=128,
    )  # fmt: skip


def deepseek_v2_lite() -> Made:
    tensors = _ends(2048, 102400, tied=False)
    for i in range(27):
        tensors |= {
            f"blk.{i}.attn_norm.weight": (F32, (2048,)), f"blk.{i}.attn_kv_a_norm.weight": (F32, (512,)),
            f"blk.{i}.attn_q.weight": (QUANT, (2048, 16 * 192)), f"blk.{i}.attn_kv_a_mqa.weight": ("Q8_0", (2048, 576)),
            f"blk.{i}.attn_k_b.weight": ("Q8_0", (128, 512, 16)), f"blk.{i}.attn_v_b.weight": ("Q8_0", (512, 128, 16)),
            f"blk.{i}.attn_output.weight": (QUANT, (2048, 2048)),
        }  # fmt: skip
        if i:
            tensors |= _experts(i, 2048, 1408, 64, "Q5_0")
            tensors |= {
                f"blk.{i}.ffn_gate_shexp.weight": (QUANT, (2048, 2816)),
                f"blk.{i}.ffn_up_shexp.weight": (QUANT, (2048, 2816)),
                f"blk.{i}.ffn_down_shexp.weight": (QUANT, (2816, 2048)),
            }
        else:
            tensors |= _feed(i, 2048, 10944, "Q5_0")
    return tensors, _meta(
        "deepseek2", 27, 2048, 102400, 163840, feed_forward_length=10944, expert_feed_forward_length=1408,
        attention__head_count=16, attention__head_count_kv=1, attention__key_length=576, attention__value_length=512,
        attention__key_length_mla=192, attention__value_length_mla=128, attention__kv_lora_rank=512,
        rope__dimension_count=64, leading_dense_block_count=1, expert_count=64, expert_used_count=6, expert_shared_count=2,
        expert_weights_scale=1.0,
    )  # fmt: skip


def mamba_2_8b() -> Made:
    tensors = _ends(2560, 50280, tied=True)
    for i in range(64):
        tensors |= {
            f"blk.{i}.attn_norm.weight": (F32, (2560,)), f"blk.{i}.ssm_in.weight": (QUANT, (2560, 10240)),
            f"blk.{i}.ssm_conv1d.weight": (F32, (4, 5120)), f"blk.{i}.ssm_conv1d.bias": (F32, (5120,)),
            f"blk.{i}.ssm_x.weight": (QUANT, (5120, 192)), f"blk.{i}.ssm_dt.weight": (F32, (160, 5120)),
            f"blk.{i}.ssm_dt.bias": (F32, (5120,)), f"blk.{i}.ssm_a": (F32, (16, 5120)), f"blk.{i}.ssm_d": (F32, (5120,)),
            f"blk.{i}.ssm_out.weight": (QUANT, (5120, 2560)),
        }  # fmt: skip
    return tensors, _meta(
        "mamba", 64, 2560, 50280, 1 << 20, feed_forward_length=0, attention__head_count=0, ssm__conv_kernel=4,
        ssm__inner_size=5120, ssm__state_size=16, ssm__time_step_rank=160,
    )  # fmt: skip


def falcon_h1_1_5b() -> Made:
    tensors = _ends(2048, 65537, tied=False)
    for i in range(24):
        tensors |= _attention(i, 2048, 8, 2, 128) | _feed(i, 2048, 4096)
        tensors[f"blk.{i}.ffn_norm"] = tensors.pop(f"blk.{i}.ffn_norm.weight")
        tensors |= {
            f"blk.{i}.ssm_in.weight": (QUANT, (2048, 2 * 3072 + 2 * 256 + 48)),
            f"blk.{i}.ssm_conv1d.weight": (F32, (4, 3072 + 2 * 256)), f"blk.{i}.ssm_conv1d.bias": (F32, (3072 + 2 * 256,)), f"blk.{i}.ssm_dt.bias": (F32, (48,)),
            f"blk.{i}.ssm_a": (F32, (1, 48)), f"blk.{i}.ssm_d": (F32, (1, 48)),
            f"blk.{i}.ssm_out.weight": (QUANT, (3072, 2048)),
        }  # fmt: skip
    return tensors, _meta(
        "falcon-h1", 24, 2048, 65537, 131072, feed_forward_length=4096, attention__head_count=8, attention__head_count_kv=2,
        attention__key_length=128, attention__value_length=128, ssm__conv_kernel=4, ssm__inner_size=3072, ssm__state_size=256,
        ssm__time_step_rank=48, ssm__group_count=1, rope__dimension_count=128,
    )  # fmt: skip


def granite_4_h_tiny() -> Made:
    attention = {5, 15, 25, 35}
    tensors = _ends(1536, 100352, tied=True, kind="Q6_K")
    for i in range(40):
        if i in attention:
            tensors |= _attention(i, 1536, 12, 4, 128)
        else:
            tensors |= {
                f"blk.{i}.attn_norm.weight": (F32, (1536,)), f"blk.{i}.ssm_in.weight": (QUANT, (1536, 2 * 3072 + 256 + 48)),
                f"blk.{i}.ssm_conv1d.weight": (F32, (4, 3072 + 256)), f"blk.{i}.ssm_conv1d.bias": (F32, (3072 + 256,)),
                f"blk.{i}.ssm_dt.bias": (F32, (48,)), f"blk.{i}.ssm_a": (F32, (1, 48)), f"blk.{i}.ssm_d": (F32, (1, 48)),
                f"blk.{i}.ssm_norm.weight": (F32, (3072, 1)), f"blk.{i}.ssm_out.weight": (QUANT, (3072, 1536)),
            }  # fmt: skip
        tensors |= _experts(i, 1536, 512, 64)
        tensors |= {
            f"blk.{i}.ffn_gate_shexp.weight": (QUANT, (1536, 1024)), f"blk.{i}.ffn_up_shexp.weight": (QUANT, (1536, 1024)),
            f"blk.{i}.ffn_down_shexp.weight": (QUANT, (1024, 1536)),
        }  # fmt: skip
    return tensors, _meta(
        "granitehybrid", 40, 1536, 100352, 131072, feed_forward_length=512, attention__head_count=12,
        attention__head_count_kv=[4 if i in attention else 0 for i in range(40)], ssm__conv_kernel=4, ssm__inner_size=3072,
        ssm__state_size=128, ssm__time_step_rank=48, ssm__group_count=1, expert_count=64, expert_used_count=6,
        expert_shared_feed_forward_length=1024, rope__dimension_count=128, logit_scale=6.0, attention__scale=0.0078125,
        embedding_scale=12.0, residual_scale=0.22,
    )  # fmt: skip


def lfm2_1_2b() -> Made:
    attention = {2, 5, 8, 10, 12, 14}
    tensors = _ends(2048, 65536, tied=True, norm="token_embd_norm")
    for i in range(16):
        if i in attention:
            tensors |= _attention(i, 2048, 32, 8, 64)
            tensors |= {f"blk.{i}.attn_{n}_norm.weight": (F32, (64,)) for n in "qk"}
        else:
            tensors |= {
                f"blk.{i}.attn_norm.weight": (F32, (2048,)), f"blk.{i}.shortconv.conv.weight": (F32, (3, 2048)),
                f"blk.{i}.shortconv.in_proj.weight": (QUANT, (2048, 6144)),
                f"blk.{i}.shortconv.out_proj.weight": (QUANT, (2048, 2048)),
            }  # fmt: skip
        tensors |= _feed(i, 2048, 8192)
    return tensors, _meta(
        "lfm2", 16, 2048, 65536, 128000, feed_forward_length=8192, attention__head_count=32,
        attention__head_count_kv=[8 if i in attention else 0 for i in range(16)], shortconv__l_cache=3,
    )  # fmt: skip


def jamba_mini() -> Made:
    """AI21-Jamba2-3B: 28 layers, attention in 7 and 21, dense."""
    attention = {7, 21}
    tensors = _ends(2560, 65536, tied=True)
    for i in range(28):
        if i in attention:
            tensors |= _attention(i, 2560, 20, 1, 128)
        else:
            tensors |= {
                f"blk.{i}.attn_norm.weight": (F32, (2560,)), f"blk.{i}.ssm_in.weight": (QUANT, (2560, 10240)),
                f"blk.{i}.ssm_conv1d.weight": (F32, (4, 5120)), f"blk.{i}.ssm_conv1d.bias": (F32, (5120,)),
                f"blk.{i}.ssm_x.weight": (QUANT, (5120, 160 + 32)), f"blk.{i}.ssm_dt_norm.weight": (F32, (160,)),
                f"blk.{i}.ssm_dt.weight": (F32, (160, 5120)), f"blk.{i}.ssm_dt.bias": (F32, (5120,)),
                f"blk.{i}.ssm_b_norm.weight": (F32, (16,)), f"blk.{i}.ssm_c_norm.weight": (F32, (16,)),
                f"blk.{i}.ssm_a": (F32, (16, 5120)), f"blk.{i}.ssm_d": (F32, (5120,)),
                f"blk.{i}.ssm_out.weight": (QUANT, (5120, 2560)),
            }  # fmt: skip
        tensors |= _feed(i, 2560, 8192)
    return tensors, _meta(
        "jamba", 28, 2560, 65536, 262144, feed_forward_length=8192, attention__head_count=20,
        attention__head_count_kv=[1 if i in attention else 0 for i in range(28)], ssm__conv_kernel=4, ssm__inner_size=5120,
        ssm__state_size=16, ssm__time_step_rank=160,
    )  # fmt: skip


SHAPES: dict[str, Callable[[], Made]] = {
    "llama-3.1-8b": llama_8b, "mixtral-8x7b": mixtral_8x7b, "qwen3-30b-a3b": qwen3_30b_a3b, "qwen2-7b": qwen2_7b,
    "gemma-2-9b": gemma2_9b, "gpt-oss-20b": gpt_oss_20b, "phi-3-mini": phi3_mini, "command-r7b": command_r7b,
    "deepseek-v2-lite": deepseek_v2_lite, "mamba-2.8b": mamba_2_8b, "falcon-h1-1.5b": falcon_h1_1_5b,
    "granite-4-h-tiny": granite_4_h_tiny, "lfm2-1.2b": lfm2_1_2b, "jamba2-3b": jamba_mini,
}  # fmt: skip
