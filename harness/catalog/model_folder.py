"""A folder of safetensors as the same header that a GGUF gives, so that bytes and operations are counted in one place.

Names of tensors and of the configuration are brought to GGUF's; nothing here opens more than headers and JSON.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.catalog import digest, gguf, safetensors
from harness.errors import BadInput
from runtimes.support.hf_folder import PREPARED, read_json

# What decides the model's output beside the weights; a README may change freely.
_COUNTED = (
    *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "tokenizer.model"),
    safetensors.INDEX,
)
_NUMBERS = {
    "block_count": "num_hidden_layers",
    "embedding_length": "hidden_size",
    "context_length": "max_position_embeddings",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.key_length": "head_dim",
    "attention.value_length": "head_dim",
    "attention.sliding_window": "sliding_window",
    "attention.kv_lora_rank": "kv_lora_rank",
    "ssm.state_size": "state_size",
    "expert_used_count": "num_experts_per_tok",
}
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")


def header(path: Path) -> gguf.Header:
    """The header of a model, file or folder. Raises `BadInput`."""
    return _folder_header(path) if path.is_dir() else gguf.read(path)


def _folder_header(folder: Path) -> gguf.Header:
    parts = safetensors.check_folder(folder)  # first of all: nothing is read from a folder that could run code
    config = read_json(folder / "config.json")
    if not config:
        raise BadInput("has no config.json", where=str(folder), fix="name the folder that holds config and weights")
    text = config.get("text_config")
    inner: dict[str, Any] = {**config, **text} if isinstance(text, dict) else config
    architecture = str(inner.get("model_type", "unknown"))
    metadata: dict[str, Any] = {"general.architecture": architecture, "general.name": folder.name}
    for ours, theirs in _NUMBERS.items():
        value = inner.get(theirs)
        if type(value) is int:
            metadata[f"{architecture}.{ours}"] = value
    experts = next((inner[name] for name in _EXPERTS if type(inner.get(name)) is int), None)
    if experts:
        metadata[f"{architecture}.expert_count"] = experts
    template = read_json(folder / "tokenizer_config.json").get("chat_template")
    jinja = folder / "chat_template.jinja"
    if isinstance(template, str) or jinja.exists():
        metadata["tokenizer.chat_template"] = template if isinstance(template, str) else _text(jinja)
    found = [t for path in parts for t in safetensors.read(path).tensors]
    return gguf.Header(
        version=0,
        metadata=metadata,
        tensors=tuple(gguf.Tensor(_name(t.name), t.shape, t.type, t.n_bytes, 0) for t in found),
        data_offset=0,
        metadata_sha256=sha256(json.dumps(config, sort_keys=True).encode()).hexdigest(),
        tokenizer_sha256=None,  # 30 MB of JSON: `manifest` has it, from the cache
    )


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"can't be read ({error})", where=str(path), fix="fetch it again") from error


def _name(name: str) -> str:
    if name.endswith(("embed_tokens.weight", "wte.weight")):
        return "token_embd.weight"
    if name.endswith("lm_head.weight"):
        return "output.weight"
    # Experts lie apart here and stacked in a GGUF: the mark is what `weights` looks for.
    return f"{name}_exps." if re.search(r"\.experts\.", name) else name


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
    weights = safetensors.check_folder(folder)
    return sorted([*weights, *(folder / name for name in _COUNTED if (folder / name).exists())])


def manifest(folder: Path, cache: Path, progress: digest.Progress | None = None) -> dict[str, str]:
    """Name → sha256 of each of `files`."""
    return {path.name: digest.cached(path, cache, progress) for path in files(folder)}


def manifest_sha256(found: dict[str, str]) -> str:
    """One digest for the folder: sha256 over the lines `<sha256>  <name>`, sorted by name, as sha256sum prints them."""
    return sha256("".join(f"{value}  {name}\n" for name, value in sorted(found.items())).encode()).hexdigest()
