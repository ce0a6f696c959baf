"""The operator's `-o NAME=VALUE` settings against what the runtime declares, and the defaults that the harness fills in.

Pure, but that a file must be there.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import BadInput
from runtimes.interface import PREFIX_CACHES, Option, Scalar

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_PLACE = re.compile(
    r"[/\\]|^[~.]"
)  # what a path or an address has, and a device's, a type's or an engine's name has not
_NUMBER = re.compile(r" *[+-]?[0-9]{1,100} *")
_HEADER = re.compile(r"[\x21-\x7e]+")
LARGEST = 2**31 - 1  # what engines keep in 32 bits, and a record's JSON as an exact integer
_THREADS = ("threads", "threads_batch")
_DRAFTING = re.compile(r"draft|speculat")  # as engines call it: model_draft, speculative_config
_DRAFTS = ("draft", "draft_model")  # options that ask for drafts, whose length `draft_max` bounds
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
CONTEXT_STEP = 256  # llama.cpp pads its cache to this; others do not mind


def parse(settings: Sequence[str], declared: Mapping[str, Option], runtime: str) -> dict[str, Scalar]:
    """`NAME=VALUE` texts as typed values. Raises `BadInput` naming the option and what it takes."""
    found: dict[str, Scalar] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        if not equals:
            raise BadInput(f"{text!r} is not NAME=VALUE", where="-o", fix=f"for example -o {next(iter(declared))}=…")
        option = declared.get(name)
        if option is None:
            raise BadInput(f"{runtime} has no option {name!r}", where="-o", fix=_instead(name, declared))
        found[name] = _typed(name, value, option)
    return found


def _instead(name: str, declared: Mapping[str, Option]) -> str:
    """What to write for an option that is not declared."""
    if _DRAFTING.search(name):
        return (
            "speculative decoding is measured where it is declared: -o draft=lookup of the runtime llama.cpp, "
            "-o draft_model=MODEL of llama-server, -o speculative=true of openai-http"
        )
    near = difflib.get_close_matches(name, declared, n=3)
    return f"did you mean {', '.join(near)}?" if near else f"it has {', '.join(sorted(declared))}"


def _typed(name: str, value: str, option: Option) -> Scalar:
    if option.kind is bool:
        if value.lower() in _TRUE + _FALSE:
            return value.lower() in _TRUE
        raise BadInput(f"{value!r} is neither true nor false", where=f"-o {name}", fix=option.help)
    if option.kind is int:
        if _NUMBER.fullmatch(value) is None:  # int() reads 1_0 as 10, and digits of every script
            raise BadInput(f"{value!r} is not a whole number", where=f"-o {name}", fix=option.help)
        number = int(value)
        if option.minimum is not None and number < option.minimum:
            raise BadInput(f"{number} is below {option.minimum}", where=f"-o {name}", fix=option.help)
        most = LARGEST if option.maximum is None else option.maximum
        if number > most or number < -LARGEST:
            size = "large" if number > 0 else "small"
            raise BadInput(
                f"{name} is too {size}: the limit is {most if number > 0 else -LARGEST}", where="-o", fix=option.help
            )
        return number
    if option.kind is Path:
        path = Path(value).expanduser()
        if not path.is_file():
            raise BadInput("there is no such file", where=f"-o {name}={value}", fix=option.help)
        return str(path.absolute())
    if option.choices and value not in option.choices:
        raise BadInput(f"{value!r} is not offered", where=f"-o {name}", fix=f"take one of {', '.join(option.choices)}")
    return value


def refuse_reaching(
    settings: Sequence[str], declared: Mapping[str, Option], allowed: Sequence[str], where: str = "options"
) -> None:
    """Raises `BadInput` for the first setting of a matrix that names a program, file or address, unless the user named it, too.

    A matrix is data that others may have written. An option that its adapter declares as free text counts by its look.
    """
    for text in settings:
        name, _, value = text.partition("=")
        option = declared[name]
        free = option.kind is str and not option.choices
        if (option.reaches or (free and _PLACE.search(value))) and text not in allowed:
            raise BadInput(
                "names a program, a file or an address, and a matrix may not by itself",
                where=f"{where}.{name}",
                fix=f"if you mean it, say so: --allow-option {name}=VALUE, as it stands there",
            )


def secrets(
    given: Mapping[str, Scalar], declared: Mapping[str, Option], environment: Mapping[str, str]
) -> tuple[dict[str, Scalar], dict[str, str]]:
    """The settings without those that name a secret, and what these name: option → content of the variable.

    Raises `BadInput` for a variable that is not set, or whose content fits into no header. Neither name nor content is in its
    text: somebody may have given the key itself.
    """
    kept = {name: value for name, value in given.items() if not declared[name].secret}
    found = {}
    for name in given.keys() - kept.keys():
        variable = str(given[name])
        value = environment.get(variable, "") if _VARIABLE.fullmatch(variable) else ""
        if not value:
            raise BadInput(
                "it must be the name of a variable that is set, not the key itself",
                where=f"-o {name}",
                fix=f"export SERVER_KEY=… and give -o {name}=SERVER_KEY",
            )
        if not _HEADER.fullmatch(value.strip()):
            raise BadInput(
                "the variable holds more than one line, or characters that no key has",
                where=f"-o {name}",
                fix="put the key alone into it",
            )
        found[name] = value.strip()
    return kept, found


def fill(
    given: Mapping[str, Scalar],
    declared: Mapping[str, Option],
    *,
    cores: int,
    required_context: int,
    required_sequences: int = 1,
    conversation: bool = False,
) -> dict[str, Scalar]:
    """The settings to run with: declared defaults, usable cores, a context that holds the longest workload, as many sequences
    as requests at once, and a prefix cache where the suite is a conversation.
    """
    _refuse_length_alone(given, declared)
    filled = {name: option.default for name, option in declared.items() if option.default is not None}
    if "threads" in declared:
        filled["threads"] = cores
    if "context" in declared:
        step = 1 if declared["context"].fixed else CONTEXT_STEP
        filled["context"] = -(-required_context // step) * step
        asked = given.get("context")
        if isinstance(asked, int) and asked < required_context:
            raise BadInput(
                f"{asked} tokens are too few: the suite needs {required_context}",
                where="-o context",
                fix=f"give {filled['context']} or leave it out, or take a shorter suite",
            )
    if "sequences" in declared:
        filled["sequences"] = required_sequences
        _refuse_few_sequences(filled | dict(given), required_sequences)
        _refuse_drafts_at_once(filled | dict(given), required_sequences)
    for name in PREFIX_CACHES:
        if name in declared:
            filled[name] = conversation
            if given.get(name) is True and not conversation:
                raise BadInput(
                    "the suite has no conversation that a prefix cache could keep",
                    where=f"-o {name}",
                    fix="take --suite agent, or leave it out: every cache is empty before a trial",
                )
    return filled | dict(given)


def _refuse_length_alone(given: Mapping[str, Scalar], declared: Mapping[str, Option]) -> None:
    """Raises `BadInput` for a length of drafts where none are asked for: it would be ignored."""
    asking = next((name for name in _DRAFTS if name in declared), None)
    if "draft_max" in given and asking is not None and asking not in given:
        value = "MODEL" if declared[asking].model else "lookup"
        raise BadInput(
            "says how long drafts may be, and none are asked for",
            where="-o draft_max",
            fix=f"add -o {asking}={value}, or leave it out",
        )


def _refuse_drafts_at_once(filled: Mapping[str, Scalar], required: int) -> None:
    """Raises `BadInput` where drafts would have to be made for several requests."""
    if filled.get("draft", "none") != "none" and required > 1:
        raise BadInput(
            f"drafts are made for one request at a time, and the suite runs {required} at once",
            where="-o draft",
            fix="leave it out or take another suite",
        )


def keeps_prefix(options: Mapping[str, Scalar]) -> bool:
    """Whether the engine keeps the turns of a conversation."""
    return any(options.get(name) is True for name in PREFIX_CACHES)


def _refuse_few_sequences(filled: Mapping[str, Scalar], required: int) -> None:
    """Raises `BadInput` where a step of all requests does not fit."""
    for name, what in (("sequences", "sequences"), ("batch", "tokens of a step")):
        asked = filled.get(name)
        if isinstance(asked, int) and asked < required:
            raise BadInput(
                f"{asked} {what} are too few: the suite runs {required} requests at once",
                where=f"-o {name}",
                fix=f"give {required} or leave it out, or take another suite",
            )


def refuse_absurd(
    given: Mapping[str, Scalar], declared: Mapping[str, Option], *, logical: int, trained: int | None
) -> None:
    """Raises `BadInput` for more threads than the machine's `logical` processors could ever serve, and for a context
    beyond what the model was `trained` for (None: not known).
    """
    most = max(16, 4 * logical)
    for name in _THREADS:
        asked = given.get(name)
        if name in declared and isinstance(asked, int) and asked > most:
            raise BadInput(
                f"{name} is too large: {asked} on {logical} processors",
                where="-o",
                fix=f"take {most} or fewer, or leave it out: the default is the cores that may be used",
            )
    asked = given.get("context")
    if trained is not None and "context" in declared and isinstance(asked, int) and asked > trained:
        raise BadInput(
            f"context is too large: the model was trained for {trained} tokens",
            where="-o",
            fix=f"take {trained} or fewer, or leave it out",
        )
