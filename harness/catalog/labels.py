"""The name of a model's quantisation, and where header, tensors and file name contradict each other about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.catalog.gguf import TYPES, Header

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
_UD = "UD-"  # Unsloth's dynamic mixtures: more bits, or fewer, tensor by tensor
_LEAST = ("Q8_0", "Q6_K", "Q5_K", "Q4_K")  # recipes whose own type is the least that they give a layer
_LAYERS = re.compile(r"(?:^|\.)(?:blk|layers|h|blocks)\.\d+\.")
# In a file's name, as whole words: Q4_K_M, q4_k_m, IQ3_XXS, UD-Q4_K_XL, Q8_0, bf16, fp16.
_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9])((?:UD-)?(?:IQ[1-4]_(?:XXS|XS|NL|S|M)(?:_XL)?|Q[2-8]_K(?:_[A-Z]{1,3})?|Q[12458]_[01]|TQ[12]_0)"
    r"|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32)"
    r"(?![A-Za-z0-9])",
    re.IGNORECASE,
)


def label(header: Header, file_name: str = "") -> str:
    """A folder's scheme. Of a GGUF the recipe that its file is named for, where no file type stands for it (Unsloth's UD-Q4_K_XL,
    Q4_K_L) and the tensors bear it out; else what general.file_type says where they do; else the type of most weights.
    """
    if header.scheme is not None:
        return header.scheme.label
    said, most, named = _said(header), _most(header), _named(header, file_name)
    if named and most and _own_recipe(named) and most.may_be(named):
        return named
    if said and (most is None or most.may_be(said)):
        return f"{said}-mixed" if _holds_less(header, said) else said
    return most.type if most else "unknown"


def remarks(header: Header, file_name: str) -> tuple[str, ...]:
    """What a reader must know of the label: sentences, none where header, tensors and the GGUF's name agree."""
    number, most = header.number("general.file_type"), _most(header)
    found = []
    said, word = _said(header), _named(header, file_name)
    # What a recipe without a number is given for one is not its own.
    own = bool(word and most and _own_recipe(word) and most.may_be(word))
    if number is not None and said is None and header.scheme is None:
        found.append(f"general.file_type is {number}, which is not known; most weights are {most}")
    if said and most and not most.may_be(said) and not own:
        found.append(f"general.file_type says {said}, and most weights are {most}")
    if word and most and not own:
        if not most.may_be(word) and _alias(word) != _alias(said or ""):
            found.append(f"the file's name says {word}, and most weights are {most}")
        elif said and most.may_be(said) and word in FILE_TYPES.values() and _alias(word) != _alias(said):
            found.append(f"the file's name says {word}, and general.file_type says {said}")
    return tuple(found)


def _named(header: Header, file_name: str) -> str:
    """The last quantisation in the name of a GGUF's file; "" where there is none, and of a folder."""
    words = _IN_NAME.findall(file_name.removesuffix(".gguf")) if header.version else []
    return _usual(words[-1]) if words else ""


def _own_recipe(word: str) -> bool:
    """Whether a name is of a recipe that no file type stands for."""
    return word.startswith(_UD) or _alias(word) not in FILE_TYPES.values()


def _bits(name: str) -> float:
    return next((8 * size / block for kind, block, size in TYPES.values() if kind == name), 0.0)


def _holds_less(header: Header, said: str) -> bool:
    """Whether matrices of layers have fewer bits than the name's own type: llama-quantize gives some more, and none less."""
    base = _base(said)
    return base in _LEAST and any(0 < _bits(t.type) < _bits(base) for t in header.tensors if _LAYERS.search(t.name))


def _said(header: Header) -> str | None:
    number = header.number("general.file_type")
    return None if number is None else FILE_TYPES.get(number & ~GUESSED)


def _usual(word: str) -> str:
    upper = word.upper()
    return {"FP16": "F16", "FP32": "F32"}.get(upper, upper)


def _alias(name: str) -> str:
    """llama.cpp takes Q4_K for Q4_K_M, and so with Q3_K and Q5_K."""
    return {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M", "MXFP4": "MXFP4_MOE"}.get(name, name)


def _base(name: str) -> str:
    if name == "Q8_K_XL":
        return "Q8_0"  # no file holds Q8_K
    return re.sub(r"(?<=_K)_[A-Z]+$|_XL$", "", name).removesuffix("_MOE")


def _near(kind: str, name: str) -> bool:
    """Whether a dynamic mixture of that name may hold most of its weights so: of about as many bits as its number."""
    about = int(re.search(r"\d", name)[0])  # type: ignore[index]
    return about - 0.5 <= _bits(kind) < about + 2 or (about == 8 and kind in ("F16", "BF16"))


@dataclass(frozen=True, slots=True)
class _Most:
    """The type that holds most parameters of the layers' matrices; `short`: most of these in rows that are no multiple of 256."""

    type: str
    short: bool

    def __str__(self) -> str:
        return self.type

    def may_be(self, name: str) -> bool:
        """Whether a model under the name may hold most of its weights so."""
        if name.startswith(_UD):
            return _near(self.type, name.removeprefix(_UD))
        base = _base(name)
        allowed = _BASES.get(name) or _BASES.get(base) or (base,)
        quantised = "_K" in base or base.startswith(("IQ", "TQ"))
        return self.type in allowed or (
            self.short and quantised and self.type in _SHORT_ROWS.get(base, _SHORT_ROWS_ELSE)
        )


def _most(header: Header) -> _Most | None:
    """Of the layers' matrices; of all tensors where there is no such matrix, None where there is no tensor."""
    matrices = [t for t in header.tensors if len(t.shape) > 1]
    inside = [t for t in matrices if _LAYERS.search(t.name)]
    held: dict[str, list[int]] = {}
    for tensor in inside or matrices or header.tensors:
        both = held.setdefault(tensor.type, [0, 0])
        both[bool(tensor.shape and tensor.shape[0] % 256)] += tensor.elements
    if not held:
        return None
    name = max(held, key=lambda one: sum(held[one]))
    return _Most(name, held[name][1] > held[name][0])
