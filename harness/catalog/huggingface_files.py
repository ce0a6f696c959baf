"""Which files of a repository a reference means: one GGUF with its shards, or the safetensors with what describes them. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from harness.catalog import openvino_ir, shards
from harness.catalog.references import HuggingFaceReference
from harness.catalog.safetensors import INDEX
from harness.errors import BadInput

# Data that an engine reads beside the weights; nothing in this list can be executed.
DESCRIPTIONS = (
    *("config.json", "generation_config.json", "hf_quant_config.json", "quantize_config.json", "quant_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "vocab.txt", "merges.txt", "chat_template.jinja", "chat_template.json"),
    *("preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"),
    INDEX,
)
WHOLE = "model.safetensors"
_SOME = 8
_KINDS = r"(?:I|T)?Q\d[A-Z0-9_]*|BF16|F16|F32|(?:MX|NV)FP4\w*"
_QUANTISATION = re.compile(rf"(?:{_KINDS})$")
_INSIDE = re.compile(rf"(?<![A-Z0-9])(?:{_KINDS})(?![A-Z0-9])")


def gguf_of(reference: HuggingFaceReference, names: Collection[str]) -> list[str]:
    """The GGUF that is meant, of shards the first first. Raises `BadInput` where none or several are."""
    wanted = shards.names(reference.file or _of_quantisation(reference, names))
    missing = [name for name in wanted if name not in names]
    if missing and len(wanted) == 1:
        raise BadInput("no such file", where=str(reference), fix="see the repository's list of files")
    if missing:
        raise BadInput(
            f"lacks {len(missing)} of {len(wanted)} shards, {missing[0]} first",
            where=str(reference),
            fix="name another",
        )
    return wanted


def _of_quantisation(reference: HuggingFaceReference, names: Collection[str]) -> str:
    found = {name: _label(name) for name in _models(names)}
    asked = reference.quantisation.upper()
    # An underscore is a part of such a word: K_M is none, and no end of Q4_K_M.
    before = ("", "-", ".", "_") if _QUANTISATION.fullmatch(asked.removeprefix("UD-")) else ("", "-", ".")
    matching = [name for name, label in found.items() if label.endswith(asked) and label[: -len(asked)][-1:] in before]
    # Some say behind it how it was made: Q4_K_M-imat.
    inside = re.compile(rf"(?:^|[-.]){re.escape(asked)}[-.]") if _QUANTISATION.fullmatch(asked) else None
    matching = matching or [name for name, label in found.items() if inside and inside.search(label)]
    # UD-Q4_K_M is another recipe than Q4_K_M: taken only where it is asked for, or the only one.
    plain = [name for name in matching if not _of_family(found[name], asked)]
    chosen = plain or matching
    if len(chosen) == 1:
        return chosen[0]
    there = ", ".join(sorted(chosen or found)[:_SOME]) or "no GGUF"
    what = f"{len(chosen)} files are of that quantisation" if chosen else "no file is of that quantisation"
    raise BadInput(
        f"{what}: {there}", where=str(reference), fix=f"name a file: hf:{reference.repo}@{reference.revision}/FILE"
    )


def _of_family(label: str, asked: str) -> bool:
    """Whether the quantisation is of a family of its own, such as Unsloth's dynamic ones."""
    return label[: -len(asked)].rstrip("-._").endswith("UD")


def _models(names: Collection[str]) -> list[str]:
    files = [name for name in names if name.lower().endswith(".gguf")]
    return [name for name in shards.firsts(files) if not _is_beside(name.rpartition("/")[2].upper())]


def _is_beside(name: str) -> bool:
    """Whether a file is a projector, or the statistics that a quantisation was made with, and not a model made with them."""
    return "MMPROJ" in name or ("IMATRIX" in name and not _INSIDE.search(name))


def _label(name: str) -> str:
    folder, _, last = name.rpartition("/")
    shard = shards.shard_of(last)
    label = (shard.stem if shard else last[: -len(".gguf")]).upper()
    named = folder.rpartition("/")[2].upper()
    # Large models lie in a folder named for the quantisation, their files sometimes without it.
    return named if _QUANTISATION.search(named) and not _QUANTISATION.search(label) else label


def descriptions_of(names: Collection[str]) -> list[str]:
    """Configuration, tokenizer and index, as far as they are there; of OpenVINO's format the graph, too."""
    own = (openvino_ir.GRAPH, *openvino_ir.DESCRIBED, *openvino_ir.TOKENIZERS) if is_openvino(names) else ()
    return [name for name in (*DESCRIPTIONS, *own) if name in names]


def is_openvino(names: Collection[str]) -> bool:
    """Whether the repository's top folder holds a model in OpenVINO's format, whole, and no safetensors."""
    top = [name for name in names if "/" not in name]
    return openvino_ir.is_one(top) and openvino_ir.WEIGHTS in top


def weights_of(reference: HuggingFaceReference, names: Collection[str], mapped: Collection[str] | None) -> list[str]:
    """The weights in the repository's top folder: `mapped` are those that its index names. Raises `BadInput`."""
    if is_openvino(names):
        return [openvino_ir.WEIGHTS]
    there = sorted(name for name in names if "/" not in name and name.endswith(".safetensors"))
    if mapped is not None:
        missing = sorted(set(mapped) - set(there))
        if missing or not mapped:
            raise BadInput(
                f"its index names {missing[0] if missing else 'nothing'}, which is not there",
                where=str(reference),
                fix="take another",
            )
        return sorted(mapped)
    if WHOLE in there:
        return [WHOLE]
    if len(there) == 1:
        return there
    raise _refused(reference, names, there)


def refuse_without_weights(reference: HuggingFaceReference, names: Collection[str]) -> None:
    """Raises `BadInput` where the repository holds no weights that are read: before anything is fetched."""
    openvino_ir.refuse_parts(names, str(reference))
    if not is_openvino(names) and not any("/" not in name and name.endswith(".safetensors") for name in names):
        raise _refused(reference, names, [])


def _refused(reference: HuggingFaceReference, names: Collection[str], there: Collection[str]) -> BadInput:
    models = _models(names)
    if models:
        labels = sorted({match[0] for name in models if (match := _QUANTISATION.search(_label(name)))})
        fix = f"name a quantisation: hf:{reference.repo}:{labels[0]}" if labels else f"name a file: {models[0]}"
        more = f" ({', '.join(labels[:_SOME])})" if labels else ""
        return BadInput(f"holds GGUF files{more}, not safetensors", where=str(reference), fix=fix)
    if there:
        return BadInput(f"holds {len(there)} weight files and no {INDEX}", where=str(reference), fix="take another")
    return BadInput("holds no safetensors", where=str(reference), fix="take a repository of safetensors or GGUF files")
