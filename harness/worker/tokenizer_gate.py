"""An engine that splits text itself must make the ids that the model's own tokenizer makes, else nothing is measured.

One place for all adapters (docs/decisions/0068): a worker asks it after the model is loaded and before the first trial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from harness.errors import BadInput, RunFailed
from harness.worker.plan import Prompt
from runtimes.interface import Capabilities, LoadedRuntime, TakingText
from runtimes.support import shape
from runtimes.table import BUILT_IN

CODE = "tokenizer"
NONE = "no tokenizer"  # the code of what a server raises that turns no text into ids
_BESIDE = 64  # characters around the shortest text of so many ids, in which one with exactly the same ids is looked for


def asks(name: str, can: Capabilities) -> bool:
    """Whether an adapter is held against a reference: not another's that says that its ids are nobody else's affair."""
    return can.takes_text or can.tokenises or (name in BUILT_IN and not can.synthetic)


def hold(loaded: LoadedRuntime, can: Capabilities, prompts: Sequence[Prompt]) -> None:
    """Raises `RunFailed`, code `tokenizer`, at the first prompt that the engine splits otherwise."""
    for prompt in prompts:
        found = differs(loaded, can, prompt)
        if found:
            who = "the server" if loaded.facts.engine == "unknown" else loaded.facts.engine
            raise RunFailed(
                f"{who} splits text otherwise than the model's own tokenizer: {found}",
                where="tokenizer",
                fix="nothing was measured: take another runtime or another file of the model",
                code=CODE,
            )


def differs(loaded: LoadedRuntime, can: Capabilities, prompt: Prompt) -> str | None:
    """How what the engine makes of a prompt's text differs; "" where it does not.

    None of a server that turns no text into ids: it counts the prompts that it is given, and each trial holds its count.
    """
    try:
        if can.takes_text:
            return difference(prompt, cast(TakingText, loaded).take(prompt.ids, prompt.text))
        return difference(prompt, loaded.tokenize(prompt.text, add_bos=loaded.facts.add_bos))
    except BadInput as error:
        if can.tokenises or error.code != NONE:
            raise
        return None


def difference(prompt: Prompt, made: Sequence[int] | int) -> str:
    """How what an engine made differs from the reference, in words; "" where it does not. Pure."""
    wanted = prompt.ids
    if isinstance(made, int) and not isinstance(made, bool):
        return "" if made == len(wanted) else f"{made} tokens in place of {len(wanted)}, {_text(prompt)}"
    fault = shape.ids_fault(made)
    if fault:
        return fault
    given = tuple(cast(Sequence[int], made))
    if given == wanted:
        return ""
    at = next((i for i, (a, b) in enumerate(zip(given, wanted, strict=False)) if a != b), min(len(given), len(wanted)))
    return f"{len(given)} tokens in place of {len(wanted)}, other ids from token {at} on, {_text(prompt)}"


def _text(prompt: Prompt) -> str:
    return f"of the text that begins {prompt.text[:24]!r}"


def text_of(text: str, ids: Sequence[int], tokenize: Callable[[str], Sequence[int]]) -> str | None:
    """The beginning of `text` of which `tokenize` makes exactly `ids`, the first of its own ids; None where there is none.

    An engine that takes text can't be given a number of ids: it is given a text that has so many.
    """
    wanted = list(ids)
    if list(tokenize(text)) == wanted:
        return text
    low, high = 0, len(text)
    while low < high:  # the shortest beginning with as many ids
        middle = (low + high) // 2
        if len(tokenize(text[:middle])) < len(wanted):
            low = middle + 1
        else:
            high = middle
    near = sorted(range(max(low - _BESIDE, 0), min(low + _BESIDE, len(text)) + 1), key=lambda end: abs(end - low))
    return next((text[:end] for end in near if list(tokenize(text[:end])) == wanted), None)
