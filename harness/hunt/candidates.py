"""A list of candidates in a file: a line each, oldest first, the path of a wheel or of an environment's interpreter.

What it names will be run: nobody should take such a file from somebody whom they would not let run a script.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from hashlib import file_digest
from pathlib import Path

from harness.errors import BadInput, one_line
from harness.files import read_text_limited, refusal
from harness.hunt.question import Candidate, Kind
from harness.run.prepare.package_index import version_in
from harness.units import count

LIMIT = 256 << 10
MOST = 256
_VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+!_]{0,63}")


def read(file: Path, distribution: str) -> tuple[Candidate, ...]:
    """The candidates, in the file's order; paths are relative to its folder, `#` begins a comment.

    `distribution`: what a wheel must be of; "" where the runtime takes no wheels. Raises `BadInput` with the line.
    """
    text = read_text_limited(file, LIMIT, "the list of candidates")
    found: list[Candidate] = []
    seen: dict[str, int] = {}
    for number, path in _paths(text.removeprefix("\ufeff"), file):  # as editors of Windows begin a file
        where = f"{file}, line {number}"
        if len(found) >= MOST:
            raise BadInput(f"has more than {MOST} candidates", where=str(file), fix="shorten it")
        candidate = _wheel(path, distribution, where) if path.suffix == ".whl" else _interpreter(path, where)
        if candidate.place in seen:
            raise BadInput(f"is the same as line {seen[candidate.place]}", where=where, fix="name each once")
        seen[candidate.place] = number
        found.append(candidate)
    if len(found) < 2:
        raise BadInput(f"names {count(len(found), 'candidate')}", where=str(file), fix="give two or more, a line each")
    return _distinct(found)


def _paths(text: str, file: Path) -> Iterator[tuple[int, Path]]:
    for number, line in enumerate(text.split("\n"), 1):
        said = line.strip()
        if not said or said.startswith("#"):
            continue
        try:
            if not said.isprintable() or len(said) > 4096:
                raise ValueError(said)
            path = Path(os.path.abspath(file.parent / Path(said).expanduser()))  # noqa: PTH100 - a link stays one
            path.is_file()
        except (ValueError, RuntimeError, OSError):  # nobody's home, a name that no file system takes
            raise BadInput(
                f"must be a path, and is {one_line(said, 80)!r}", where=f"{file}, line {number}", fix="mend that line"
            ) from None
        yield number, path


def _interpreter(path: Path, where: str) -> Candidate:
    if not path.is_file() or not os.access(path, os.X_OK):
        raise BadInput(
            f"{path} must be an interpreter, or a wheel (.whl)", where=where, fix="give a path such as venv/bin/python"
        )
    folder = path.parent.parent if path.parent.name in ("bin", "Scripts") else path.parent
    return Candidate(name=one_line(folder.name or "python", 60), kind=Kind.INTERPRETER, place=str(path))


def _wheel(path: Path, distribution: str, where: str) -> Candidate:
    if not distribution:
        raise BadInput("the runtime takes no wheels", where=where, fix="name interpreters")
    version = version_in(path.name, distribution)
    if _VERSION.fullmatch(version) is None:
        raise BadInput(
            f"{one_line(path.name, 80)} must be a wheel of {distribution}", where=where, fix="name another file"
        )
    if not path.is_file():  # a pipe would wait for a writer
        raise BadInput(f"{path} must be a wheel's file", where=where, fix="mend that line")
    try:
        with path.open("rb") as wheel:
            digest = file_digest(wheel, "sha256").hexdigest()
    except OSError as error:
        raise refusal(error, path) from error
    return Candidate(name=version, kind=Kind.WHEEL, place=str(path), sha256=digest)


def _distinct(found: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Of several with one name each gets its number in the list."""
    names = [one.name for one in found]
    return tuple(
        one if names.count(one.name) == 1 else one.model_copy(update={"name": f"{one.name} #{number}"})
        for number, one in enumerate(found, 1)
    )


def cut(found: Sequence[Candidate], good: str | None, bad: str | None, where: str) -> tuple[Candidate, ...]:
    """From good to bad, by their names; the first and the last where they are not named. Raises `BadInput`."""
    names = [one.name for one in found]
    for option, name in (("--good", good), ("--bad", bad)):
        if name is not None and name not in names:
            shown = ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
            raise BadInput(f"{where} has no candidate {name!r}", where=option, fix=f"it has {shown}")
    first = 0 if good is None else names.index(good)
    last = len(names) - 1 if bad is None else names.index(bad)
    if first >= last:
        raise BadInput("good must come before bad in the list", where="--good", fix="the list begins with the oldest")
    return tuple(found[first : last + 1])
