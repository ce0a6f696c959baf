"""The fields of a request that not every server takes: tried before anything is timed, left out where one refuses them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runtimes.support.sse import Answer, Server

REFUSING = (400, 404, 405, 415, 422, 500, 501)  # what servers answer to a field that they do not know
# What each asks for, the least needed first: it is the first to go where a refusal names none.
OPTIONAL: Mapping[str, Any] = {
    "continuous_usage_stats": True,  # within stream_options: how many tokens each chunk holds (vLLM, SGLang)
    "timings_per_token": True,  # the same (llama-server)
    "return_token_ids": True,  # vLLM
    "cache_prompt": False,  # llama-server
    "top_k": 1,
    "min_tokens": 0,  # as many as asked for
    "ignore_eos": True,
    "stream_options": {"include_usage": True},
}


def body_of(model: str, prompt: Any, count: int, left_out: frozenset[str]) -> dict[str, Any]:
    """A request for `count` tokens of greedy decode, streamed, without the fields that are left out."""
    kept = {name: value for name, value in OPTIONAL.items() if name not in left_out}
    running = kept.pop("continuous_usage_stats", None)
    if running and "stream_options" in kept:
        kept["stream_options"] = kept["stream_options"] | {"continuous_usage_stats": True}
    if "min_tokens" in kept:
        kept["min_tokens"] = count
    return {"model": model, "prompt": prompt, "max_tokens": count, "temperature": 0, "stream": True, **kept}


def refused_fields(server: Server, ask: Callable[[frozenset[str]], Answer]) -> frozenset[str]:
    """Which optional fields the server refuses; `ask` sends one request without those that it is given.

    A refusal that names fields loses these first. Otherwise they go one by one until the request is taken, and those that
    were not the cause come back. Raises `BadInput` with the server's words where it takes none at all.
    """
    out: frozenset[str] = frozenset()
    answer = ask(out)
    while answer.status in REFUSING:
        words = answer.body.decode(errors="replace")
        named = [name for name in OPTIONAL if name not in out and name in words]
        following = next((name for name in OPTIONAL if name not in out), None)
        if following is None:
            raise server.refused(answer.status, answer.body)
        out |= {named[0] if named else following}
        answer = ask(out)
    if answer.status != 200:
        raise server.refused(answer.status, answer.body)
    if len(out) > 1:
        for name in [name for name in OPTIONAL if name in out]:
            if ask(out - {name}).status == 200:
                out -= {name}
    return out
