"""A folder of safetensors as the Hugging Face libraries lay it out: its tokenizer, and how one is made from a GGUF.

Shared by the adapters that read such folders; the libraries are imported where they are used, in the worker.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.model_json import PREPARED, read_json

VERSIONS = "versions.json"  # of the libraries that converted; becomes a part of the former


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Text to ids as the model's own tokenizer does it; special tokens in the text are plain text."""

    backend: Any
    bos_id: int | None
    add_bos: bool

    @classmethod
    def of(cls, folder: Path) -> Tokenizer:
        """The folder's tokenizer. Raises `BadInput` where there is no tokenizer.json."""
        import tokenizers

        path = folder / "tokenizer.json"
        if not path.exists():
            raise BadInput(
                "has no tokenizer.json", where=str(folder), fix="add it: a fast tokenizer is the only kind that is read"
            )
        backend = tokenizers.Tokenizer.from_file(str(path))
        bos_id = _bos_id(folder, backend)
        prepared = read_json(folder / PREPARED)
        # A tokenizer made from a GGUF may have lost the rule; the GGUF's own word stands beside the weights.
        said = prepared.get("add_bos")
        first = backend.encode("a").ids[:1]
        add_bos = said if isinstance(said, bool) else bos_id is not None and first == [bos_id]
        backend.encode_special_tokens = True
        return cls(backend, bos_id, add_bos)

    def ids(self, text: str, *, add_bos: bool) -> list[int]:
        """Ids of `text`, the beginning-of-sequence token first where it is asked for and there is one."""
        made: list[int] = self.backend.encode(text, add_special_tokens=False).ids
        return [self.bos_id, *made] if add_bos and self.bos_id is not None else made


def _bos_id(folder: Path, backend: Any) -> int | None:
    """From the configuration, its part for text, the generation's, or the tokenizer's word for it."""
    config = read_json(folder / "config.json")
    text = config.get("text_config")
    places = (config, text if isinstance(text, dict) else {}, read_json(folder / "generation_config.json"))
    for place in places:
        found = place.get("bos_token_id")
        if isinstance(found, int):
            return found
    token = read_json(folder / "tokenizer_config.json").get("bos_token")
    word = token.get("content") if isinstance(token, dict) else token
    identifier = backend.token_to_id(word) if isinstance(word, str) else None
    return identifier if isinstance(identifier, int) else None


def trained_context(folder: Path) -> int | None:
    """Tokens that the model was trained for, if its configuration tells."""
    config = read_json(folder / "config.json")
    text = config.get("text_config")
    found = (text if isinstance(text, dict) else config).get("max_position_embeddings")
    return found if isinstance(found, int) else None


def refuse_made_up(told: Mapping[str, Any], where: str) -> None:
    """Raises `BadInput` where transformers made weights up: `told` is its account of a load, and it only warns."""
    missing = sorted(map(str, told.get("missing_keys") or ()))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise BadInput(
            f"the folder lacks {missing[0]}{more}: transformers would make it up at random",
            where=where,
            fix="fetch the folder again, or take a model that is a language model as a whole",
        )


def convert_gguf(model: Path, folder: Path, progress: Callable[[str, int, int], None]) -> None:
    """Dequantise a GGUF to bf16 safetensors with configuration and tokenizer. Raises `BadInput` where transformers can't.

    Runs in an engine's environment, once for a model. Twice the parameters' four bytes of memory are needed.
    """
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    name = model.name if model.name.endswith(".gguf") else f"{model.name}.gguf"  # a blob of Ollama's has no extension
    # Alone in a folder: what lies beside a user's file is nobody's to read.
    place = folder / "source"
    place.mkdir()
    (place / name).symlink_to(model.resolve())
    try:
        progress("reading and dequantising the GGUF", 0, 3)
        loaded, told = AutoModelForCausalLM.from_pretrained(
            place,
            gguf_file=name,
            dtype=torch.bfloat16,
            quantization_config=GgufConfig(dequantize=True),
            local_files_only=True,
            trust_remote_code=False,
            output_loading_info=True,
        )
        refuse_made_up(told, name)
        progress("writing safetensors", 1, 3)
        loaded.save_pretrained(folder)
        del loaded
        progress("converting the tokenizer", 2, 3)
        AutoTokenizer.from_pretrained(
            place, gguf_file=name, local_files_only=True, trust_remote_code=False
        ).save_pretrained(folder)
        progress("converting the tokenizer", 3, 3)
        versions = {one: version(one) for one in ("transformers", "tokenizers", "torch", "gguf", "safetensors")}
        (folder / VERSIONS).write_text(json.dumps(versions))
    except (ValueError, KeyError, NotImplementedError, ImportError) as error:
        raise BadInput(
            f"transformers can't convert it ({error})", where=name, fix="take the runtime llama.cpp for this file"
        ) from error
    finally:
        (place / name).unlink()
        place.rmdir()
