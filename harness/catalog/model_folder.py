"""A folder of safetensors, or of OpenVINO's format, as the same header that a GGUF gives: bytes and operations are counted in
one place.

Names of the configuration are brought to GGUF's; nothing here opens more than headers and JSON.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.catalog import (
    folder_layers,
    gguf,
    huggingface_cache,
    openvino_ir,
    packing,
    plain_file,
    quantised,
    roles,
    safetensors,
    shards,
    tasks,
)
from harness.catalog.formats import Format
from harness.catalog.roles import Role
from harness.catalog.scheme import Scheme
from harness.errors import BadInput
from harness.model_json import PREPARED, read_json

_QUANTISED_BY = ("hf_quant_config.json", "quantize_config.json", "quant_config.json")
# What decides the model's output beside the weights; a README may change freely.
_COUNTED = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model"),
    *_QUANTISED_BY,
    safetensors.INDEX,
)
_NUMBERS = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "context_length": "max_position_embeddings",
    "attention.head_count": "num_attention_heads",
    "attention.key_length": "head_dim",
    "attention.value_length": "head_dim",
    "attention.kv_lora_rank": "kv_lora_rank",
    "attention.qk_nope_length": "qk_nope_head_dim",
    "attention.qk_rope_length": "qk_rope_head_dim",
    "attention.v_length": "v_head_dim",
}
# The first that is there counts; families name the same thing differently.
_SEVERAL = {
    "expert_count": ("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts"),
    "expert_used_count": (
        *(
            "num_experts_per_tok",
            "experts_per_token",
            "num_experts_per_token",
            "top_k_experts",
            "moe_topk",
            "moe_top_k",
            "moe_k",
        ),
    ),
    "attention.head_count_kv": ("num_key_value_heads", "num_kv_heads", "multi_query_group_num"),
    "attention.sliding_window": ("sliding_window", "attention_chunk_size"),
    "ssm.state_size": (
        "state_size",
        "mamba_d_state",
        "ssm_state_size",
        "linear_key_head_dim",
        "conv_L_cache",
        "rwkv_hidden_size",
    ),
}
_TEXT_PARTS = ("text_config", "llm_config", "language_config")


def header(path: Path, *, to_run: bool = True) -> gguf.Header:
    """The header of a model, file or folder. Raises `BadInput`.

    Not `to_run`, a folder may name code, which nobody then runs, and the model may be made for another task.
    """
    if path.is_dir():
        return _folder_header(path, to_run)
    found = shards.header(path)
    if to_run:
        tasks.refuse_gguf(found, str(path))
    return found


def _folder_header(folder: Path, to_run: bool) -> gguf.Header:
    openvino = is_openvino(folder)
    # First of all.
    parts = openvino_ir.check_folder(folder) if openvino else safetensors.check_folder(folder, to_run=to_run)
    if to_run:
        tasks.refuse_folder(read_json(folder / "config.json"), str(folder))
    if openvino:
        if to_run and not (folder / safetensors.TOKENIZER).exists():
            fix = "add the tokenizer.json of the model that it was made from"
            raise BadInput("has no tokenizer.json", where=str(folder), fix=fix)
        return described_by_graph(folder, plain_file.need_file(folder / openvino_ir.WEIGHTS))
    return described(folder, [safetensors.read(path) for path in parts])


def is_openvino(folder: Path) -> bool:
    """Whether a folder holds a model in OpenVINO's format. Raises `BadInput` for one in several graphs."""
    names = [path.name for path in folder.iterdir()]
    openvino_ir.refuse_parts(names, str(folder))
    return openvino_ir.is_one(names)


def described(folder: Path, heads: Sequence[safetensors.Header]) -> gguf.Header:
    """The header of a model from the configuration in a folder and the headers of its weights, which may be elsewhere.

    Raises `BadInput`.
    """
    config, inner, metadata = _configured(folder)
    scheme = _scheme(folder, inner)
    found = [gguf.Tensor(t.name, t.shape, t.type, t.n_bytes, 0) for head in heads for t in head.tensors]
    try:
        tensors = packing.counted(_once(found, inner), scheme)
    except packing.Contradiction as error:
        fix = "fetch the folder again, or take another model"
        raise BadInput(str(error), where=str(folder), fix=fix) from error
    return _header(config, metadata, tensors, scheme, "safetensors")


def described_by_graph(folder: Path, room: int) -> gguf.Header:
    """The header of a model in OpenVINO's format, whose weights of `room` bytes may be elsewhere. Raises `BadInput`."""
    config, inner, metadata = _configured(folder)
    numbers = _numbers(inner)
    heads, width = numbers.get("attention.head_count"), numbers.get("embedding_length")
    length = numbers.get("attention.key_length") or (width // heads if heads and width else 1)
    told = openvino_ir.read(folder / openvino_ir.GRAPH, room, length)
    return _header(config, metadata, told.tensors, told.scheme, "openvino")


def _configured(folder: Path) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The configuration, its part for text, and what both say by GGUF's names. Raises `BadInput`."""
    config = read_json(folder / "config.json")
    if not config:
        raise BadInput("has no config.json", where=str(folder), fix="name the folder that holds config and weights")
    inner = text_part(config)
    architecture = str(inner.get("model_type", "unknown"))
    metadata: dict[str, Any] = {"general.architecture": architecture, "general.name": title(folder)}
    metadata |= {f"{architecture}.{ours}": value for ours, value in _numbers(inner).items()}
    metadata |= {f"{architecture}.{n}": value for n, value in folder_layers.described(architecture, inner).items()}
    template = read_json(folder / "tokenizer_config.json").get("chat_template")
    jinja = folder / "chat_template.jinja"
    if isinstance(template, str) or jinja.exists():
        metadata["tokenizer.chat_template"] = template if isinstance(template, str) else _text(jinja)
    return config, inner, metadata


def _header(
    config: dict[str, Any],
    metadata: dict[str, Any],
    tensors: tuple[gguf.Tensor, ...],
    scheme: Scheme | None,
    form: Format,
) -> gguf.Header:
    return gguf.Header(
        version=0,
        metadata=metadata,
        tensors=tensors,
        data_offset=0,
        metadata_sha256=sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        tokenizer_sha256=None,  # 30 MB of JSON: `manifest` has it, from the cache
        scheme=scheme,
        format=form,
    )


def _once(found: list[gguf.Tensor], inner: dict[str, Any]) -> list[gguf.Tensor]:
    """Without a head that is the embedding stored once more: a tied one is held once, and is one matrix."""
    if inner.get("tie_word_embeddings") is not True:
        return found
    of = {role: [t for t in found if roles.role(t.name, None) is role] for role in (Role.HEAD, Role.EMBEDDING)}
    table = next((t for t in of[Role.EMBEDDING] if t.name.endswith(".weight")), None)
    same = [t for t in of[Role.HEAD] if table and (t.type, t.shape) == (table.type, table.shape)]
    return [t for t in found if t not in same]


def title(path: Path) -> str:
    """The name of a folder or file; a snapshot in Hugging Face's cache is named by its repository."""
    found = huggingface_cache.place(path)
    if found is not None and path.is_dir():
        return f"{found.repo}/{found.file}" if found.file else found.repo
    return path.name if path.is_dir() else shards.title(path)


def text_part(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of the language model: of one with towers its own part over the rest."""
    text: dict[str, Any] = next((config[name] for name in _TEXT_PARTS if isinstance(config.get(name), dict)), {})
    return {**config, **text}


def _numbers(inner: dict[str, Any]) -> dict[str, Any]:
    """What bytes and operations are counted with, by GGUF's names."""
    found: dict[str, Any] = {}
    for ours, theirs in _NUMBERS.items():
        if type(inner.get(theirs)) is int:
            found[ours] = inner[theirs]
    for ours, names in _SEVERAL.items():
        value = next((inner[name] for name in names if type(inner.get(name)) is int), None)
        if value is not None:
            found[ours] = value
    experts = inner.get("ffn_config")  # dbrx
    if isinstance(experts, dict):
        pairs = (("expert_count", "moe_num_experts"), ("expert_used_count", "moe_top_k"))
        found |= {ours: experts[name] for ours, name in pairs if type(experts.get(name)) is int}
    if inner.get("multi_query") is True and not inner.get("new_decoder_architecture"):
        found["attention.head_count_kv"] = 1
    if inner.get("use_sliding_window") is False:
        found.pop("attention.sliding_window", None)
    return found


def _scheme(folder: Path, inner: dict[str, Any]) -> Scheme | None:
    """By config.json, else by the files that older tools wrote beside it."""
    found = quantised.scheme(inner)
    for name in _QUANTISED_BY if found is None else ():
        said = quantised.from_other_file(read_json(folder / name))
        found = found or (quantised.scheme({"quantization_config": said}) if said else None)
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"can't be read ({error})", where=str(path), fix="fetch it again") from error


def origin(folder: Path, cache: Path) -> dict[str, str]:
    """What a conversion in our own cache was made from; empty for any other model. Raises `BadInput`: nobody else may say so."""
    path = folder / PREPARED
    if not folder.is_dir() or not path.exists():
        return {}
    if not folder.resolve().is_relative_to((cache / "prepared").resolve()):
        raise BadInput(
            "holds prepared.json, which only conversions in the cache may have",
            where=str(folder),
            fix="remove that file",
        )
    found = read_json(path)
    if not all(isinstance(found.get(key), str) for key in ("name", "quantisation", "source_sha256")):
        raise BadInput("is damaged", where=str(path), fix=f"delete {folder.parent} and run: repro model prepare")
    return {key: str(found[key]) for key in ("name", "quantisation", "source_sha256")}


def files(folder: Path) -> list[Path]:
    """The files that make the model what it is: weights, configuration, tokenizer; sorted by name."""
    found = openvino_ir.check_folder(folder) if is_openvino(folder) else safetensors.check_folder(folder)
    return sorted([*found, *(folder / name for name in _COUNTED if (folder / name).exists())])


def manifest_sha256(found: dict[str, str]) -> str:
    """One digest for several files: sha256 over the lines `<sha256>  <name>`, sorted by name, as sha256sum prints them."""
    return sha256("".join(f"{value}  {name}\n" for name, value in sorted(found.items())).encode()).hexdigest()
