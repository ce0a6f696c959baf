"""The name of a model's quantisation, and where header, tensors and file name contradict each other about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.catalog.gguf import Header

GUESSED = 1024  # LLAMA_FTYPE_GUESSED: a bit beside the number
# llama.cpp's LLAMA_FTYPE (general.file_type) → the name that people use
FILE_TYPES = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S", 12: "Q3_K_M",
    13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS",
    21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4_MOE", 39: "NVFP4", 40: "Q1_0",
    41: "Q2_0",
}  # fmt: skip
# The types that may hold most of the layers' weights under a name, where it isn't the name's own (llama_tensor_get_type gives
# attn_v, attn_output and ffn_down more bits, and of small models or of those without ffn_gate these are the most).
_BASES: Mapping[str, tuple[str, ...]] = {
    "Q2_K": ("Q2_K", "Q3_K"), "Q3_K": ("Q3_K", "Q4_K"), "Q3_K_L": ("Q3_K", "Q4_K", "Q5_K"), "IQ1_S": ("IQ1_S", "IQ2_XXS"),
    "IQ1_M": ("IQ1_M", "IQ2_XXS"), "IQ2_XXS": ("IQ2_XXS", "Q2_K"), "IQ2_XS": ("IQ2_XS", "Q2_K"),
    "IQ2_S": ("IQ2_XS", "IQ2_S"), "IQ2_M": ("IQ2_S", "IQ3_S"), "IQ3_XXS": ("IQ3_XXS", "IQ3_S"), "IQ3_XS": ("IQ3_XXS", "IQ3_S"),
    "IQ3_M": ("IQ3_S", "Q4_K"), "MXFP4": ("MXFP4", "Q8_0"),
}  # fmt: skip
# What llama-quantize falls back to where a row is not a multiple of 256.
_SHORT_ROWS: Mapping[str, tuple[str, ...]] = {
    "Q2_K": ("IQ4_NL", "Q4_0"), "Q3_K": ("IQ4_NL", "Q4_0"), "Q4_K": ("Q5_0",), "Q5_K": ("Q5_1",), "Q6_K": ("Q8_0",),
    "TQ1_0": ("Q4_0",), "TQ2_0": ("Q4_0",),
}  # fmt: skip
_SHORT_ROWS_ELSE = ("IQ4_NL",)
# In a file's name, as whole words: Q4_K_M, q4_k_m, IQ3_XXS, UD-Q4_K_XL, Q8_0, bf16, fp16.
_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9])(IQ[1-4]_(?:XXS|XS|NL|S|M)|Q[2-8]_K(?:_[A-Z]{1,3})?|Q[12458]_[01]|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32)"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def label(header: Header) -> str:
    """A folder's scheme, or what general.file_type says where the tensors bear it out; else the type of most weights."""
    if header.scheme is not None:
        return header.scheme.label
    said, most = _said(header), _most(header)
    return said if said and (most is None or most.may_be(said)) else most.type if most else "unknown"


def remarks(header: Header, file_name: str) -> tuple[str, ...]:
    """What a reader must know of the label: sentences, none where header, tensors and the GGUF's name agree."""
    number, most = header.number("general.file_type"), _most(header)
    found = []
    said = _said(header)
    if number is not None and said is None and header.scheme is None:
        found.append(f"general.file_type is {number}, which is not known; most weights are {most}")
    if said and most and not most.may_be(said):
        found.append(f"general.file_type says {said}, and most weights are {most}")
    named = _IN_NAME.findall(file_name.removesuffix(".gguf"))
    if named and most and header.version:  # of a GGUF; a folder has none
        word = _usual(named[-1])
        if not most.may_be(word) and _alias(word) != _alias(said or ""):
            found.append(f"the file's name says {word}, and most weights are {most}")
        elif said and most.may_be(said) and word in FILE_TYPES.values() and _alias(word) != _alias(said):
            found.append(f"the file's name says {word}, and general.file_type says {said}")
    return tuple(found)


def _said(header: Header) -> str | None:
    number = header.number("general.file_type")
    return None if number is None else FILE_TYPES.get(number & ~GUESSED)


def _usual(word: str) -> str:
    upper = word.upper()
    return {"FP16": "F16", "FP32": "F32"}.get(upper, upper)


def _alias(name: str) -> str:
    """llama.cpp takes Q4_K for Q4_K_M, and so with Q3_K and Q5_K."""
    return {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "MXFP4": "MXFP4_MOE"}.get(name, name)


@dataclass(frozen=True, slots=True)
class _Most:
    """The type that holds most parameters of the layers' matrices; `short`: most of these in rows that are no multiple of 256."""

    type: str
    short: bool

    def __str__(self) -> str:
        return self.type

    def may_be(self, name: str) -> bool:
        """Whether a model under the name may hold most of its weights so."""
        base = re.sub(r"(?<=_K)_[A-Z]+$", "", name).removesuffix("_MOE")
        allowed = _BASES.get(name) or _BASES.get(base) or (base,)
        quantised = "_K" in base or base.startswith(("IQ", "TQ"))
        return self.type in allowed or (
            self.short and quantised and self.type in _SHORT_ROWS.get(base, _SHORT_ROWS_ELSE)
        )


def _most(header: Header) -> _Most | None:
    """Of the layers' matrices; of all tensors where there is no such matrix, None where there is no tensor."""
    matrices = [t for t in header.tensors if len(t.shape) > 1]
    inside = [t for t in matrices if re.search(r"(?:^|\.)(?:blk|layers|h|blocks)\.\d+\.", t.name)]
    held: dict[str, list[int]] = {}
    for tensor in inside or matrices or header.tensors:
        both = held.setdefault(tensor.type, [0, 0])
        both[bool(tensor.shape and tensor.shape[0] % 256)] += tensor.elements
    if not held:
        return None
    name = max(held, key=lambda one: sum(held[one]))
    return _Most(name, held[name][1] > held[name][0])
