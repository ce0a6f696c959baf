"""A server's own account of one request, however it names it: tokens computed, and the time that each phase took. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_S, _MS = 1e9, 1e6


def tokens_so_far(event: Mapping[str, Any]) -> int | None:
    """Output tokens made up to this event: llama-server's `timings_per_token`, vLLM's `continuous_usage_stats`."""
    for part, name in (("timings", "predicted_n"), ("usage", "completion_tokens")):
        told = event.get(part)
        if isinstance(told, dict) and _count(told.get(name)):
            return int(told[name])
    return None


def account(event: Mapping[str, Any]) -> dict[str, int]:
    """Counters as `LoadedRuntime.counters` has them, of those that the event tells; times in nanoseconds.

    Sources: llama.cpp tools/server (`timings`), Ollama's API (`eval_duration`), LM Studio's (`stats`), Groq's (`usage`);
    of cached tokens OpenAI's, DeepSeek's and Moonshot's (`usage`); of drafts llama.cpp's, and OpenAI's (`usage`).
    """
    timings, usage, stats = (_object(event.get(name)) for name in ("timings", "usage", "stats"))
    found: dict[str, int] = {}
    details = _object(usage.get("prompt_tokens_details"))
    told = (details.get("cached_tokens"), usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens"))
    prompt, cached = usage.get("prompt_tokens"), next(filter(_count, told), None)
    if _count(prompt) and cached is not None:
        found["prefill_tokens"] = max(prompt - cached, 0)
    if _count(timings.get("prompt_n")):
        found["prefill_tokens"] = timings["prompt_n"]
    found |= _drafts(timings, _object(usage.get("completion_tokens_details")))
    _add(found, "prefill_ns", (timings.get("prompt_ms"), _MS), (event.get("prompt_eval_duration"), 1), (
        usage.get("prompt_time"), _S))  # fmt: skip
    _add(found, "decode_ns", (timings.get("predicted_ms"), _MS), (event.get("eval_duration"), 1), (
        usage.get("completion_time"), _S), (stats.get("generation_time"), _S))  # fmt: skip
    rate: Any = timings.get("predicted_per_second", stats.get("tokens_per_second"))
    made = tokens_so_far(event)
    if "decode_ns" not in found and _number(rate) and made:
        found["decode_ns"] = round(made * _S / rate)
    return found


def _drafts(timings: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, int]:
    """Tokens that were drafted and kept: llama-server's words, else OpenAI's, whose noughts say nothing."""
    drafted: Any = timings.get("draft_n")
    kept: Any = timings.get("draft_n_accepted")
    if _count(drafted):
        return {"draft_tokens": drafted} | ({"accepted_tokens": kept} if _count(kept) else {})
    kept, dropped = (details.get(f"{what}_prediction_tokens") for what in ("accepted", "rejected"))
    if _count(kept) and _count(dropped) and (kept or dropped):
        return {"draft_tokens": kept + dropped, "accepted_tokens": kept}
    return {}


def _add(found: dict[str, int], name: str, *told: tuple[Any, float]) -> None:
    for value, factor in told:
        if _number(value):
            found[name] = round(value * factor)
            return


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e18
