"""llama.cpp's words for a file's type as the labels that people use: "mostly Q4_K - Medium" is Q4_K_M. Pure."""

from __future__ import annotations

import re

# llama_model_ftype_name, of this and earlier versions, where the label does not follow from its parts
_OWN = {
    "all F32": "F32",
    "Q2_K - Medium": "Q2_K",
    "IQ3_S mix - 3.66 bpw": "IQ3_M",
    "MXFP4 MoE": "MXFP4_MOE",
    "Q4_1, some F16": "Q4_1_SOME_F16",
}
_SIZES = {"Small": "_S", "Medium": "_M", "Large": "_L"}
_LABEL = re.compile(r"(?:F|BF|Q|IQ|TQ|FP|MXFP|NVFP)\d[A-Z0-9]*(?:_[A-Z0-9]+)*")
# What stands at the end of a description: "llama 7B mostly Q4_K - Medium", "llama4 17Bx16E (Scout) all F32 (guessed)"
_AT_END = re.compile(
    r"(?:^|\s)(?:mostly )?("
    + "|".join(re.escape(name) for name in sorted(_OWN, key=len, reverse=True))
    + r"|[A-Z]{1,5}\d[A-Z0-9_]*(?: - (?:Small|Medium|Large|\d+(?:\.\d+)? bpw(?: ternary)?))?)$",
    re.IGNORECASE,
)


def label(words: str) -> str:
    """The label that a description ends with; "" where it ends with none that is known: a guess would be a false one."""
    flat = " ".join(words.replace("(guessed)", " ").split())
    found = _AT_END.search(flat)
    if found is None:
        return ""
    name = found[1]
    own = {known.lower(): short for known, short in _OWN.items()}.get(name.lower())
    if own is not None:
        return own
    base, _, size = name.partition(" - ")
    text = base.upper() + _SIZES.get(size.capitalize(), "")
    return text if _LABEL.fullmatch(text) else ""
