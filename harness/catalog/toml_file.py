"""The catalogue's files: TOML, validated strictly, named by the sha256 of their bytes."""

from __future__ import annotations

import tomllib
from hashlib import sha256
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import BadInput
from harness.files import read_limited

LIMIT = 4 << 20  # bytes; the prompt texts of a suite are the largest
P = TypeVar("P", bound="Part")
_KINDS = {"str": "text", "int": "a whole number", "bool": "true or false"}


class Part(BaseModel):
    """Base of all parts of such a file: immutable, strictly typed, nothing unknown."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


def read(path: Path, kind: type[P], see: str) -> tuple[P, str]:
    """What the file holds, and its sha256. Raises `BadInput` with file, place and reason; `see` names what explains it."""
    data = read_limited(path, LIMIT, "the file")
    try:
        return kind.model_validate(tomllib.loads(data.decode())), sha256(data).hexdigest()
    except ValidationError as error:
        raise BadInput(_first_problem(error), where=str(path), fix=f"see {see}") from error
    except (ValueError, RecursionError) as error:  # also no UTF-8, and a number of more digits than Python takes
        raise BadInput(f"is not valid TOML: {error}", where=str(path), fix="mend that line") from error


def _first_problem(error: ValidationError) -> str:
    """The first thing that pydantic found, in one line."""
    found = error.errors()
    first = found[0]
    path, message = first["loc"], first["msg"].removeprefix("Value error, ")
    if path and path[-1] in _KINDS:  # of a value that may be of several kinds, it names each in turn
        path = path[:-1]
        beside = [one["loc"][len(path)] for one in found if one["loc"][: len(path)] == path]
        kinds = [words for kind, words in _KINDS.items() if kind in beside]
        listed = ", or a list of these" if any(str(kind).startswith("list[") for kind in beside) else ", not a list"
        message = f"must be {', '.join(kinds)}{listed}"
    place = ".".join(str(part) for part in path)
    return f"{place}: {message}" if place else message
