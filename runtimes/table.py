"""Finds an adapter by name: ours, and any installed under the entry point `repro.runtimes`. Imports no engine."""

from __future__ import annotations

import difflib
from importlib import import_module
from importlib.metadata import entry_points

from harness.errors import BadInput
from runtimes.interface import Runtime

ENTRY_POINT = "repro.runtimes"

# Ours stand here as well as in the distribution's entry points: a worker runs from a bundle without metadata.
BUILT_IN = {
    "llama.cpp": "runtimes.llama_cpp:LlamaCpp",
    "openai-http": "runtimes.openai_http:OpenAIHTTP",
    "pytorch": "runtimes.pytorch:PyTorch",
    "simulated": "runtimes.simulated:Simulated",
    "vllm": "runtimes.vllm:VLLM",
}

# For tests and self-tests: a record made with one of these says so and is never a measurement.
SYNTHETIC = frozenset({"simulated"})


def names() -> list[str]:
    """Every runtime that can be named, sorted."""
    return sorted({*BUILT_IN, *(point.name for point in entry_points(group=ENTRY_POINT))})


def find(name: str) -> Runtime:
    """The adapter called `name`. Raises `BadInput` with the nearest names."""
    target = BUILT_IN.get(name)
    if target is None:
        for point in entry_points(group=ENTRY_POINT, name=name):
            target = point.value
    if target is None:
        near = difflib.get_close_matches(name, names(), n=3, cutoff=0.4) or names()
        raise BadInput(f"no runtime is called {name!r}", where="--runtime", fix=f"did you mean {' or '.join(near)}?")
    module, _, attribute = target.partition(":")
    adapter: Runtime = getattr(import_module(module), attribute)()
    return adapter
