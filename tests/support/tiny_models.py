"""Makes the same tiny random Llama as a GGUF and as a folder of safetensors: `python -m tests.tiny_models FOLDER`.

Seeded, some 2 MB, in float32, so that every engine must give the same greedy ids. Its tokenizer has one id a byte.
"""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np

HIDDEN, HEADS, KV_HEADS, WIDTH, INNER, LAYERS, CONTEXT = 128, 2, 1, 64, 256, 2, 4096
BOS, EOS = 256, 257
VOCABULARY = 272
EPSILON, THETA = 1e-5, 10000.0


def weights(seed: int = 7) -> dict[str, np.ndarray]:
    """Tensors by their Hugging Face names, float32."""
    draw = np.random.default_rng(seed)

    def matrix(rows: int, columns: int) -> np.ndarray:
        return (draw.standard_normal((rows, columns)) / np.sqrt(columns)).astype(np.float32)

    def norm() -> np.ndarray:
        return (1 + 0.1 * draw.standard_normal(HIDDEN)).astype(np.float32)

    found = {"model.embed_tokens.weight": 4 * matrix(VOCABULARY, HIDDEN), "model.norm.weight": norm()}
    found["lm_head.weight"] = 4 * matrix(VOCABULARY, HIDDEN)
    for layer in range(LAYERS):
        base = f"model.layers.{layer}"
        found |= {
            f"{base}.input_layernorm.weight": norm(),
            f"{base}.post_attention_layernorm.weight": norm(),
            f"{base}.self_attn.q_proj.weight": matrix(HEADS * WIDTH, HIDDEN),
            f"{base}.self_attn.k_proj.weight": matrix(KV_HEADS * WIDTH, HIDDEN),
            f"{base}.self_attn.v_proj.weight": matrix(KV_HEADS * WIDTH, HIDDEN),
            f"{base}.self_attn.o_proj.weight": matrix(HIDDEN, HEADS * WIDTH),
            f"{base}.mlp.gate_proj.weight": matrix(INNER, HIDDEN),
            f"{base}.mlp.up_proj.weight": matrix(INNER, HIDDEN),
            f"{base}.mlp.down_proj.weight": matrix(HIDDEN, INNER),
        }
    return found


def byte_characters() -> list[str]:
    """The printable stand-ins of the 256 bytes, as byte-level BPE writes them."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    shifted = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(shifted)) for byte in range(256)]


def tokens() -> list[str]:
    return [*byte_characters(), "<s>", "</s>", *(f"<unused{i}>" for i in range(VOCABULARY - 258))]


def safetensors(tensors: dict[str, np.ndarray]) -> bytes:
    """The file's bytes: length of the header, header, data."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in tensors.items():
        raw = tensor.tobytes()
        header[name] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def write_folder(folder: Path) -> Path:
    """Config, tokenizer and weights as `transformers` and vLLM read them."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "float32", "hidden_act": "silu",
        "hidden_size": HIDDEN, "intermediate_size": INNER, "num_hidden_layers": LAYERS, "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS, "head_dim": WIDTH, "vocab_size": VOCABULARY, "rms_norm_eps": EPSILON,
        "rope_theta": THETA, "max_position_embeddings": CONTEXT, "bos_token_id": BOS, "eos_token_id": EOS,
        "tie_word_embeddings": False, "attention_bias": False,
    }  # fmt: skip
    special = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for i, t in enumerate(tokens()) if i >= 256]  # fmt: skip
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special, "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "post_processor": {
            "type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                                                     {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [BOS], "tokens": ["<s>"]}},
        },
        "decoder": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                  "vocab": {token: i for i, token in enumerate(tokens())}, "merges": []},
    }  # fmt: skip
    named = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "eos_token": "</s>"}
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "tokenizer_config.json").write_text(json.dumps(named))
    (folder / "model.safetensors").write_bytes(safetensors(weights()))
    return folder


def write_gguf(path: Path, tensors_a_file: int = 0, *, readable: bool = False, joined: bool = False) -> Path:
    """The same model for llama.cpp (`readable`: one that writes plain ASCII alone, for servers that check their text), in shards where a number of tensors is given (the first one's path is returned); llama.cpp turns neighbouring
    pairs of a head, not its halves: q and k are permuted.
    """
    import gguf

    writer = gguf.GGUFWriter(path, "llama", split_max_tensors=tensors_a_file)
    writer.add_name("Tiny random Llama")
    writer.add_file_type(0)
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(HIDDEN)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_key_length(WIDTH)
    writer.add_value_length(WIDTH)
    writer.add_rope_dimension_count(WIDTH)
    writer.add_rope_freq_base(THETA)
    writer.add_layer_norm_rms_eps(EPSILON)
    writer.add_vocab_size(VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    last = (
        1 if joined else 3
    )  # an engine that wants every merge to give a token has "ab" in place of the last special one
    writer.add_token_list([*tokens()[:-1], "ab"] if joined else tokens())
    writer.add_token_types([1] * 256 + [3] * (VOCABULARY - 257) + [last])
    writer.add_token_merges(["a b"])  # llama.cpp wants one; where its result is no token, it never applies
    writer.add_bos_token_id(BOS)
    writer.add_eos_token_id(EOS)
    writer.add_add_bos_token(True)
    names = {"embed_tokens": "token_embd", "norm": "output_norm", "lm_head": "output"}
    parts = {
        "input_layernorm": "attn_norm", "post_attention_layernorm": "ffn_norm", "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v", "self_attn.o_proj": "attn_output",
        "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up", "mlp.down_proj": "ffn_down",
    }  # fmt: skip
    for name, tensor in weights().items():
        if readable and name == "lm_head.weight":
            tensor = np.where(
                (np.arange(VOCABULARY) - 32 < 95)[:, None] & (np.arange(VOCABULARY) >= 32)[:, None], tensor, 0
            )
            tensor = tensor.astype(np.float32)
        inner = name.removeprefix("model.").removesuffix(".weight")
        if inner.startswith("layers."):
            _, layer, part = inner.split(".", 2)
            ours = f"blk.{layer}.{parts[part]}.weight"
            heads = {"self_attn.q_proj": HEADS, "self_attn.k_proj": KV_HEADS}.get(part)
            if heads:
                halves = tensor.reshape(heads, 2, WIDTH // 2, HIDDEN)
                tensor = np.ascontiguousarray(halves.swapaxes(1, 2)).reshape(tensor.shape)
        else:
            ours = f"{names[inner]}.weight"
        writer.add_tensor(ours, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return min(path.parent.glob(f"{path.stem}-00001-of-*.gguf")) if tensors_a_file else path


if __name__ == "__main__":
    place = Path(sys.argv[1])
    print(write_folder(place / "tiny"), write_gguf(place / "tiny.gguf"))
