"""Parameters of a folder's tensors, and whether these are what its configuration says of their quantisation. Pure.

A method stores several parameters in one element, and scales, zero points and code books beside them, which are no parameters of
the model. Layouts: AutoGPTQ/GPTQModel, AutoAWQ, compressed-tensors, bitsandbytes, ModelOpt, gpt-oss, HQQ, EETQ, AQLM, ExLlama,
mlx and transformers' BitNet as they write safetensors.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from harness.catalog.gguf import Tensor
from harness.catalog.scheme import Scheme

FLOATS = frozenset(("F64", "F32", "F16", "BF16"))
# Last parts of names of what lies beside a packed weight.
_BESIDE = frozenset(
    "qzeros scales g_idx weight_scale weight_scale_2 weight_scale_inv weight_scales weight_zero_point weight_g_idx weight_shape "
    "weight_global_scale input_scale input_global_scale output_scale activation_scale k_scale v_scale q_scale act_scale "
    "act_scales pre_quant_scale absmax nested_absmax quant_map nested_quant_map SCB weight_format codebooks q_scale_max q_groups "
    "q_invperm q_perm suh svh su sv mcg mul1 _scale _shift _zeropoint row_offsets bitmask shape zero scale q_group_map".split()
)
# What a packed weight is called → the methods that call it so.
_MARKS: Mapping[str, tuple[str, ...]] = {
    "qweight": ("awq", "gptq", "auto-round"), "weight_packed": ("compressed-tensors", "mxfp4"), "W_q": ("hqq",),
    "q_weight": ("exl2",), "trellis": ("exl3",), "codes": ("aqlm",), "quant_state": ("bitsandbytes",), "blocks": ("mxfp4",),
}  # fmt: skip
_MARK = re.compile(r"[._](?:(qweight|weight_packed|W_q|q_weight|trellis|codes|blocks)$|(quant_state)\.)")
_Parts = Mapping[str, Tensor]  # the tensors of one module by the last parts of their names


class Contradiction(Exception):
    """The tensors are not what the configuration says; the argument says in what."""


def counted(tensors: Sequence[Tensor], scheme: Scheme | None) -> tuple[Tensor, ...]:
    """The tensors with their parameters. Raises `Contradiction`: packed without a method, a method without trace, other bits."""
    if scheme is None:
        packed = next((t for t in tensors if t.type not in FLOATS and _packed(t)), None)
        if packed is not None:
            raise Contradiction(f"{packed.name} is packed ({packed.type}), and config.json names no quantisation")
        return tuple(replace(t, parameters=t.elements if _whole(t) else 0) for t in tensors)
    count = _COUNTING.get(scheme.method, _floats)
    if count is not _floats:
        _traces(tensors, scheme)
    modules: dict[str, dict[str, Tensor]] = {}
    places = [_split(tensor.name) for tensor in tensors]
    for (path, part), tensor in zip(places, tensors, strict=True):
        modules.setdefault(path, {})[part] = tensor
    return tuple(
        replace(tensor, parameters=0 if _beside(part) else count(path, part, modules[path], scheme))
        for (path, part), tensor in zip(places, tensors, strict=True)
    )


def _traces(tensors: Sequence[Tensor], scheme: Scheme) -> None:
    """Raises `Contradiction` where the method's own marks are missing, or another's are there."""
    marks: dict[str, str] = {}
    for tensor in tensors:
        found = _MARK.search(tensor.name)
        if found and tensor.type not in FLOATS:
            marks.setdefault(found[1] or found[2], tensor.name)
    for mark, name in marks.items():
        if scheme.method not in _MARKS[mark]:
            raise Contradiction(f"config.json says {scheme.label}, and {name} is packed as {_MARKS[mark][0]} does it")
    must = scheme.method not in ("bitsandbytes", "compressed-tensors") and any(
        scheme.method in m for m in _MARKS.values()
    )
    plain = all(t.type in FLOATS or t.type == "I64" for t in tensors)
    if scheme.method == "compressed-tensors" and scheme.bits is None:
        plain = False  # of sparsity, or of the cache alone
    if plain or (must and not marks):
        types = " and ".join(sorted({t.type for t in tensors}))
        raise Contradiction(f"config.json says {scheme.label}, and all its weights are {types}")


def _packed(tensor: Tensor) -> bool:
    return bool(_MARK.search(tensor.name)) or (tensor.type in ("U32", "I32", "U8") and tensor.name.endswith(".weight"))


def _beside(part: str) -> bool:
    last = part.rpartition(".")[2]
    # torchao's: `_weight_scale`, `_weight_zero_point` and others beside `_weight_qdata`.
    return last in _BESIDE or "quant_state." in part or (last.startswith("_weight_") and last != "_weight_qdata")


def _split(name: str) -> tuple[str, str]:
    """The module's path and the tensor's part in it: bitsandbytes and quanto hang theirs below `weight`."""
    path, found, rest = name.partition(".weight.")
    if found:
        return path, f"weight.{rest}"
    path, _, part = name.rpartition(".")
    for tail in ("_blocks", "_scales"):  # gpt-oss names a module's tensors with one word
        if part.endswith(tail):
            return f"{path}.{part.removesuffix(tail)}", tail[1:]
    return path, part


def _whole(tensor: Tensor) -> bool:
    """Whether an element is a parameter: floats of any width, and signed bytes."""
    return tensor.type in FLOATS or tensor.type == "I8" or tensor.type.startswith(("F8_", "F6_", "F4"))


def _by_bits(tensor: Tensor, bits: int | None) -> int | None:
    return None if not bits else tensor.n_bytes * 8 // bits


def _checked(path: str, tensor: Tensor, scales: Tensor | None, outputs: int, scheme: Scheme) -> int | None:
    """By the bits; the scales, one for each of `outputs` and each group of inputs, must then come out as many as there are."""
    said = _by_bits(tensor, scheme.bits)
    if not said or scales is None or not outputs or not scales.elements:
        return said
    groups, inputs = scales.elements // outputs, said // outputs
    wanted = -(-inputs // scheme.group) if scheme.group else 1
    if groups != wanted:
        seen = (
            f"{tensor.n_bytes * 8 / (scales.elements * scheme.group):.3g} bits a weight" if scheme.group else "groups"
        )
        raise Contradiction(f"config.json says {scheme.label}, and {path} has {seen}")
    return said


def _floats(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    """Plain floats can be counted, of any method."""
    return parts[part].elements if parts[part].type in FLOATS else None


def _elements(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    return parts[part].elements if _whole(parts[part]) else None


def _words(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    """GPTQ, AWQ, AutoRound: `qweight`, scales of (groups, outputs); where inputs are reordered, `g_idx` has one a row."""
    tensor, scales, rows = parts[part], parts.get("scales"), parts.get("g_idx")
    if part != "qweight":
        return _floats(path, part, parts, scheme)
    if scheme.mixed:
        return rows.elements * scales.shape[-1] if rows is not None and scales is not None and scales.shape else None
    if scales is None or not scales.shape or str(scheme.details.get("version", "")).lower().startswith("gemv"):
        return _by_bits(tensor, scheme.bits)
    outputs = scales.shape[-1]
    said = _checked(path, tensor, scales, outputs, scheme)
    # GPTQ packs neighbours of a column, AWQ those of a row.
    columns = outputs * (scheme.bits or 0) // 32 if scheme.method == "awq" else outputs
    if scheme.method != "auto-round" and said and tensor.shape[-1] != columns:
        raise Contradiction(f"config.json says {scheme.label}, and {path} is packed in another order")
    return said


def _rowwise(path: str, tensor: Tensor, scales: Tensor | None, scheme: Scheme) -> int | None:
    """Scales of (…, outputs, groups), as compressed-tensors and mlx lay them out."""
    outputs = scales.elements // max(scales.shape[-1], 1) if scales is not None and scales.shape else 0
    return _checked(path, tensor, scales, outputs, scheme)


def _mlx(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    tensor, scales = parts[part], parts.get("scales")
    if part == "biases" and scales is not None:
        return 0
    if part != "weight" or tensor.type != "U32":
        return _floats(path, part, parts, scheme)
    if scheme.mixed:
        return scales.elements * scheme.group if scales is not None and scheme.group else None
    return _rowwise(path, tensor, scales, scheme)


def _compressed(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    tensor = parts[part]
    if part == "weight_packed":
        if scheme.mixed:
            return tensor.n_bytes * 2 if tensor.type == "U8" else None
        scales = parts.get("weight_scale")
        if scheme.bits and 32 % scheme.bits:  # whole weights in a word, the rest of it empty: the groups tell how many
            return scales.elements * scheme.group if scales is not None and scheme.group else None
        return _rowwise(path, tensor, scales, scheme)
    if part == "compressed":  # 2:4: the mask has a bit a weight
        return parts["bitmask"].n_bytes * 8 if "bitmask" in parts else None
    bytewise = tensor.type == "I8" and scheme.details.get("format") in ("int-quantized", "naive-quantized")
    if part == "weight" and tensor.type not in FLOATS and scheme.bits not in (None, 8) and not bytewise:
        raise Contradiction(f"config.json says {scheme.label}, and {path} is {tensor.type}")
    return _elements(path, part, parts, scheme)


def _bitsandbytes(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    tensor = parts[part]
    state = next((name.rpartition("__")[2] for name in parts if "quant_state." in name), None)
    if state is not None and state != scheme.label.removeprefix("bitsandbytes-"):
        raise Contradiction(f"config.json says {scheme.label}, and {path} is {state}")
    # Two to a byte, whatever type the file gives the bytes (`bnb_4bit_quant_storage`).
    if scheme.bits == 4 and part == "weight" and (state is not None or f"{part}.absmax" in parts):
        return tensor.n_bytes * 2
    if tensor.type == "U8":
        return tensor.n_bytes * 2 if scheme.bits == 4 else None
    if "storage" in scheme.details and len(tensor.shape) == 2 and tensor.shape[1] == 1:
        return None  # a column, as packed bytes are kept, without the state that would tell
    return _elements(path, part, parts, scheme)


def _modelopt(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    if parts[part].type != "U8":
        return _elements(path, part, parts, scheme)
    if scheme.bits == 8:
        raise Contradiction(f"config.json says {scheme.label}, and {path} is packed to 4 bits")
    return parts[part].n_bytes * 2


def _quark(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    tensor, scales = parts[part], parts.get("weight_scale")
    if part != "weight" or _whole(tensor):
        return _elements(path, part, parts, scheme)
    if scheme.mixed:  # two to a byte where a scale for 32 of them says so
        said = tensor.n_bytes * 2
        return said if tensor.type == "U8" and scales is not None and scales.elements * 32 == said else None
    if scheme.bits == 8:
        raise Contradiction(f"config.json says {scheme.label}, and {path} is {tensor.type}")
    return _by_bits(tensor, scheme.bits)


def _mxfp4(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    return parts[part].n_bytes * 2 if part in ("blocks", "weight_packed") else _elements(path, part, parts, scheme)


def _hqq(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    tensor = parts[part]
    if part != "W_q":
        return tensor.elements if tensor.type in FLOATS else 0
    if scheme.bits == 3:  # ten of them in 32 bits
        return tensor.elements * 10 if tensor.type == "I32" else None
    return _by_bits(tensor, scheme.bits)


def _fp8(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    if part == "weight" and scheme.mixed and parts[part].type in ("I8", "U8"):  # experts, two weights in a byte
        return parts[part].n_bytes * 2
    if part == "weight" and not (parts[part].type in FLOATS or parts[part].type.startswith("F8_")):
        raise Contradiction(f"config.json says {scheme.label}, and {path} is {parts[part].type}")
    return _elements(path, part, parts, scheme)


def _bytes(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    """EETQ, quanto, BitNet, torchao: a byte holds one weight, or 8 / bits where they are packed.

    Signed bytes hold one of 8 bits; of fewer, torchao writes both one and two to a byte, and does not say which.
    """
    if parts[part].type == "U8":
        return _by_bits(parts[part], scheme.bits)
    if parts[part].type == "I8" and scheme.bits != 8:
        return None
    return _elements(path, part, parts, scheme)


def _aqlm(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    books = scheme.details.get("codebooks")
    if part == "codes":
        return parts[part].elements // books * scheme.group if isinstance(books, int) and books else None
    return _floats(path, part, parts, scheme)


def _exl2(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    if part == "q_weight":
        rows, scales = parts.get("q_invperm"), parts.get("q_scale")
        # Eight scales of 4 bits in a word.
        return (
            rows.elements * scales.shape[-1] * 8 if rows is not None and scales is not None and scales.shape else None
        )
    return _floats(path, part, parts, scheme)


def _exl3(path: str, part: str, parts: _Parts, scheme: Scheme) -> int | None:
    if part == "trellis":  # tiles of 16 × 16
        shape = parts[part].shape
        return shape[0] * shape[1] * 256 if len(shape) == 3 else None
    return _floats(path, part, parts, scheme)


_COUNTING: Mapping[str, Callable[[str, str, _Parts, Scheme], int | None]] = {
    "awq": _words, "gptq": _words, "auto-round": _words, "hqq": _hqq, "fp8": _fp8, "fbgemm_fp8": _fp8,
    "bitsandbytes": _bitsandbytes, "compressed-tensors": _compressed, "mxfp4": _mxfp4, "modelopt": _modelopt, "quark": _quark,
    "eetq": _bytes,
    "quanto": _bytes, "aqlm": _aqlm, "torchao": _bytes, "exl2": _exl2, "exl3": _exl3, "mlx": _mlx, "bitnet": _bytes,
}  # fmt: skip
