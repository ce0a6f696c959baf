"""Whether a running server drafts tokens ahead (speculative decoding), and what an answer says of its drafts.

Several tokens then come of one pass over the weights: such a rate must say so, and stands on rows of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.errors import BadInput, RunFailed
from runtimes.support.sse import Server

_TELLS = "llama.cpp"  # its answers tell drafts wherever there were any


def told(server: Server, engine: str) -> bool | None:
    """By its own word: llama-server's slots, the counters that vLLM has only then, SGLang's settings. None: it does not tell."""
    if engine == _TELLS:
        slots = server.call(f"{server.root}/slots")
        said = [one.get("speculative") for one in slots if isinstance(one, dict)] if isinstance(slots, list) else []
        return any(said) if said and all(isinstance(one, bool) for one in said) else None
    if engine == "vllm":
        try:
            answer = server.ask(f"{server.root}/metrics")
        except BadInput:
            return None
        known = answer.status == 200 and b"vllm:" in answer.body
        return b"vllm:spec_decode" in answer.body if known else None
    if engine == "sglang":
        for path in ("/server_info", "/get_server_info"):
            info: Any = server.call(f"{server.root}{path}")
            if isinstance(info, dict) and "speculative_algorithm" in info:
                return str(info["speculative_algorithm"] or "NONE").upper() != "NONE"
    return None


def drafting(by_server: bool | None, by_operator: bool) -> bool:
    """Whether it does, as far as anybody says. Raises `BadInput` where the server says that it does not."""
    if by_operator and by_server is False:
        raise BadInput("the server says that it drafts nothing", where="-o speculative", fix="leave it out")
    return bool(by_server or by_operator)


def account(counters: Mapping[str, int], tokens: int, drafts: bool, engine: str) -> dict[str, int]:
    """The account of an answer of so many tokens, with the passes behind it: each gives one token beside those that were kept.

    Empty where it tells no drafts. Raises `RunFailed` where it drafted and nobody said so, or does not add up.
    """
    drafted, accepted = counters.get("draft_tokens", 0), counters.get("accepted_tokens")
    if (drafted or accepted) and not drafts:
        raise RunFailed(
            "the server drafts tokens ahead (speculative decoding), and did not say so before",
            where="openai-http",
            fix="say it yourself, for such a rate is compared with its like alone: -o speculative=true",
            code="drafts not declared",
        )
    if accepted is None:
        if not (drafts and engine == _TELLS and not drafted):
            return {}
        accepted = 0
    passes = tokens - 1 - accepted
    if accepted > drafted or passes < 0 or (tokens > 1 and not passes):
        raise RunFailed(
            f"the server's counts of its drafts do not add up: {accepted} of {drafted} kept, {tokens} tokens made",
            where="openai-http",
            code="drafts do not add up",
        )
    return {"decode_steps": passes, "draft_tokens": drafted, "accepted_tokens": accepted}
