"""Schemes that say of groups of modules how weights and activations are held: compressed-tensors, ModelOpt, AMD Quark. Pure.

Formats: compressed_tensors.quantization.QuantizationScheme, NVIDIA ModelOpt's hf_quant_config.json and its form of config.json,
the `quantization_config` that Quark's export writes.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from harness.catalog.scheme import Config, Scalar, Scheme, float8, group_word, number, word

_MOST = 200  # characters of a detail
_LABEL = 64  # characters of a label, as a row holds it


def compressed(found: Config) -> Scheme:
    """compressed-tensors' `config_groups`."""
    groups = found.get("config_groups")
    kinds = {_of_group(one) for one in _with_weights(groups)}
    sparse = found.get("sparsity_config")
    pattern = str(sparse.get("sparsity_structure", "")) if isinstance(sparse, dict) else ""
    tail = f"-sparse{pattern.replace(':', 'of')}" if re.fullmatch(r"\d:\d", pattern) else ""
    title = "compressed-tensors"
    details = _cache(found) | _said_of(groups)
    if isinstance(found.get("format"), str):
        details["format"] = word(found["format"].replace("-", "_"), 40).replace("_", "-")
    details |= _beside(found)
    if not kinds:
        return Scheme(title, f"{title}{tail}" if tail else f"{title}-unknown", details=details)
    if len(kinds) > 1:
        names = sorted(name for name, _, _ in kinds)
        whole = f"{title}-mixed-{'+'.join(names)}{tail}"
        label = whole if len(whole) <= _LABEL else f"{title}-mixed-of-{len(names)}{tail}"
        return Scheme(title, label, mixed=True, details=details | {"groups": ", ".join(names)[:_MOST]})
    ((name, bits, group),) = kinds
    return Scheme(title, f"{title}-{name}{tail}", bits, group, details=details)


def _with_weights(groups: Any) -> list[Any]:
    """The groups less those of attention or cache alone, whose weights are null."""
    found = groups.values() if isinstance(groups, dict) else ()
    return [one for one in found if not (isinstance(one, dict) and "weights" in one and one["weights"] is None)]


def _beside(found: Config) -> dict[str, Scalar]:
    """What else is computed: rotations before a matrix, and attention in few bits."""
    transforms, groups = found.get("transform_config"), found.get("config_groups")
    said: dict[str, Scalar] = {}
    named = transforms.get("config_groups") if isinstance(transforms, dict) else None
    kinds = {
        word(one.get("type") or "unnamed", 20)
        for one in (named.values() if isinstance(named, dict) else ())
        if isinstance(one, dict)
    }
    if kinds:
        said["transforms"] = ", ".join(sorted(kinds))
    seen = {
        f"{_kind(one['input_activations'])}{number(one['input_activations'], 'num_bits')}"
        for one in (groups.values() if isinstance(groups, dict) else ())
        if isinstance(one, dict) and one.get("weights", 0) is None and isinstance(one.get("input_activations"), dict)
    }
    if len(seen) == 1:
        said["attention"] = seen.pop()
    return said


def _of_group(one: Any) -> tuple[str, int | None, int]:
    """Label, bits and group of one of `config_groups`."""
    weights, inputs = (one.get(n) if isinstance(one, dict) else None for n in ("weights", "input_activations"))
    if not isinstance(weights, dict) or type(weights.get("num_bits")) is not int:
        return "unknown", None, 0
    bits, group, kind = weights["num_bits"], number(weights, "group_size"), _kind(weights)
    seen = number(inputs, "num_bits") if isinstance(inputs, dict) else None
    seen = seen if seen and seen < 16 else None
    # Activations of another kind than the weights have their own word: w4a8 is int8 or fp8.
    other = f"-{_kind(inputs)}{seen}" if isinstance(inputs, dict) and seen and _kind(inputs) != kind else ""
    uneven = "-asym" if weights.get("symmetric") is False else ""
    if kind == "fp" and bits == 4:
        name = "nvfp4" if group == 16 else "mxfp4" if group == 32 else "fp4"
        return name + ("" if seen == 4 else f"a{seen or 16}") + other + uneven, 4, group or 0
    name = f"w{bits}a{seen or 16}"
    if seen or kind == "fp":
        name += f"-{kind}{bits}"
    block = weights.get("block_structure")
    if isinstance(block, str) and re.fullmatch(r"\d{1,5}x\d{1,5}", block):
        block = [int(size) for size in block.split("x")]
    # How activations are rounded makes another model of the same weights; `dynamic` is absent where they are not.
    dynamic = inputs.get("dynamic") if isinstance(inputs, dict) and seen else None
    when = uneven + ({True: "-dynamic", False: "-static"}[dynamic] if isinstance(dynamic, bool) else "")
    if isinstance(block, list) and block and all(type(n) is int for n in block):
        return f"{name}{other}-b" + "x".join(map(str, block)) + when, bits, 0
    strategy = weights.get("strategy")
    shape = group_word(group) or (f"-{strategy}" if strategy in ("tensor", "channel") else "")
    return name + other + shape + when, bits, max(group or 0, 0)


def _kind(part: Config) -> str:
    return "fp" if part.get("type") == "float" else "int"


def _said_of(groups: Any) -> dict[str, Scalar]:
    """How activations are held and in which order weights were rounded, where all groups say the same."""
    said: dict[str, set[str]] = {"activations": set(), "order": set()}
    for one in _with_weights(groups):
        weights, inputs = (one.get(n) if isinstance(one, dict) else None for n in ("weights", "input_activations"))
        if isinstance(inputs, dict) and 0 < (number(inputs, "num_bits") or 0) < 16:
            how = [inputs[n] for n in ("strategy", "dynamic") if isinstance(inputs.get(n), str)]
            said["activations"].add(
                " ".join((f"{_kind(inputs)}{number(inputs, 'num_bits')}", *(word(h, 20) for h in how)))
            )
        order = weights.get("actorder") if isinstance(weights, dict) else None
        if isinstance(order, str) and order:
            said["order"].add(word(order, 20))
    return {name: words.pop() for name, words in said.items() if len(words) == 1}


def _cache(found: Config) -> dict[str, Scalar]:
    """What `kv_cache_scheme` says, in the words of ModelOpt's `kv_cache_quant_algo`."""
    one, named = found.get("kv_cache_scheme"), found.get("kv_cache_quant_algo")
    if isinstance(named, str) and named:
        return {"kv_cache": word(named, 30)}
    bits = number(one, "num_bits") if isinstance(one, dict) else None
    if not bits or not isinstance(one, dict):
        return {}
    kind = "NVFP4" if (bits, one.get("type")) == (4, "float") else f"{_kind(one).upper()}{bits}"
    return {"kv_cache": kind}


_ALGORITHM_BITS = (("FP4", 4), ("W4", 4), ("INT4", 4), ("FP8", 8), ("INT8", 8), ("W8", 8))


def modelopt(found: Config) -> Scheme:
    """ModelOpt's, alike from hf_quant_config.json and from config.json, which says the groups as compressed-tensors does."""
    inner = found.get("quantization")
    one = {**found, **inner} if isinstance(inner, dict) else found
    name = word(one.get("quant_algo") or "unknown", 30)
    details = _cache(one)
    if name == "MIXED_PRECISION":
        return _mixture(one, details)
    group = number(one, "group_size")
    sizes = {number(part["weights"], "group_size") for part in _groups(one)}
    if group is None and len(sizes) == 1:
        group = sizes.pop()
    bits = next((bits for mark, bits in _ALGORITHM_BITS if mark in name), None)
    return Scheme("modelopt", f"modelopt-{name}{group_word(group)}", bits, max(group or 0, 0), details=details)


def _groups(found: Config) -> list[Config]:
    groups = found.get("config_groups")
    parts = groups.values() if isinstance(groups, dict) else ()
    return [one for one in parts if isinstance(one, dict) and isinstance(one.get("weights"), dict)]


def _mixture(found: Config, details: dict[str, Scalar]) -> Scheme:
    """Each module's own method, from `quantized_layers`, else from the groups."""
    layers = found.get("quantized_layers")
    counts: Counter[str] = Counter()
    for one in layers.values() if isinstance(layers, dict) else ():
        if isinstance(one, dict) and isinstance(one.get("quant_algo"), str):
            counts[word(one["quant_algo"], 30) + group_word(number(one, "group_size"))] += 1
    if not counts:
        for group in _groups(found):
            targets = group.get("targets")
            counts[_of_group(group)[0]] += len(targets) if isinstance(targets, list) else 1
    if not counts:
        return Scheme("modelopt", "modelopt-MIXED_PRECISION", mixed=True, details=details)
    names = "+".join(sorted(counts))
    label = f"modelopt-mixed-{names}" if len(names) <= 45 else f"modelopt-mixed-of-{len(counts)}"
    told = ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))
    return Scheme("modelopt", label, mixed=True, details=details | {"modules": told[:_MOST]})


def quark(found: Config) -> Scheme:
    """AMD Quark's: one configuration for all modules, and others for some."""
    whole = _of_quark(found.get("global_quant_config"))
    others = {
        _of_quark(one)
        for name in ("layer_quant_config", "layer_type_quant_config")
        for one in (found[name].values() if isinstance(found.get(name), dict) else ())
    } - {whole}
    if whole == _NOTHING and len(others) == 1:  # some modules alone
        (whole,) = others
        others = set()
    if whole[0] == "unknown":
        return Scheme("quark in another form", "unknown (quark)")
    details = _cache_of_quark(found)
    if others:
        details["modules"] = ", ".join(sorted(name for name, _, _ in others | {whole}))[:_MOST]
        return Scheme("quark", f"Quark-{whole[0]}-mixed", None, 0, True, details)
    return Scheme("quark", f"Quark-{whole[0]}", whole[1], whole[2], details=details)


_NOTHING = ("whole", None, 0)


def _of_quark(one: Any) -> tuple[str, int | None, int]:
    weights, inputs = (one.get(n) if isinstance(one, dict) else None for n in ("weight", "input_tensors"))
    if isinstance(one, dict) and weights is None and inputs is None:
        return _NOTHING
    if not isinstance(weights, dict) or not (isinstance(inputs, dict) or inputs is None):
        return "unknown", None, 0
    kind, seen = (_type_of_quark(part) if part else "" for part in (weights, inputs))
    width = re.search(r"\d", kind)
    bits = int(width[0]) if width else None
    group = number(weights, "group_size") if weights.get("qscheme") == "per_group" else None
    scales = str(weights.get("scale_format", "")).lower()
    acts = "" if seen == kind else f"-{seen}" if seen else "-a16"
    name, scheme = kind, str(weights.get("qscheme", "")).removeprefix("per_")
    shape = group_word(group) or (f"-{scheme}" if scheme in ("tensor", "channel") else "")
    if kind.startswith("fp") and group == 32 and scales == "e8m0":
        name, shape = f"MX{kind.upper()}", ""
    dynamic = inputs.get("is_dynamic") if isinstance(inputs, dict) else None
    when = {True: "-dynamic", False: "-static"}[dynamic] if isinstance(dynamic, bool) else ""
    uneven = "-asym" if weights.get("symmetric") is False and kind.startswith("int") else ""
    return f"{name}{acts}{shape}{uneven}{when}", bits, group or 0


def _type_of_quark(part: Config) -> str:
    kind = str(part.get("dtype") or "unknown").lower()
    return f"fp8{float8(kind).removeprefix('e4m3')}" if kind.startswith("fp8") else word(kind, 12)


def _cache_of_quark(found: Config) -> dict[str, Scalar]:
    said = found.get("kv_cache_quant_config")
    parts = (
        [one.get("output_tensors") for one in said.values() if isinstance(one, dict)] if isinstance(said, dict) else []
    )
    kinds = {_type_of_quark(one).upper() for one in parts if isinstance(one, dict)}
    return {"kv_cache": kinds.pop()} if len(kinds) == 1 else {}
