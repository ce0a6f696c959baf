"""A build that failed: its first error, read from the log, and the note that keeps the next command from trying it again."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from pathlib import Path

from harness.errors import one_line
from harness.files import write_text

# What a compiler, a linker, CMake or pip says when it gives up; a file's name or a flag that holds "error" is none.
_ERROR = re.compile(
    r"(?:^|[\s:\]])(?:fatal )?error(?: [A-Z]+\d+)?\s*: (?P<said>.+)"
    r"|(?P<link>undefined reference to .+|cannot find -l\S+.*|nvcc fatal\s*: .+|No space left on device.*)"
    r"|(?P<python>^\s*(?:ModuleNotFoundError|ImportError|OSError|MemoryError)\b.*)",
    re.IGNORECASE,
)
_CMAKE = re.compile(r"CMake Error(?: at [^:]+:\d+ \((?P<call>\w+)\)| in [^:]+)?:\s*(?P<said>.*)")
# They say that something failed, not what.
_EMPTY = re.compile(
    r"subprocess-exited-with-error|did not run successfully|metadata-generation-failed|failed to build|"
    r"failed building wheel|ld returned \d+ exit status|cmake (?:build|configuration) failed",
    re.IGNORECASE,
)


def first_error(lines: Sequence[str]) -> str:
    """The first line of a log that names an error, in one line; the last line that is not empty where none does."""
    for number, line in enumerate(lines):
        cmake = _CMAKE.search(line)
        if cmake:
            return _short(cmake["said"].strip() or _paragraph(lines[number + 1 :]) or line)
        found = _ERROR.search(line)
        if found and not _EMPTY.search(line):
            return _short(found["said"] or found["link"] or found["python"])
    return _short(next((line for line in reversed(lines) if line.strip()), ""))


def _paragraph(lines: Sequence[str]) -> str:
    """The text that CMake puts below its heading, to the first empty line after it."""
    told: list[str] = []
    for line in lines[:12]:
        text = re.sub(r"^\s*(?:\*\*\*|--|\|)\s", "", line).strip()
        if text:
            told.append(text)
        elif told:
            break
    return " ".join(told)


def _short(text: str) -> str:
    return one_line(text.strip(), 200)


def _note(folder: Path) -> Path:
    return folder.with_suffix(".failed.json")


def remember(folder: Path, said: str) -> None:
    """Note that the build of this place failed, and with what."""
    write_text(_note(folder), json.dumps({"said": said, "at": time.strftime("%Y-%m-%d %H:%M")}))


def remembered(folder: Path) -> tuple[str, str] | None:
    """What the build of this place failed with, and when; None where it did not."""
    try:
        data = json.loads(_note(folder).read_text())
        return str(data["said"]), str(data["at"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(folder: Path) -> None:
    """It was built, or is to be tried again."""
    _note(folder).unlink(missing_ok=True)
