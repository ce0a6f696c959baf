"""The fields of a request that not every server takes: tried before anything is timed, left out where one refuses them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from runtimes.support.chunks import texts_of
from runtimes.support.server_account import tokens_so_far
from runtimes.support.server_words import error_of
from runtimes.support.sse import Answer, Server

MISSING = (404, 405, 501)  # what servers answer where they have no such address
REFUSING = (400, *MISSING, 415, 422, 500)  # what servers answer to a field that they do not know
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


def body_of(model: str, prompt: Any, count: int, left_out: frozenset[str], *, chat: bool = False) -> dict[str, Any]:
    """A request for `count` tokens of greedy decode, streamed, without the fields that are left out.

    Of a chat, the prompt is what the user says.
    """
    kept = {name: value for name, value in OPTIONAL.items() if name not in left_out}
    running = kept.pop("continuous_usage_stats", None)
    if running and "stream_options" in kept:
        kept["stream_options"] = kept["stream_options"] | {"continuous_usage_stats": True}
    if "min_tokens" in kept:
        kept["min_tokens"] = count
    asked = {"messages": [{"role": "user", "content": prompt}]} if chat else {"prompt": prompt}
    return {"model": model, **asked, "max_tokens": count, "temperature": 0, "stream": True, **kept}


def refused_fields(server: Server, ask: Callable[[frozenset[str]], Answer]) -> tuple[frozenset[str], Answer]:
    """Which optional fields the server refuses, and its answer without them; `ask` sends one request without those it is given.

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
            if (again := ask(out - {name})).status == 200:
                out, answer = out - {name}, again
    return out, answer


def chooses_nothing(answer: Answer) -> bool:
    """Whether it is an answer of another API: llama-server's own stands at /completions, where OpenAI's is at /v1/completions."""
    events = list(_events(answer.body)) or ([answer.value] if isinstance(answer.value, dict) else [])
    return bool(events) and not any("choices" in event or error_of(event, "") for event in events)


def ignored(body: bytes, asked: frozenset[str]) -> frozenset[str]:
    """Of the fields that were asked for, those that had no effect on the stream; of others nothing shows."""
    events = list(_events(body))
    if not events:
        return frozenset()
    choices = [(event.get("choices") or [{}])[0] for event in events if isinstance(event.get("choices"), list)]
    brings = [event for event in events if event.get("choices")]
    # The usage that comes with the last choice, as llama-server's, is that of `include_usage`: the first text tells.
    first = next((event for event in brings if _brings_text(event)), brings[0] if brings else {})
    effects = {
        "return_token_ids": any(isinstance(one, dict) and one.get("token_ids") for one in choices),
        "timings_per_token": any("timings" in event for event in events),
        "stream_options": any(event.get("usage") for event in events),
        "continuous_usage_stats": bool(first.get("usage")) and tokens_so_far(first) is not None,
    }
    return frozenset(name for name, seen in effects.items() if name in asked and not seen)


def _brings_text(event: Mapping[str, Any]) -> bool:
    try:
        return any(texts_of(event["choices"][0]))
    except (AttributeError, KeyError, TypeError):  # a trial would refuse it
        return False


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    for line in body.splitlines():
        try:
            event = json.loads(line.removeprefix(b"data:")) if line.startswith(b"data:") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event
