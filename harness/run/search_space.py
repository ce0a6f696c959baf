"""What `repro tune` tries where the user names no lists: settings that tune a runtime and never change what it computes. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import BadInput
from harness.run.scores import Objective
from runtimes.interface import Option

_GPU_BACKENDS = ("cuda", "vulkan", "metal", "rocm")
Space = Mapping[str, tuple[str, ...]]
# By the adapter's name: settings that move decode, and those that move prefill as well.
_BOTH: Mapping[str, Space] = {
    "llama.cpp": {"flash_attn": ("on", "off")},
    "llama-server": {"flash_attn": ("on", "off")},
    "pytorch": {"attention": ("sdpa", "eager")},
    "vllm": {"eager": ("true", "false")},
}
_PREFILL: Mapping[str, Space] = {
    "llama.cpp": {"ubatch": ("128", "512", "2048")},
    "llama-server": {"ubatch": ("128", "512", "2048")},
    "vllm": {"batched_tokens": ("2048", "8192")},
}


def threads_of(cores: int) -> tuple[str, ...]:
    """All usable cores, three quarters, half and a quarter of them: half is often one thread for each real core."""
    return tuple(str(n) for n in sorted({cores, 3 * cores // 4, cores // 2, cores // 4} - {0}, reverse=True))


def space_of(
    runtime: str,
    declared: Mapping[str, Option],
    backend: str,
    cores: int,
    objective: Objective,
    fixed: Mapping[str, str],
) -> dict[str, tuple[str, ...]]:
    """Name → values, without what is `fixed`. Raises `BadInput` where nothing is left to try."""
    found: dict[str, tuple[str, ...]] = {}
    if "threads" in declared and runtime != "simulated" and backend not in _GPU_BACKENDS:
        found["threads"] = threads_of(cores)
    found |= _BOTH.get(runtime, {})
    if objective.weight < 1:
        found |= _PREFILL.get(runtime, {})
    left = {name: values for name, values in found.items() if name in declared and name not in fixed}
    if not any(len(values) > 1 for values in left.values()):
        raise BadInput(
            f"{runtime} has no settings to try by itself here", where="tune", fix="name some: -o NAME=VALUE,VALUE"
        )
    return left
