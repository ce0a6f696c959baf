"""The command that a page offers to paste, built from known fields alone: nothing of it is a record's own words. Pure.

A record's `run.command` and free texts are never looked at. What can't be said from the catalogue, the runtimes of this harness,
its suites and that runtime's harmless settings is left out, and a sentence says so.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from harness.catalog import models, suites
from harness.record.schema import Record
from runtimes import releases, table
from runtimes.interface import NO_MODEL, Option
from runtimes.recipes import RECIPES

MODEL, SUITE, DRAFT = "MODEL", "SUITE", "DRAFT"  # stand for paths that the reader puts in, as PLACE does for a registry
LARGEST_SEED = 2**32
# What a stranger may set on the machine of whoever pastes: no address, file or key, nothing that makes faults, nothing that
# vouches. The number is the most that may stand there, or the adapter's own limit where that is less.
_OWN: Mapping[str, Mapping[str, int]] = {
    "llama.cpp": dict.fromkeys(
        ("batch", "context", "draft", "draft_max", "flash_attn", "gpu_layers", "load_mode", "offload_kqv", "prefix_cache",
         "repack", "sequences", "swa_full", "threads", "threads_batch", "type_k", "type_v", "ubatch"), 1 << 20,
    ),
    "mistralrs": {"context": 1 << 20, "dtype": 0, "threads": 1024},
    "mlx": {"context": 1 << 20, "device": 0, "dtype": 0, "prefill_step": 1 << 20},
    "openvino": {
        "context": 1 << 20, "dtype": 0, "dynamic_quantization": 1 << 12, "kv_cache_dtype": 0, "kv_space_gib": 64, "threads": 1024,
    },
    "pytorch": {"attention": 0, "compile": 0, "context": 1 << 20, "dtype": 0, "tf32": 0, "threads": 1024},
    "vllm": {
        "async_scheduling": 0, "batched_tokens": 1 << 20, "context": 1 << 20, "dtype": 0, "eager": 0, "gpu_memory_percent": 100,
        "kv_cache_dtype": 0, "kv_space_mib": 1 << 20, "max_seqs": 4096, "prefix_caching": 0, "tensor_parallel": 64,
        "threads": 1024,
    },
    "ollama": {"context": 1 << 20, "num_batch": 1 << 20, "num_gpu": 1024, "num_thread": 1024},
    "openai-http": {},
    "simulated": {"device": 0, "threads": 1024, "context": 1 << 20},
}  # fmt: skip
_HARMLESS = {**_OWN, "llama-server": {**_OWN["llama.cpp"], "slots": 256}, "vllm-server": _OWN["vllm"]}


@dataclass(frozen=True, slots=True)
class Pasted:
    """`words` of the command, () where none is offered; `told`: sentences on what it leaves out, or why there is none."""

    words: tuple[str, ...]
    told: tuple[str, ...]

    @property
    def text(self) -> str:
        """Quoted for a shell; "" where none is offered."""
        return shlex.join(self.words)


def pasted(record: Record) -> Pasted:
    """What measures a record's subject again on another machine."""
    runtime, suite = record.runtime.name, suites.by_digest(record.suite.sha256)
    if runtime not in table.BUILT_IN:
        return Pasted((), ("No command is offered: its runtime is not one of those that come with this harness.",))
    model, told = _model(record)
    label = SUITE if suite is None else f"{suite.name}-v{suite.version}"
    if suite is None:
        told.append(f"Put for {SUITE} the file of the suite: this harness has none with its digest.")
    named = _release(record)
    if named is None:
        told.append("Its release of the engine can't be named; the command takes the one that this harness pins.")
    words = ["repro", "bench", "--model", model, "--runtime", named or runtime, "--suite", label]
    second = _second_models(record)
    known, missing = _settings(
        runtime, {name: value for name, value in record.runtime.options.items() if name not in second}
    )
    words += [*known, *(word for name, one in second.items() for word in ("-o", f"{name}={one or DRAFT}"))]
    if not all(second.values()):
        told.append(f"Put for {DRAFT} the path of the model that drafts: the catalogue has none with its digest.")
    if missing:
        told.append(
            f"Left out, since a stranger should not set it on your machine: {missing}. See the record's settings."
        )
    environment = record.runtime.environment
    backend = environment.get("backend")
    if environment.get("given_by_operator"):
        told.append(
            "It was measured in a Python of its operator's own; the command takes the runtime's locked environment."
        )
    elif "chosen" not in environment and isinstance(backend, str) and backend in _backends(runtime):
        words += ["--backend", backend]
    if record.run.challenge is None and record.run.seed <= LARGEST_SEED:
        words += ["--seed", str(record.run.seed)]
    return Pasted(tuple(words), tuple(told))


def _model(record: Record) -> tuple[str, list[str]]:
    """The catalogue's own name for these very bytes, or a word for the reader's path."""
    for held in (record.model.get("sha256"), record.model.get("derived_from")):
        if held in _catalogue():
            return _catalogue()[held], []
    return MODEL, [f"Put for {MODEL} the path of the model: the catalogue has none with its digest."]


def _second_models(record: Record) -> dict[str, str]:
    """Option → the catalogue's own name for the model that it named, "" where the catalogue has none with its digest."""
    declared, given = table.find(record.runtime.name).options, record.runtime.options
    named = [name for name, one in declared.items() if one.model and given.get(name, NO_MODEL) != NO_MODEL]
    digests = {name: record.runtime.settings.get(name) for name in named}
    return {name: _catalogue().get(one, "") if isinstance(one, str) else "" for name, one in digests.items()}


@cache
def _catalogue() -> dict[str, str]:
    """Digest of a file → the entry of the program's own catalogue that has it: read once, not for each page."""
    return {file.sha256: name for name in reversed(models.public_names()) for file in models.load(name).files}


def _release(record: Record) -> str | None:
    """`llama.cpp@0.3.30`, by the version of the engine's package that the worker told; the name alone of a runtime without
    releases, and None where none can be said that this harness would drive.
    """
    runtime = record.runtime.name
    recipe = RECIPES.get(runtime)
    if recipe is None:
        return runtime
    engines = {recipe.distribution(backend) for backend in recipe.backends}
    found = {
        text.partition(" ")[0].partition("+")[0]  # of a build for one device, the release that it is of
        for name, text in record.runtime.packages.items()
        if re.sub(r"[-_.]+", "-", name).lower() in engines
    }
    release = found.pop() if len(found) == 1 else ""
    if not releases.is_release(release) or releases.order(release) < releases.order(recipe.oldest or release):
        return None
    return f"{runtime}@{release}"


def _backends(runtime: str) -> frozenset[str]:
    return frozenset(RECIPES[runtime].backends) if runtime in RECIPES else frozenset()


def _settings(runtime: str, given: Mapping[str, Any]) -> tuple[list[str], str]:
    """The harmless ones as words, and how many others there are, by names where these are the adapter's own."""
    declared, allowed = table.find(runtime).options, _HARMLESS[runtime]
    words: list[str] = []
    others: list[str] = []
    foreign = 0
    for name, value in sorted(given.items()):
        option = declared.get(name)
        if option is None:
            foreign += 1
        elif name in allowed and _holds(option, value, allowed[name]):
            words += ["-o", f"{name}={str(value).lower() if isinstance(value, bool) else value}"]
        else:
            others.append(name)
    return words, ", ".join([*others, *_counted(foreign)])


def _counted(foreign: int) -> Iterator[str]:
    if foreign:
        yield f"{foreign} {'setting' if foreign == 1 else 'settings'} that this runtime does not declare"


def _holds(option: Option, value: object, most: int) -> bool:
    """Whether the value is one that the adapter itself offers: never a free text."""
    if type(value) is not option.kind:
        return False
    if isinstance(value, str):
        return value in option.choices
    if isinstance(value, bool):
        return True
    lowest = 0 if option.minimum is None else option.minimum
    highest = most if option.maximum is None else min(most, option.maximum)
    return isinstance(value, int) and lowest <= value <= highest
