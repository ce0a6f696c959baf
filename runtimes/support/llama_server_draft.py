"""A draft model in llama-server: how it is asked for, and whether the server took it. Pure.

A server that can't use a draft says so in its log and goes on without one: what it then measures is plain decoding.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from harness.errors import BadInput, one_line
from runtimes.interface import NO_MODEL, Scalar
from runtimes.support.device_choice import Chosen
from runtimes.support.llama_server_program import Program

METHOD = "draft-model"  # what a record says; `draft_model` in it is the digest of the draft's weights
_ALL_LAYERS = 999
_SIMPLE = "draft-simple"  # of the kinds of drafts that a newer server knows, the one by a whole smaller model
_MOST = ("--spec-draft-n-max", "--draft-max")  # the newer name, and the one of before
_LOADING = "loading draft model"
_UNLOADED = re.compile(r"failed to load draft model[^\n]*")
# A model without a draft may say the second, too.
_LEFT_OUT = re.compile(
    r"failed to initialize speculative decoding[^\n]*|speculative decoding not supported[^\n]*"
    r"|target and draft vocabs are not compatible[^\n]*"
)
# Then it goes back to a copy of the cache, and counts of its drafts only those that were kept whole.
_COPIES = re.compile(r"speculative decoding will use checkpoints|does not support partial sequence removal")


def flags(program: Program, options: Mapping[str, Any], choice: Chosen) -> list[Any]:
    """The arguments for the draft: it lies where the model does, with a KV cache of the same types.

    Raises `BadInput` where this server takes none.
    """
    if options["draft_model"] == NO_MODEL:
        return []
    most = next((name for name in _MOST if program.knows(name)), None)
    if most is None or not program.knows("--model-draft"):
        raise BadInput(
            "this llama-server takes no draft model", where="-o draft_model", fix="take a newer llama-server"
        )
    found: list[Any] = ["--model-draft", options["draft_model"], most, options["draft_max"]]
    found += ["--spec-type", _SIMPLE] if _SIMPLE in program.help else []
    wanted: dict[str, Any] = {"--cache-type-k-draft": options["type_k"], "--cache-type-v-draft": options["type_v"]}
    if choice.devices is not None:
        wanted["--device-draft"] = ",".join(one.name for one in choice.devices) or "none"
    if choice.candidates or options["gpu_layers"] is not None:
        wanted["--gpu-layers-draft"] = 0 if options["gpu_layers"] == 0 else _ALL_LAYERS
    for name, value in wanted.items():
        found += [name, value] if program.knows(name) else []
    return found + (["--slots"] if program.knows("--slots") else [])


def before(log: str) -> str:
    """What the log says of the model itself; of the draft it says the same things after it."""
    return log.partition(_LOADING)[0]


def unloaded(log: str) -> BadInput | None:
    """Why a server ended, where that was for the draft that it was given."""
    found = _UNLOADED.search(log)
    return None if found is None else _refused(found[0])


def _refused(said: str) -> BadInput:
    return BadInput(
        f"llama-server can't use it ({one_line(said, 160)})",
        where="-o draft_model",
        fix="take a smaller model of the same family and vocabulary, or another model",
    )


def settings(told: Mapping[str, Scalar], log: str, options: Mapping[str, Any]) -> dict[str, Scalar]:
    """What a record says of the draft that it was given; empty where it was given none.

    `told`: what the server says by its API. Raises `BadInput` unless it drafts, and counts all that it drafts.
    """
    if options["draft_model"] == NO_MODEL:
        return {}
    without = _LEFT_OUT.search(log)
    if without is not None:
        raise _refused(without[0])
    if told.get("speculative") is not True:
        raise BadInput(
            "llama-server does not say that it drafts", where="-o draft_model", fix="take a newer llama-server"
        )
    if _COPIES.search(log):
        raise BadInput(
            "this model's cache can't take single tokens back, and the server does not count all of its drafts then",
            where="-o draft_model",
            fix="leave it out, or take another model",
        )
    return {"speculative": METHOD, "draft_max": options["draft_max"]}
