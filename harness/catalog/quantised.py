"""How a folder of safetensors was quantised, from its configuration alone: method, bits and group as a label. Pure.

Formats: `quantization_config` of transformers' QuantizationConfigMixin and its subclasses, compressed-tensors' config_groups,
NVIDIA ModelOpt's hf_quant_config.json, AutoGPTQ's quantize_config.json, AutoAWQ's quant_config.json, mlx-lm's `quantization`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from harness.catalog import quantised_groups as _groups
from harness.catalog import quantised_torchao
from harness.catalog.scheme import Config, Scalar, Scheme, float8, group_word, number, word


def scheme(config: Config) -> Scheme | None:
    """Of the merged configuration; None where it names no method. A method that is not known keeps its name."""
    found = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(found, dict):
        mlx = config.get("quantization")
        return _mlx(mlx) if isinstance(mlx, dict) and "bits" in mlx else None
    method = _method(found)
    if method.startswith("modelopt") and "quant_algo" in found and not found["quant_algo"]:
        return None  # its cache alone
    if method.startswith("modelopt"):  # modelopt_fp4, modelopt_mixed: the algorithm says it
        method = "modelopt"
    if method == "gguf" and found.get("dequantize") is True:
        return None  # what a conversion leaves behind
    reader = _READERS.get(method)
    if reader is None:
        return Scheme(method, f"unknown ({re.sub(r'[^A-Za-z0-9._-]+', '-', method)[:40] or 'no name'})")
    return _with_experts(reader(found), config.get("expert_dtype") or found.get("expert_dtype") or "")


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
    if "quant_algo" in found or isinstance(found.get("quantization"), dict):
        return "modelopt"
    if "config_groups" in found:
        return "compressed-tensors"
    if "global_quant_config" in found:
        return "quark"
    if not {"bits", "group_size"} <= found.keys():
        return ""
    return "gptq" if "desc_act" in found or "sym" in found else "awq" if "zero_point" in found else "mlx"


def _ints(title: str, method: str, found: Config, bits: int | None, group: int | None, details: Config) -> Scheme:
    said = "unknown" if bits is None else str(bits)
    mixed = _differ(found.get("dynamic")) or _differ(found.get("extra_config"))
    label = f"{title}-int{said}{group_word(group)}" if bits is not None else f"{title}-unknown"
    kept = {name: value for name, value in details.items() if isinstance(value, str | int | bool)}
    return Scheme(method, label + ("-mixed" if mixed else ""), bits, max(group or 0, 0), mixed, kept)


def _differ(modules: Any) -> bool:
    """Whether some modules are quantised otherwise; those that are left whole ("-:name", 16 bits) are no other kind."""
    others = modules.items() if isinstance(modules, dict) else ()
    return any(
        not name.startswith("-:") and not (isinstance(one, dict) and (number(one, "bits") or 0) >= 16)
        for name, one in others
    )


def _awq(found: Config) -> Scheme:
    details = {"zero_point": found.get("zero_point"), "version": found.get("version")}
    # Marlin's layout is as true, and not counted here.
    method = "awq in another layout" if str(found.get("version")).lower() == "marlin" else "awq"
    return _ints(
        "AWQ", method, found, number(found, "bits", "w_bit"), number(found, "group_size", "q_group_size"), details
    )


def _gptq(found: Config) -> Scheme:
    details = {n: found.get(n) for n in ("desc_act", "sym", "static_groups", "checkpoint_format")}
    form = str(found.get("checkpoint_format") or found.get("format") or "gptq").lower()
    # Marlin's and others' layouts are as true, and not counted here.
    known = form in ("gptq", "gptq_v2") and found.get("is_marlin_format") is not True
    return _ints(
        "GPTQ",
        "gptq" if known else "gptq in another layout",
        found,
        number(found, "bits"),
        number(found, "group_size"),
        details,
    )


def _auto_round(found: Config) -> Scheme:
    details = {n: found.get(n) for n in ("sym", "packing_format", "data_type")}
    kind = re.sub(r"[^a-z0-9_]", "", str(found.get("data_type") or "int").lower())[:12]
    bits, group, seen = number(found, "bits"), number(found, "group_size"), number(found, "act_bits")
    acts = f"-a{seen}" if seen and seen < 16 else ""
    if kind != "int":
        return Scheme("auto-round in another layout", f"AutoRound-{kind}{bits or ''}{acts}{group_word(group)}")
    one = _ints("AutoRound", "auto-round", found, bits, group, details)
    return replace(one, label=one.label.replace(f"int{bits}", f"int{bits}{acts}"))


def _hqq(found: Config) -> Scheme:
    inner = found.get("quant_config")
    one = inner.get("weight_quant_params") if isinstance(inner, dict) else None
    if not isinstance(one, dict):  # a configuration for each kind of layer
        return Scheme("hqq", "HQQ-mixed", mixed=True)
    return _ints("HQQ", "hqq", found, number(one, "nbits"), number(one, "group_size"), {"axis": one.get("axis")})


def _fp8(found: Config) -> Scheme:
    block, activations = found.get("weight_block_size"), found.get("activation_scheme")
    form = float8(found.get("fmt") or "e4m3")
    shape = "tensor"
    if isinstance(block, list) and block and all(type(n) is int for n in block):
        shape = "b" + "x".join(map(str, block))
    parts = [form, shape, *([activations] if activations in ("static", "dynamic") else [])]
    details: dict[str, Scalar] = {"scales": word(found["scale_fmt"], 20)} if found.get("scale_fmt") else {}
    return Scheme("fp8", "-".join(("FP8", *parts)), 8, details=details)


def _with_experts(one: Scheme, kind: object) -> Scheme:
    """DeepSeek V4 says of its experts alone that they have another type (`expert_dtype`)."""
    named = word(kind, 12).lower()
    if one.method != "fp8" or not named or named.startswith(("fp8", "float8")):
        return one
    return replace(one, label=f"{one.label}-{named}-experts", bits=None, mixed=True)


def _fbgemm(_: Config) -> Scheme:
    return Scheme("fbgemm_fp8", "FP8-e4m3-channel-dynamic", 8, details={"made_by": "fbgemm"})


def _bitsandbytes(found: Config) -> Scheme:
    four = found.get("load_in_4bit", found.get("_load_in_4bit", False)) is True
    kind = str(found.get("bnb_4bit_quant_type", "fp4")) if four else "int8"
    details: dict[str, Scalar] = {}
    if four and found.get("bnb_4bit_use_double_quant") is True:
        details["double_quantised"] = True
    storage = str(found.get("bnb_4bit_quant_storage") or "uint8").removeprefix("torch.")
    if four and storage != "uint8":  # of what type the file says that its bytes are
        details["storage"] = word(storage, 20)
    return Scheme(
        "bitsandbytes", f"bitsandbytes-{re.sub(r'[^a-z0-9]', '', kind.lower())[:8]}", 4 if four else 8, details=details
    )


def _named(method: str, title: str, name: str, bits: int | None) -> Callable[[Config], Scheme]:
    def read(found: Config) -> Scheme:
        word = str(found.get(name, "")).lower()
        known = re.fullmatch(r"(?:q?int|float|fp)(\d)(?:_\w+)?", word)
        width = int(known[1]) if known else bits
        acts = re.sub(r"[^a-z0-9_]", "", str(found.get("activations") or "").lower())[:12]
        seen = f"-a{acts.removeprefix('q').removeprefix('int')}" if acts else ""
        return Scheme(method, f"{title}-{re.sub(r'[^a-z0-9_]', '', word)[:20] or 'unknown'}{seen}", width)

    return read


def _aqlm(found: Config) -> Scheme:
    books, width = number(found, "num_codebooks"), number(found, "nbits_per_codebook")
    size, outer = number(found, "in_group_size"), number(found, "out_group_size") or 1
    if not books or not width or not size:
        return Scheme("aqlm", "AQLM-unknown")
    details: dict[str, Scalar] = {"in_group": size, "out_group": outer, "codebooks": books}
    bits = books * width / (size * outer)
    return Scheme("aqlm", f"AQLM-{bits:g}bit-{books}x{width}-g{size * outer}", None, size * outer, details=details)


def _exl(title: str) -> Callable[[Config], Scheme]:
    def read(found: Config) -> Scheme:
        bits = found.get("bits")
        said = f"{bits:g}bpw" if isinstance(bits, int | float) and not isinstance(bits, bool) else "unknown"
        head = number(found, "head_bits")
        return Scheme(title.lower(), f"{title}-{said}", mixed=True, details={"head_bits": head} if head else {})

    return read


def _mlx(found: Config) -> Scheme:
    bits, group, mode = number(found, "bits"), number(found, "group_size"), found.get("mode", "affine")
    others = [value for value in found.values() if isinstance(value, dict)]
    mixed = bool(others)
    same = all(number(one, "group_size") in (None, group) for one in others)
    kind = "int" if mode == "affine" else re.sub(r"[^a-z0-9]", "", str(mode).lower())[:10]
    width = f"{bits}" if mode == "affine" and bits else ""
    if mode == "affine" and not bits:
        return Scheme("mlx", "MLX-unknown")
    return Scheme(
        "mlx",
        f"MLX-{kind}{width}{group_word(group)}" + ("-mixed" if mixed else ""),
        bits,
        max(group or 0, 0) if same else 0,
        mixed,
    )


def _bitnet(found: Config) -> Scheme:
    if found.get("quantization_mode") == "online":  # stored whole, rounded while it computes
        return Scheme("bitnet online", "BitNet-online")
    return Scheme("bitnet", "BitNet-1.58bit", 2)


_READERS: Mapping[str, Callable[[Config], Scheme]] = {
    "awq": _awq, "gptq": _gptq, "gptq_marlin": _gptq, "awq_marlin": _awq, "auto-round": _auto_round,
    "auto_round": _auto_round, "intel/auto-round": _auto_round, "fp8": _fp8, "fbgemm_fp8": _fbgemm,
    "bitsandbytes": _bitsandbytes, "compressed-tensors": _groups.compressed, "compressed_tensors": _groups.compressed,
    "mxfp4": lambda _: Scheme("mxfp4", "MXFP4", 4, 32), "modelopt": _groups.modelopt, "quark": _groups.quark, "hqq": _hqq,
    "eetq": _named("eetq", "EETQ", "weights", 8), "quanto": _named("quanto", "quanto", "weights", None), "aqlm": _aqlm,
    "torchao": quantised_torchao.torchao, "exl2": _exl("EXL2"), "exl3": _exl("EXL3"), "mlx": _mlx,
    "bitnet": _bitnet,
}  # fmt: skip
