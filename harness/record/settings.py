"""What each setting of a runtime does: it changes the computation, or it tunes it. One table (docs/decisions/0019).

What changes the computation belongs to a record's subject; what tunes it is shown, and must be equal in a regression candidate.
A setting that the table lacks is taken for one that changes the computation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from harness.device_kinds import DeviceKind
from harness.record.canonical import canonical
from harness.record.schema import Record

Scalar = str | int | bool | None
UNKNOWN = "unknown"  # the text of a setting that the engine chose and did not tell


class Kind(StrEnum):
    """What a setting does."""

    COMPUTES = "changes the computation"
    TUNES = "tunes it"
    NOTED = "says how it was measured"
    UNDECLARED = "not declared: taken for a change of the computation"


# name → its usual value, which is the same as none at all
_COMPUTES: Mapping[str, Scalar] = {
    "api": "completions",
    "cache_type_k": "f16", "cache_type_v": "f16", "cpu_moe": False, "draft_max": 0, "draft_model": "", "draft_ngram": 0,
    "draft_tokens": 0, "dtype": "auto", "dynamic_quantization": 0, "execution_mode": "performance", "gpu_layers": None,
    "gpu_layers_offloaded": None, "gpu_tensors_on_cpu": 0, "key_group": 0, "kv_cache_dtype": "auto", "lora": "", "n_cpu_moe": 0,
    "offload_kqv": True, "override_tensor": "", "pipeline_parallel": 1, "prefix_cache": False, "prefix_caching": False,
    "quantization": "none", "rope_freq_base": 0, "rope_freq_scale": 0, "rope_scaling": "none", "speculative": False,
    "split_mode": "layer", "tensor_parallel": 1, "tensor_split": "", "tf32": False, "type_k": "f16", "type_v": "f16",
    "value_group": 0, "weights": "", "weights_on_cpu_mib": 0, "yarn_ext_factor": -1, "yarn_orig_ctx": 0,
}  # fmt: skip
_TUNES = frozenset(
    "threads threads_batch batch ubatch poll prio numa cpu_mask context max_model_len flash_attn attention attention_backend "
    "swa_full load_mode mmap mlock repack eager compile compilation_mode aot_compile cudagraph_mode block_size kv_cache "
    "kv_space_mib gpu_memory_percent chunked_prefill batched_tokens max_seqs async_scheduling multiprocessing model_runner "
    "device batching stream prompts layers_on kv_cache_on left_out main_gpu sequences".split()
)
_NOTED = frozenset(
    "memory_clear hardware api_key computed_on server_drivers asked ignored tls slots draft_model_name".split()
)
_SIMULATED = frozenset(
    "step_us prefill_us within_ppm between_ppm drift_ppm ambient_file ambient_ppm bimodal_ppm throttle_after seed "
    "fault fault_at fault_flag".split()
)


def _table(computes: str = "", tunes: str = "", noted: str = "") -> Mapping[str, Kind]:
    return {
        **dict.fromkeys(computes.split(), Kind.COMPUTES),
        **dict.fromkeys(tunes.split(), Kind.TUNES),
        **dict.fromkeys(noted.split(), Kind.NOTED),
    }


# By the adapter's name. Another adapter's settings are known by the names that all of them share.
TABLE: Mapping[str, Mapping[str, Kind]] = {
    "llama.cpp": _table(
        "type_k type_v gpu_layers gpu_layers_offloaded gpu_tensors_on_cpu offload_kqv split_mode tensor_split "
        "prefix_cache speculative draft_max draft_ngram",
        "threads threads_batch batch ubatch context flash_attn swa_full load_mode repack batching layers_on kv_cache_on main_gpu "
        "sequences",
        "memory_clear",
    ),
    "vllm": _table(
        "dtype type_k type_v kv_cache_dtype prefix_caching tensor_parallel quantization speculative weights_on_cpu_mib",
        "threads context max_model_len eager compilation_mode aot_compile cudagraph_mode block_size kv_space_mib "
        "gpu_memory_percent chunked_prefill batched_tokens max_seqs async_scheduling multiprocessing model_runner batching",
    ),
    "mlx": _table("dtype type_k type_v quantization prefix_caching", "context device prefill_step kv_cache batching"),
    "openvino": _table(
        "dtype type_k type_v dynamic_quantization weights prefix_caching execution_mode key_group value_group",
        "threads context device attention_backend kv_space_gib streams performance_hint pinned hyper_threading core_type "
        "batching",
    ),
    "mistralrs": _table("dtype type_k type_v prefix_caching", "threads context prompts stream batching"),
    "pytorch": _table(
        "dtype type_k type_v tf32 weights_on_cpu_mib", "threads context device attention compile kv_cache batching"
    ),
    "ollama": _table(
        "gpu_layers weights_on_cpu_mib",
        "context threads batch prompts stream batching",
        "hardware api_key server_drivers tls",
    ),
    "llama-server": _table(
        "type_k type_v gpu_layers gpu_layers_offloaded gpu_tensors_on_cpu offload_kqv split_mode tensor_split prefix_cache "
        "speculative draft_max draft_model",
        "threads threads_batch batch ubatch slots context flash_attn swa_full load_mode repack batching layers_on kv_cache_on "
        "main_gpu prompts stream left_out",
        "asked ignored draft_model_name",
    ),
    "vllm-server": _table(
        "dtype type_k type_v prefix_caching tensor_parallel quantization speculative",
        "threads context max_model_len eager kv_space_mib gpu_memory_percent chunked_prefill batched_tokens max_seqs "
        "async_scheduling batching prompts stream left_out slots",
        "asked ignored",
    ),
    "openai-http": _table(
        "api speculative",
        "context prompts stream batching left_out",
        "hardware api_key server_drivers asked ignored tls slots",
    ),
    "simulated": _table("prefix_cache", " ".join([*_SIMULATED, "device", "threads", "context"])),
}
_SHARED = _table(" ".join(_COMPUTES), " ".join(_TUNES), " ".join(_NOTED))

_DTYPES = {"bfloat16": "bf16", "float16": "f16", "float32": "f32", "half": "f16", "float": "f32"}
_SAFE = re.compile(r"[A-Za-z0-9_.+:-]+")
_CONTEXT_STEP = 256  # to which `harness.run.prepare.options` rounds up
_LONGEST = 60  # characters of a subject's settings; beyond, their digest


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting in which two records differ; `before` or `after` is "" where that record does not hold it."""

    name: str
    before: str
    after: str
    kind: Kind

    def __str__(self) -> str:
        shown = f"{self.before or 'not recorded'} → {self.after or 'not recorded'}"
        return f"{self.name} {shown} ({self.kind})"


def kind_of(runtime: str, name: str) -> Kind:
    """What a setting of that adapter does."""
    return TABLE.get(runtime, _SHARED).get(name) or _SHARED.get(name, Kind.UNDECLARED)


def text_of(value: Scalar) -> str:
    """A setting's value as text: "" for none, `UNKNOWN` for one that the engine chose and did not tell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return UNKNOWN if isinstance(value, str) and value.split(",")[0].strip() == "auto" else str(value)


def computing(record: Record) -> dict[str, str]:
    """The settings that make a record's subject its own: those that change the computation and are not the usual ones."""
    found: dict[str, str] = {}
    for name, value in record.runtime.settings.items():
        kind = kind_of(record.runtime.name, name)
        if value is None or name in _SPLIT or (kind in (Kind.TUNES, Kind.NOTED) and not _matters(record, name)):
            continue
        text = _told(value)
        if kind is not Kind.COMPUTES or not _usual(record, name, text):
            found[name] = text
    return dict(sorted((found | _split(record)).items()))


def tuning(record: Record) -> dict[str, str]:
    """The settings that tune a record's computation, and the variables that its engine heeds: each is an axis."""
    runtime = record.runtime
    found = {
        f"setting {name}": text_of(value)
        for name, value in runtime.settings.items()
        if value is not None and kind_of(runtime.name, name) is Kind.TUNES and not _matters(record, name)
    }
    hidden = "set, not recorded"
    found |= {f"variable {name}": UNKNOWN if value == hidden else value for name, value in runtime.variables.items()}
    return dict(sorted(found.items()))


def subject_text(record: Record) -> str:
    """As it stands in a subject: `type_k=q8_0 type_v=q8_0`, "" where all is usual, a digest where it would be too long."""
    settings = computing(record)
    text = " ".join(f"{name}={value}" for name, value in settings.items())
    if len(text) <= _LONGEST and all(_SAFE.fullmatch(part) for item in settings.items() for part in item):
        return text
    return f"settings={sha256(canonical(settings)).hexdigest()[:16]}"


def shown(record: Record) -> str:
    """Those of a record that change the computation, for people; "" where all are usual."""
    return ", ".join(f"{name}={value}" for name, value in computing(record).items())


def differences(a: Record, b: Record) -> tuple[Difference, ...]:
    """Settings and variables in which B is not as A. One that is unknown on a side is not different, nor is a usual value and
    none at all.
    """
    ours, theirs = computing(a), computing(b)
    found = []
    for name in sorted({*ours, *theirs}):
        left, right = ours.get(name) or _value(a, name), theirs.get(name) or _value(b, name)
        if ours.get(name) != theirs.get(name):
            kind = kind_of(a.runtime.name if name in ours else b.runtime.name, name)
            found.append(
                Difference(
                    name, left, right, kind if kind is Kind.UNDECLARED and name not in _DERIVED else Kind.COMPUTES
                )
            )
    left_axes, right_axes = tuning(a), tuning(b)
    for axis in sorted({*left_axes, *right_axes}):
        left, right = left_axes.get(axis, ""), right_axes.get(axis, "")
        if left != right and UNKNOWN not in (left, right):
            found.append(Difference(axis.removeprefix("setting "), left, right, Kind.TUNES))
    return tuple(found)


def unknown(a: Record, b: Record) -> tuple[str, ...]:
    """Tuning settings and variables that one side does not tell, so that nobody knows whether they differ."""
    left, right = tuning(a), tuning(b)
    pairs = {axis: {left.get(axis, ""), right.get(axis, "")} for axis in {*left, *right}}
    return tuple(
        sorted(axis.removeprefix("setting ") for axis, pair in pairs.items() if UNKNOWN in pair and len(pair) > 1)
    )


def keeps_prefix(record: Record) -> bool:
    """Whether it says that a prefix cache was on."""
    return any(record.runtime.settings.get(name) is True for name in ("prefix_cache", "prefix_caching"))


def drafts(record: Record) -> bool:
    """Whether it says that tokens were drafted ahead."""
    declared = record.runtime.settings
    return bool(declared.get("speculative") or declared.get("draft_model"))


def tokens_a_pass(record: Record) -> int | None:
    """The most tokens that one pass over the weights can give by what the record declares; None: several, not told how many."""
    most = record.runtime.settings.get("draft_max")
    if not drafts(record):
        return 1
    return most + 1 if type(most) is int and most > 0 else None


def cache_types(record: Record) -> tuple[str, str]:
    """Types of the K and the V cache, in ggml's words or the runtime's; f16 where none is recorded."""
    settings = record.runtime.settings
    both = settings.get("kv_cache_dtype")
    usual = "f16" if both in (None, "auto") else str(both)
    keys, values = (
        str(settings.get(f"type_{one}") or settings.get(f"cache_type_{one}") or usual).lower() for one in "kv"
    )
    return keys, values


def _told(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _value(record: Record, name: str) -> str:
    return "" if record.runtime.settings.get(name) is None else _told(record.runtime.settings[name])


_SPLIT = frozenset(("gpu_layers", "gpu_layers_offloaded", "offload_kqv"))
_DERIVED = frozenset(("gpu_layers", "offloaded", "offload_kqv"))


def _usual(record: Record, name: str, text: str) -> bool:
    """Whether a value is what a record without the setting has."""
    label = str(record.model.get("quantisation") or "").lower()
    dtype = _DTYPES.get(str(record.runtime.settings.get("dtype")), "f16")
    if name == "dtype":
        return text == "auto" or _DTYPES.get(text, text) == label
    if name in ("type_k", "type_v", "cache_type_k", "cache_type_v"):
        return _DTYPES.get(text, text) == dtype
    if name == "quantization":
        return text == "none" or re.split(r"[_-]", text)[0] in label
    return text == _told(_COMPUTES[name])


def _matters(record: Record, name: str) -> bool:
    """Whether a context is more than room: beyond the trained length positions may be scaled, and a static cache is computed over
    as a whole.
    """
    size = record.runtime.settings.get(name)
    if name != "context" or isinstance(size, bool) or not isinstance(size, int):
        return False
    if record.runtime.settings.get("kv_cache") == "static":
        filled = max((one.prompt_tokens + one.output_tokens for one in record.workloads), default=size)
        filled = max(filled, 0 if record.probe is None else record.probe.tokens)
        return size > -(-filled // _CONTEXT_STEP) * _CONTEXT_STEP
    trained = record.runtime.model.get("context_trained")
    return isinstance(trained, int) and not isinstance(trained, bool) and 0 < trained < size


def _split(record: Record) -> dict[str, str]:
    """How the layers lie, where some are on a GPU and some are not; nothing where all are in one place."""
    settings = record.runtime.settings
    if all(device.kind == DeviceKind.CPU for device in record.runtime.devices):
        return {}
    told = re.fullmatch(r"(\d{1,6})/(\d{1,6})", str(settings.get("gpu_layers_offloaded") or ""))
    asked = settings.get("gpu_layers")
    layers = record.runtime.model.get("layers")
    if told:
        on, of = int(told[1]), int(told[2])
        if on == 0:
            return {}
        found = {} if on == of else {"offloaded": f"{on}:{of}"}
    elif isinstance(asked, int) and not isinstance(asked, bool):
        if asked == 0:
            return {}
        # llama.cpp counts the output as one more layer.
        whole = asked < 0 or (isinstance(layers, int) and not isinstance(layers, bool) and asked > layers)
        found = {} if whole else {"gpu_layers": str(asked)}
    else:
        found = {}
    if settings.get("offload_kqv") is False:
        found["offload_kqv"] = "false"
    return found
