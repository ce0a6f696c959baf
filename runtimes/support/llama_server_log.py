"""What a llama-server resolved, from its log while it loaded. Pure: text in, values out; what it does not say is left out."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runtimes.interface import Scalar
from runtimes.support.llama_cpp_build import features_of

_NUMBERS: Mapping[str, str] = {
    "threads": r"\bn_threads = (\d+)",
    "threads_batch": r"\bn_threads_batch = (\d+)",
    "batch": r"\bllama_context:\s+n_batch\s+= (\d+)",
    "ubatch": r"\bllama_context:\s+n_ubatch\s+= (\d+)",
    "slots": r"\bllama_context:\s+n_seq_max\s+= (\d+)",
}
_TYPES: Mapping[str, str] = {"type_k": r"\bK \((\w+)\):", "type_v": r"\bV \((\w+)\):"}
_FLASH = (
    r"Flash Attention (?:was auto, set to )?(enabled|disabled)|\bllama_context:\s+flash_attn\s+= (enabled|disabled)"
)
_SYSTEM = re.compile(r"\bsystem_info: [^|\n]*\|([^\n]*)")


def settings_of(log: str) -> dict[str, Scalar]:
    """Under the names of the runtime llama.cpp."""
    found: dict[str, Scalar] = {}
    for name, pattern in _NUMBERS.items():
        told = re.findall(pattern, log)
        if told:
            found[name] = int(told[-1])
    for name, pattern in _TYPES.items():
        kinds = set(re.findall(pattern, log))
        if len(kinds) == 1:
            found[name] = str(*kinds)
    flash = re.findall(_FLASH, log)
    if flash:
        found["flash_attn"] = {"enabled": "on", "disabled": "off"}["".join(flash[-1])]
    return found


def build_of(log: str) -> dict[str, Scalar]:
    """The build's features as `{"CPU.AVX2": True, …}`; empty where it prints none."""
    told = _SYSTEM.findall(log)
    return features_of(told[-1]) if told else {}
