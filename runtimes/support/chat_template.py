"""What a server's chat template adds to a text: asked before anything is timed, so that its count of a prompt is explained."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.errors import RunFailed

EDGES = 2  # tokens: where our text meets the template's, pieces may join, or a space be cut off


def added(pieces: Sequence[tuple[str, int]], count: Callable[[str], int | None]) -> int | None:
    """Tokens that the template adds to any text; None where the server does not count, or adds to each something else.

    `pieces` are texts with our own number of tokens of each; `count` asks the server for its number of such a chat.
    """
    found = set()
    for text, ours in pieces:
        theirs = count(text)
        if theirs is None:
            return None
        found.add(theirs - ours)
    return found.pop() if len(found) == 1 and min(found) >= 0 else None


def refuse_unexplained(counted: int, ours: int, template: int) -> None:
    """Raises `RunFailed` where the server's count of a prompt is not ours and what its template adds."""
    if abs(counted - ours - template) > EDGES:
        raise RunFailed(
            f"the server counts {counted} prompt tokens, and {ours} of the text with {template} of its template are "
            f"{ours + template}",
            where="openai-http",
            fix="it has another tokenizer, or cuts the prompt: check --model and the context of what it serves",
            code="tokenizer",
        )
