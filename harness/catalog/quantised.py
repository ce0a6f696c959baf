"""How a folder of safetensors was quantised, from its configuration alone: method, bits and group as a label. Pure.

Formats: `quantization_config` of transformers' QuantizationConfigMixin and its subclasses, compressed-tensors' config_groups,
NVIDIA ModelOpt's hf_quant_config.json, AutoGPTQ's quantize_config.json, AutoAWQ's quant_config.json, mlx-lm's `quantization`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | bool
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scheme:
    """A method and what it does to a weight; `bits` None where it varies or isn't known, `group` 0 where there is none.

    `mixed`: other modules have other bits or groups. `details` is what else makes the weights what they are.
    """

    method: str
    label: str
    bits: int | None = None
    group: int = 0
    mixed: bool = False
    details: Mapping[str, Scalar] = field(default_factory=dict)


def scheme(config: Config) -> Scheme | None:
    """Of the merged configuration; None where it names no method. A method that is not known keeps its name."""
    found = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(found, dict):
        mlx = config.get("quantization")
        return _mlx(mlx) if isinstance(mlx, dict) and "bits" in mlx else None
    method = _method(found)
    if method.startswith("modelopt") and "quant_algo" in found and not found["quant_algo"]:
        return None  # its cache alone
    if method == "gguf" and found.get("dequantize") is True:
        return None  # what a conversion leaves behind
    reader = _READERS.get(method)
    if reader is None:
        return Scheme(method, f"unknown ({re.sub(r'[^A-Za-z0-9._-]+', '-', method)[:40] or 'no name'})")
    return reader(found)


def from_other_file(found: Config) -> Config | None:
    """What quantize_config.json, quant_config.json or hf_quant_config.json say, as a `quantization_config`; None for others."""
    inner = found.get("quantization")
    if isinstance(inner, dict) and "quant_algo" in inner:
        return {"quant_method": "modelopt", **inner} if inner["quant_algo"] else None
    if "w_bit" in found or "q_group_size" in found:
        return {"quant_method": "awq", **found}
    return {"quant_method": "gptq", **found} if "bits" in found and "group_size" in found else None


def _method(found: Config) -> str:
    named = found.get("quant_method")
    if isinstance(named, str) and named:
        return named.lower()
    if found.get("load_in_4bit") or found.get("load_in_8bit"):
        return "bitsandbytes"
    if "config_groups" in found:
        return "compressed-tensors"
    if "quant_algo" in found or isinstance(found.get("quantization"), dict):
        return "modelopt"
    if not {"bits", "group_size"} <= found.keys():
        return ""
    return "gptq" if "desc_act" in found or "sym" in found else "awq" if "zero_point" in found else "mlx"


def _number(found: Config, *names: str) -> int | None:
    return next((found[n] for n in names if type(found.get(n)) is int), None)


def _group(size: int | None) -> str:
    if not size:
        return ""
    return f"-g{size}" if size > 0 else "-channel"


def _ints(title: str, method: str, found: Config, bits: int | None, group: int | None, details: Config) -> Scheme:
    said = "unknown" if bits is None else str(bits)
    mixed = any(isinstance(found.get(n), dict) and found[n] for n in ("dynamic", "extra_config"))
    label = f"{title}-int{said}{_group(group)}" if bits is not None else f"{title}-unknown"
    kept = {name: value for name, value in details.items() if isinstance(value, str | int | bool)}
    return Scheme(method, label + ("-mixed" if mixed else ""), bits, max(group or 0, 0), mixed, kept)


def _awq(found: Config) -> Scheme:
    details = {"zero_point": found.get("zero_point"), "version": found.get("version")}
    return _ints(
        "AWQ", "awq", found, _number(found, "bits", "w_bit"), _number(found, "group_size", "q_group_size"), details
    )


def _gptq(found: Config) -> Scheme:
    details = {n: found.get(n) for n in ("desc_act", "sym", "static_groups", "checkpoint_format")}
    form = str(found.get("checkpoint_format") or "gptq").lower()
    # Marlin's and others' layouts are as true, and not counted here.
    known = form in ("gptq", "gptq_v2") and found.get("is_marlin_format") is not True
    return _ints(
        "GPTQ",
        "gptq" if known else "gptq in another layout",
        found,
        _number(found, "bits"),
        _number(found, "group_size"),
        details,
    )


def _auto_round(found: Config) -> Scheme:
    details = {n: found.get(n) for n in ("sym", "packing_format", "data_type")}
    kind = re.sub(r"[^a-z0-9_]", "", str(found.get("data_type") or "int").lower())[:12]
    if kind != "int":
        group = _number(found, "group_size")
        return Scheme("auto-round in another layout", f"AutoRound-{kind}{_number(found, 'bits') or ''}{_group(group)}")
    return _ints("AutoRound", "auto-round", found, _number(found, "bits"), _number(found, "group_size"), details)


def _hqq(found: Config) -> Scheme:
    inner = found.get("quant_config")
    one = inner.get("weight_quant_params") if isinstance(inner, dict) else None
    if not isinstance(one, dict):  # a configuration for each kind of layer
        return Scheme("hqq", "HQQ-mixed", mixed=True)
    return _ints("HQQ", "hqq", found, _number(one, "nbits"), _number(one, "group_size"), {"axis": one.get("axis")})


def _fp8(found: Config) -> Scheme:
    block, activations = found.get("weight_block_size"), found.get("activation_scheme")
    form = str(found.get("fmt", "e4m3"))
    shape = "tensor"
    if isinstance(block, list) and block and all(type(n) is int for n in block):
        shape = "b" + "x".join(map(str, block))
    parts = [re.sub(r"\W", "", form)[:12], shape, *([activations] if activations in ("static", "dynamic") else [])]
    return Scheme("fp8", "-".join(("FP8", *parts)), 8)


def _fbgemm(_: Config) -> Scheme:
    return Scheme("fbgemm_fp8", "FP8-e4m3-channel-dynamic", 8, details={"made_by": "fbgemm"})


def _bitsandbytes(found: Config) -> Scheme:
    four = found.get("load_in_4bit", found.get("_load_in_4bit", False)) is True
    kind = str(found.get("bnb_4bit_quant_type", "fp4")) if four else "int8"
    details = {"double_quantised": True} if four and found.get("bnb_4bit_use_double_quant") is True else {}
    return Scheme(
        "bitsandbytes", f"bitsandbytes-{re.sub(r'[^a-z0-9]', '', kind.lower())[:8]}", 4 if four else 8, details=details
    )


def _named(method: str, title: str, name: str, bits: int | None) -> Callable[[Config], Scheme]:
    def read(found: Config) -> Scheme:
        word = str(found.get(name, "")).lower()
        known = re.fullmatch(r"(?:q?int|float|fp)(\d)(?:_\w+)?", word)
        width = int(known[1]) if known else bits
        return Scheme(method, f"{title}-{re.sub(r'[^a-z0-9_]', '', word)[:20] or 'unknown'}", width)

    return read


def _aqlm(found: Config) -> Scheme:
    books, width = _number(found, "num_codebooks"), _number(found, "nbits_per_codebook")
    size, outer = _number(found, "in_group_size"), _number(found, "out_group_size") or 1
    if not books or not width or not size:
        return Scheme("aqlm", "AQLM-unknown")
    details: dict[str, Scalar] = {"in_group": size, "out_group": outer, "codebooks": books}
    bits = books * width / (size * outer)
    return Scheme("aqlm", f"AQLM-{bits:g}bit-{books}x{width}-g{size * outer}", None, size * outer, details=details)


def _torchao(found: Config) -> Scheme:
    kind: Any = found.get("quant_type")
    arguments: Any = found.get("quant_type_kwargs")
    if isinstance(kind, dict) and "default" in kind:
        kind = kind["default"]
    if isinstance(kind, dict):
        kind, arguments = kind.get("_type"), kind.get("_data")
    if not isinstance(kind, str):
        return Scheme("torchao", "torchao-unknown")
    word = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", kind.removesuffix("Config")).lower()
    group = _number(arguments, "group_size") if isinstance(arguments, dict) else None
    # Of `int8_dynamic_activation_int4_weight` the weights count.
    width = re.search(r"(?:u?int|float)(\d)_weight", word)
    name = re.sub(r"[^a-z0-9_]", "", word)[:40]
    return Scheme("torchao", f"torchao-{name}{_group(group)}", int(width[1]) if width else None, max(group or 0, 0))


def _exl(title: str) -> Callable[[Config], Scheme]:
    def read(found: Config) -> Scheme:
        bits = found.get("bits")
        said = f"{bits:g}bpw" if isinstance(bits, int | float) and not isinstance(bits, bool) else "unknown"
        return Scheme(title.lower(), f"{title}-{said}", mixed=True)

    return read


def _mlx(found: Config) -> Scheme:
    bits, group, mode = _number(found, "bits"), _number(found, "group_size"), found.get("mode", "affine")
    others = [value for value in found.values() if isinstance(value, dict)]
    mixed = bool(others)
    same = all(_number(one, "group_size") in (None, group) for one in others)
    kind = "int" if mode == "affine" else re.sub(r"[^a-z0-9]", "", str(mode).lower())[:10]
    width = f"{bits}" if mode == "affine" and bits else ""
    if mode == "affine" and not bits:
        return Scheme("mlx", "MLX-unknown")
    return Scheme(
        "mlx",
        f"MLX-{kind}{width}{_group(group)}" + ("-mixed" if mixed else ""),
        bits,
        max(group or 0, 0) if same else 0,
        mixed,
    )


def _modelopt(found: Config) -> Scheme:
    inner = found.get("quantization")
    one = {**found, **inner} if isinstance(inner, dict) else found
    algorithm = str(one.get("quant_algo") or "unknown")
    name = re.sub(r"[^A-Za-z0-9_]", "", algorithm)[:30]
    group, cache = _number(one, "group_size"), one.get("kv_cache_quant_algo")
    mixed = name == "MIXED_PRECISION"
    bits = next(
        (b for mark, b in (("FP4", 4), ("W4", 4), ("INT4", 4), ("FP8", 8), ("INT8", 8), ("W8", 8)) if mark in name),
        None,
    )
    details: dict[str, Scalar] = {"kv_cache": cache} if isinstance(cache, str) else {}
    return Scheme(
        "modelopt", f"modelopt-{name}{_group(group)}", None if mixed else bits, max(group or 0, 0), mixed, details
    )


def _compressed(found: Config) -> Scheme:
    groups = found.get("config_groups")
    kinds = {_of_group(one) for one in groups.values()} if isinstance(groups, dict) else set()
    sparse = found.get("sparsity_config")
    pattern = str(sparse.get("sparsity_structure", "")) if isinstance(sparse, dict) else ""
    tail = f"-sparse{pattern.replace(':', 'of')}" if re.fullmatch(r"\d:\d", pattern) else ""
    title = "compressed-tensors"
    if not kinds:
        return Scheme(title, f"{title}{tail}" if tail else f"{title}-unknown")
    if len(kinds) > 1:
        names = ", ".join(sorted(name for name, _, _ in kinds))
        return Scheme(title, f"{title}-mixed{tail}", mixed=True, details={"groups": names[:200]})
    ((name, bits, group),) = kinds
    return Scheme(title, f"{title}-{name}{tail}", bits, group)


def _bitnet(found: Config) -> Scheme:
    if found.get("quantization_mode") == "online":  # stored whole, rounded while it computes
        return Scheme("bitnet online", "BitNet-online")
    return Scheme("bitnet", "BitNet-1.58bit", 2)


def _of_group(one: Any) -> tuple[str, int | None, int]:
    """Label, bits and group of one of `config_groups`: compressed_tensors.quantization.QuantizationScheme."""
    weights, inputs = (one.get(n) if isinstance(one, dict) else None for n in ("weights", "input_activations"))
    if not isinstance(weights, dict) or type(weights.get("num_bits")) is not int:
        return "unknown", None, 0
    bits, group, kind = weights["num_bits"], _number(weights, "group_size"), str(weights.get("type", "int"))
    seen = _number(inputs, "num_bits") if isinstance(inputs, dict) else None
    if kind == "float" and bits == 4:
        name = ("nvfp4" if group == 16 else "mxfp4" if group == 32 else "fp4") + ("" if seen else "a16")
        return name, 4, group or 0
    name = f"w{bits}a{seen or 16}"
    if seen or kind == "float":
        name += "-fp8" if kind == "float" and bits == 8 else f"-{'fp' if kind == 'float' else 'int'}{bits}"
    block = weights.get("block_structure")
    if isinstance(block, str) and re.fullmatch(r"\d{1,5}x\d{1,5}", block):
        block = [int(size) for size in block.split("x")]
    # How activations are rounded makes another model of the same weights; `dynamic` is absent where they are not.
    dynamic = inputs.get("dynamic") if isinstance(inputs, dict) and seen else None
    when = {True: "-dynamic", False: "-static"}.get(dynamic, "") if isinstance(dynamic, bool) else ""
    if isinstance(block, list) and block and all(type(n) is int for n in block):
        return f"{name}-b" + "x".join(map(str, block)) + when, bits, 0
    strategy = weights.get("strategy")
    shape = _group(group) or (f"-{strategy}" if strategy in ("tensor", "channel") else "")
    return name + shape + when, bits, max(group or 0, 0)


_READERS: Mapping[str, Callable[[Config], Scheme]] = {
    "awq": _awq, "gptq": _gptq, "gptq_marlin": _gptq, "awq_marlin": _awq, "auto-round": _auto_round,
    "auto_round": _auto_round, "intel/auto-round": _auto_round, "fp8": _fp8, "fbgemm_fp8": _fbgemm,
    "bitsandbytes": _bitsandbytes, "compressed-tensors": _compressed, "compressed_tensors": _compressed,
    "mxfp4": lambda _: Scheme("mxfp4", "MXFP4", 4, 32), "modelopt": _modelopt, "modelopt_fp4": _modelopt, "hqq": _hqq,
    "eetq": _named("eetq", "EETQ", "weights", 8), "quanto": _named("quanto", "quanto", "weights", None), "aqlm": _aqlm,
    "torchao": _torchao, "exl2": _exl("EXL2"), "exl3": _exl("EXL3"), "mlx": _mlx,
    "bitnet": _bitnet,
}  # fmt: skip
