"""torchao's `quant_type`: the name of a configuration, its numbers, and the configurations of single modules. Pure.

Format: transformers' TorchAoConfig and torchao's `config_to_dict` ("_type" and "_data" of each object).
"""

from __future__ import annotations

import re
from typing import Any

from harness.catalog.scheme import Config, Scheme, group_word, number, word

_MOST = 200  # characters of a detail
_BY_MODULE = ("fqn_to_config", "module_fqn_to_config")
_GRANULARITY = {"PerRow": "-row", "PerTensor": "-tensor", "PerAxis": "-channel"}


def torchao(found: Config) -> Scheme:
    """Of one configuration for all modules, or of one for each name of a module."""
    kind: Any = found.get("quant_type")
    arguments: Any = found.get("quant_type_kwargs")
    if isinstance(kind, dict) and "default" in kind:
        kind = kind["default"]
    if isinstance(kind, dict):
        kind, arguments = kind.get("_type"), kind.get("_data")
    if not isinstance(kind, str):
        return Scheme("torchao", "torchao-unknown")
    of_modules = next((arguments[n] for n in _BY_MODULE if isinstance(arguments, dict) and n in arguments), None)
    if of_modules is None:
        label, bits, group = _of(kind, arguments if isinstance(arguments, dict) else {})
        return Scheme("torchao", f"torchao-{label}", bits, group)
    entries = of_modules.values() if isinstance(of_modules, dict) else ()
    kinds = {_of(str(one.get("_type")), _inner(one)) for one in entries if isinstance(one, dict)}
    if len(kinds) == 1:  # others are left whole
        ((label, bits, group),) = kinds
        return Scheme("torchao", f"torchao-{label}", bits, group)
    return Scheme(
        "torchao", "torchao-mixed", mixed=True, details={"modules": ", ".join(sorted(k[0] for k in kinds))[:_MOST]}
    )


def _of(kind: str, arguments: Config) -> tuple[str, int | None, int]:
    """Name with group, bits of the weights and size of a group of one configuration."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.removesuffix("Config")).lower()
    # Of `int8_dynamic_activation_int4_weight` the weights count; `intx` says its width beside.
    width = re.search(r"(?:u?int|float)(\d)_weight", plain)
    told = str(_inner(arguments.get("weight_dtype")) or arguments.get("dtype") or "").removeprefix("torch.")
    if re.fullmatch(r"u?int\d", told):
        plain = re.sub(r"u?intx", told, plain)
        width = re.search(r"(\d)$", told)
    group = number(arguments, "group_size")
    shape = _shape(arguments.get("weight_granularity", arguments.get("granularity")))
    if isinstance(shape, int):
        group, shape = shape, ""
    name = re.sub(r"[^a-z0-9_]", "", plain)[:40]
    return f"{name}{group_word(group)}{shape}", int(width[1]) if width else None, max(group or 0, 0)


def _shape(granularity: Any) -> str | int:
    """A group's size, or the word for what shares a scale; of a list the weights' is the last."""
    one = granularity[-1] if isinstance(granularity, list) and granularity else granularity
    if not isinstance(one, dict):
        return ""
    size = number(_inner(one), "group_size")
    return size or _GRANULARITY.get(word(one.get("_type"), 20), "")


def _inner(one: Any) -> Any:
    data = one.get("_data") if isinstance(one, dict) else None
    return {} if data is None else data
