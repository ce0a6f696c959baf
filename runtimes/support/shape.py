"""Whether an adapter, and what it loads, has the parts that `runtimes/interface.py` asks for. Only looks; runs nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from harness import device_kinds
from harness.device_kinds import DeviceKind
from runtimes.interface import (
    FAILURE_REASONS,
    PREFIX_CACHES,
    Capabilities,
    Device,
    FailureSign,
    Option,
    Recipe,
    RuntimeFacts,
)

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
    if not callable(adapter.load):
        return "its load must be a method"
    return _capabilities_fault(adapter) or _recipe_fault(adapter) or _signs_fault(adapter)


def _signs_fault(adapter: Any) -> str:
    """What is wrong with its failure signs."""
    signs = getattr(adapter, "failure_signs", ())
    if not isinstance(signs, tuple | list) or not all(isinstance(one, FailureSign) for one in signs):
        return "its failure_signs must be a tuple of FailureSign of runtimes.interface"
    for sign in signs:
        if sign.reason not in FAILURE_REASONS:
            return f"its failure sign says {sign.reason!r}, and must say one of {', '.join(FAILURE_REASONS)}"
        try:
            re.compile(sign.pattern)
        except (re.error, TypeError) as error:
            return f"its failure sign {sign.pattern!r} must be a regular expression ({error})"
    return ""


def _capabilities_fault(adapter: Any) -> str:
    """A word of `Capabilities` that stands elsewhere, or says what is not so: an undeclared simulation would pass as real."""
    names = [field.name for field in fields(Capabilities)]
    declared = getattr(adapter, "capabilities", Capabilities())
    if not isinstance(declared, Capabilities):
        return f"its capabilities must be Capabilities of runtimes.interface, and is a {type(declared).__name__}"
    apart = [name for name in names if isinstance(getattr(adapter, name, None), bool)]
    if apart:
        return f"its {apart[0]} must be declared in capabilities: Capabilities({apart[0]}={getattr(adapter, apart[0])})"
    strange = [name for name in names if type(getattr(declared, name)) is not bool]
    if strange:
        return f"capabilities.{strange[0]} must be true or false, and is {getattr(declared, strange[0])!r}"
    methods = {
        "convert": declared.converts,
        "describe": declared.describes,
        "probe": declared.probes,
        "reach": declared.reaches,
    }
    words = {"convert": "converts", "describe": "describes", "probe": "probes", "reach": "reaches"}
    return _undeclared(adapter, "its class", methods, words) or _prefix_fault(adapter.options, declared)


def _prefix_fault(options: Mapping[str, Option], declared: Capabilities) -> str:
    """An option that the harness turns on for a conversation, of an engine that is given no turns; or turns without it."""
    named = [name for name in PREFIX_CACHES if name in options]
    if named and not declared.converses:
        return f"it has the option {named[0]}, and its capabilities must say converses=True"
    if declared.converses and not named:
        return f"its capabilities say converses, and it has no option {' or '.join(PREFIX_CACHES)}"
    return ""


def _undeclared(owner: Any, who: str, methods: Mapping[str, bool], words: Mapping[str, str]) -> str:
    """A method that is there and not declared, or declared and not there."""
    for method, declared in methods.items():
        there = callable(getattr(owner, method, None))
        if there and not declared:
            return f"{who} has {method}, and its capabilities must say {words[method]}=True"
        if declared and not there:
            return f"its capabilities say {words[method]}, and {who} has no {method}"
    return ""


def _recipe_fault(adapter: Any) -> str:
    recipe = getattr(adapter, "recipe", None)
    if recipe is None:
        return ""
    if not isinstance(recipe, Recipe):
        return f"its recipe must be a Recipe of runtimes.interface, and is a {type(recipe).__name__}"
    if getattr(adapter, "capabilities", Capabilities()).in_core:
        return "it has a recipe, and its capabilities say in_core: it needs no environment"
    return ""  # whether its files are there is asked where they are used: beside repro, never in a worker


def loaded_fault(loaded: Any, declared: Capabilities) -> str:
    """What `load` gave in place of the `LoadedRuntime` that its adapter declares; "" where it is one."""
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
    return _place_fault(facts) or methods_fault(loaded, declared)


def methods_fault(loaded: Any, declared: Capabilities) -> str:
    """A method of what an adapter loads, or of its class, that is declared and not there, or there and not declared."""
    methods = {
        "generate_batch": declared.batches,
        "fresh": declared.outlives,
        "take": declared.takes_text,
        "remember": declared.deepens or declared.converses,
    }
    words = {"generate_batch": "batches", "fresh": "outlives", "take": "takes_text", "remember": "deepens"}
    return _undeclared(loaded, "what it loads", methods, words)


def _place_fault(facts: RuntimeFacts) -> str:
    """What computed must be known, and be among the devices that took part."""
    kinds = ", ".join(DeviceKind)
    told: dict[str, Any] = {"devices[].kind": [d.kind for d in facts.devices], "computed_on": facts.computed_on}
    for name, given in told.items():
        if not isinstance(given, tuple | list):
            return f"facts.{name} must be a tuple of DeviceKind, and is a {type(given).__name__}"
        strange = [kind for kind in given if kind not in tuple(DeviceKind)]
        if strange:
            return f"facts.{name} must be one of {kinds}, and is {strange[0]!r}"
    listed = [device.kind for device in facts.devices]
    if not listed:
        return "facts.devices must name what computed"
    if not facts.computed_on:
        if device_kinds.is_evident(listed):
            return ""
        return (
            "facts.computed_on must say which of its devices computed the layers: a processor is listed beside another"
        )
    computed = device_kinds.stated(facts.computed_on, listed)
    absent = sorted(computed - {DeviceKind(kind) for kind in listed})
    if absent:
        return f"facts.computed_on says {absent[0]}, and facts.devices lists none"
    idle = sorted(kind for kind in device_kinds.kinds_of(listed) - computed if kind is not DeviceKind.CPU)
    return f"facts.devices lists a {idle[0]} that facts.computed_on leaves out" if idle else ""


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
