"""What the OpenVINO adapter knows of a model before it is loaded: of a GGUF from its header, of a folder of IR from its files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.model_json import read_json
from runtimes.interface import Scalar
from runtimes.support import openvino_account
from runtimes.support.gguf_header import GgufHeader
from runtimes.support.hf_folder import Tokenizer, trained_context

GRAPH = "openvino_model.xml"


@dataclass(frozen=True, slots=True)
class Source:
    """`weights`: types of the matrices; `tokenizer` is None where the engine's own is used, which splits `special` texts out."""

    weights: str
    vocabulary: int
    bos_id: int | None
    add_bos: bool
    model: Mapping[str, Scalar]
    special: tuple[str, ...] = ()
    tokenizer: Tokenizer | None = None


def of(core: Any, path: Path) -> Source:
    """Of a GGUF or a folder. Raises `BadInput` where a file of it can't be read."""
    return _of_folder(core, path) if path.is_dir() else _of_gguf(GgufHeader.of(path))


def _of_gguf(header: GgufHeader) -> Source:
    return Source(
        weights=openvino_account.weights(header),
        vocabulary=header.tokens,
        bos_id=header.number("tokenizer.ggml.bos_token_id"),
        add_bos=header.add_bos,
        model={
            "description": str(header.metadata.get("general.architecture")),
            "layers": header.of_model("block_count"),
            "context_trained": header.of_model("context_length"),
        },
        special=header.special,
    )


def _of_folder(core: Any, folder: Path) -> Source:
    tokenizer = Tokenizer.of(folder)
    config = read_json(folder / "config.json")
    text = config.get("text_config")
    inner = {**config, **(text if isinstance(text, dict) else {})}
    vocabulary, layers = inner.get("vocab_size"), inner.get("num_hidden_layers")
    return Source(
        weights=_types(core.read_model(str(folder / GRAPH))),
        vocabulary=vocabulary if isinstance(vocabulary, int) else tokenizer.backend.get_vocab_size(),
        bos_id=tokenizer.bos_id,
        add_bos=tokenizer.add_bos,
        model={
            "description": str(inner.get("model_type")),
            "layers": layers if isinstance(layers, int) else None,
            "context_trained": trained_context(folder),
        },
        tokenizer=tokenizer,
    )


def _types(model: Any) -> str:
    """Of the constants that are matrices, such as `u4+u8`: scales and zero points end in an axis of one."""
    found = set[str]()
    for operation in model.get_ops():
        if operation.get_type_name() == "Constant":
            shape, kind = [int(size) for size in operation.get_output_shape(0)], operation.get_element_type()
            if sum(size > 1 for size in shape) > 1 and shape[-1] > 1 and (kind.is_real() or kind.size <= 1):
                found.add(str(kind.get_type_name()))
    return "+".join(sorted(found)) or openvino_account.UNKNOWN
