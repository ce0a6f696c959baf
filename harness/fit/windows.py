"""Which layers look at a window only, as llama.cpp decides it: by the architecture, where the file does not list them. Pure.

Source: `load_swa_pattern` and `set_swa_pattern` in src/models/*.cpp of llama.cpp, release of the pinned llama-cpp-python 0.3.36.
Architectures that are not here have no window there, whatever their file says: `llama` (Mistral 7B v0.1) and `phi3` among them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.catalog.gguf import Header


@dataclass(frozen=True, slots=True)
class _Rule:
    """Of each `pattern` layers one is whole, the last or the first (`dense_first`); `window` where the file states none."""

    pattern: int
    window: int = 0
    dense_first: bool = False
    forced: int = 0  # the engine's own window, whatever the file says


_RULES: Mapping[str, _Rule] = {
    "afmoe": _Rule(4), "cohere2": _Rule(4), "exaone4": _Rule(4, 4096), "exaone-moe": _Rule(4, 128), "gemma2": _Rule(2, 4096),
    "gemma3": _Rule(6), "gemma3n": _Rule(5), "gpt-oss": _Rule(2), "llama4": _Rule(4, forced=8192), "olmo2": _Rule(4),
    "plamo3": _Rule(8), "smallthinker": _Rule(4, forced=4096, dense_first=True),
}  # fmt: skip
# These list their layers in the file, always.
_LISTED = frozenset(("gemma4", "mimo2", "step35"))


def windows(header: Header, layers: int) -> tuple[int, ...] | None:
    """The window of each layer in tokens, 0 for the whole context; None where the file lacks what the engine needs."""
    architecture = header.text("general.architecture") or ""
    stated = header.number(f"{architecture}.attention.sliding_window")
    key = f"{architecture}.attention.sliding_window_pattern"
    rule = _RULES.get(architecture)
    if rule is None and architecture not in _LISTED:
        return (0,) * layers
    if architecture == "exaone4" and layers != 64:
        return (0,) * layers  # the 1.2B: every layer is a whole one
    window = stated if stated is not None else (rule.window or rule.forced) if rule else 0
    if not window:
        return (0,) * layers
    if rule is not None and rule.forced:
        window = rule.forced
    listed = header.metadata.get(key)
    if isinstance(listed, tuple):
        return tuple(window if slides else 0 for slides in listed[:layers]) if len(listed) >= layers else None
    if rule is None:
        return None
    every = header.number(key) or rule.pattern
    whole = 0 if rule.dense_first else every - 1
    return tuple(0 if index % every == whole else window for index in range(layers))
