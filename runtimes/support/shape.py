"""Whether an adapter, and what it loads, has the parts that `runtimes/interface.py` asks for. Only looks; runs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from runtimes.interface import Device, Option, RuntimeFacts

_METHODS = ("tokenize", "generate", "score", "counters", "reset", "close")
_INTEGERS, _TEXTS = ("vocab_size", "context_tokens"), ("engine", "version", "package", "commit", "clock")
_MAPPINGS = ("build", "settings", "model")


def adapter_fault(adapter: Any, name: str) -> str:
    """What keeps `adapter` from being the runtime called `name`; "" where nothing does."""
    missing = [part for part in ("name", "formats", "options", "load") if not hasattr(adapter, part)]
    if missing:
        return f"its {type(adapter).__name__} has no {' and no '.join(missing)}"
    formats, options = adapter.formats, adapter.options
    if adapter.name != name:
        return f"its name must be {name!r}, as its entry point's, and is {adapter.name!r}"
    if not isinstance(formats, tuple | list) or not formats or not all(isinstance(one, str) for one in formats):
        return f"its formats must be a tuple of names such as ('gguf',), and is {formats!r}"
    if not isinstance(options, Mapping):
        return f"its options must map names to Option, and is a {type(options).__name__}"
    strange = [key for key, value in options.items() if not isinstance(key, str) or not isinstance(value, Option)]
    if strange:
        return f"its option {strange[0]!r} must be an Option of runtimes.interface"
    return "" if callable(adapter.load) else "its load must be a method"


def loaded_fault(loaded: Any) -> str:
    """What `load` gave in place of a `LoadedRuntime`; "" where it is one."""
    missing = [part for part in _METHODS if not callable(getattr(loaded, part, None))]
    if missing:
        return f"load gives a {type(loaded).__name__} without {', '.join(missing)}"
    facts = getattr(loaded, "facts", None)
    if not isinstance(facts, RuntimeFacts):
        return f"facts must be a RuntimeFacts of runtimes.interface, and is a {type(facts).__name__}"
    for field in fields(facts):
        value, fault = getattr(facts, field.name), ""
        if field.name in _INTEGERS and type(value) is not int:
            fault = "a whole number"
        elif field.name in _TEXTS and not isinstance(value, str):
            fault = "text"
        elif field.name in _MAPPINGS and not isinstance(value, Mapping):
            fault = "a mapping"
        elif field.name == "devices" and not (
            isinstance(value, tuple | list) and all(isinstance(one, Device) for one in value)
        ):
            fault = "a tuple of Device"
        elif field.name == "add_bos" and type(value) is not bool:
            fault = "true or false"
        elif field.name == "bos_id" and value is not None and type(value) is not int:
            fault = "a token's number, or None"
        if fault:
            return f"facts.{field.name} must be {fault}, and is a {type(value).__name__}"
    return ""


def ids_fault(ids: Any) -> str:
    """What `generate` or `tokenize` gave in place of a list of token ids; "" where it is one."""
    if not isinstance(ids, list | tuple):
        return f"gives a {type(ids).__name__}, and must give a list of token ids"
    strange = next((one for one in ids if isinstance(one, bool) or not isinstance(one, int)), None)
    return (
        ""
        if strange is None
        else f"gives {strange!r} ({type(strange).__name__}) for a token's id, and must give whole numbers"
    )


def counters_fault(counters: Any) -> str:
    """What `counters` gave in place of a mapping of names to whole numbers; "" where it is one."""
    if not isinstance(counters, Mapping):
        return f"gives a {type(counters).__name__}, and must give a mapping"
    strange = next((k for k, v in counters.items() if not isinstance(k, str) or type(v) is not int), None)
    return "" if strange is None else f"gives {counters[strange]!r} for {strange!r}, and must give whole numbers"
