"""The documents as their readers find them: pages, links, and the commands that they show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FRONT = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "results/README.md", "benchmarks/README.md")
# Pages of their day: what they tell was so then, and is never rewritten.
DATED = ("docs/decisions/", "docs/measurements/")

_SPAN = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^()\s]+)\)")
_COMMENT = re.compile(r"\s+#.*")
_PROGRAM = re.compile(r"(?:\.venv/bin/)?(repro|make)(?= |$)")


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a page shows it, without its comment. `block`: on a line of its own, to be typed as it is."""

    page: str
    text: str
    block: bool

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"


def pages() -> list[str]:
    """Every page, by its path in the checkout."""
    return [*FRONT, *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md"))]


def split(text: str) -> tuple[list[str], str]:
    """The lines of the blocks of code of a page, and what is left of it. A block is fenced, or indented after an empty line."""
    code: list[str] = []
    prose: list[str] = []
    fenced = inside = False
    before = ""
    for line in text.splitlines():
        if line.lstrip().startswith("```"):
            fenced, before = not fenced, ""
            continue
        inside = line.startswith("    ") and (inside or not before.strip())
        (code if fenced or inside else prose).append(line)
        if line.strip():
            before = line
        else:
            before, inside = "", False
    return code, "\n".join(prose)


def links(text: str) -> list[str]:
    """Targets of the links of a page, code left out."""
    return _LINK.findall(_SPAN.sub("", split(text)[1]))


def spans(text: str) -> list[str]:
    """What stands between backticks, each on one line."""
    return [" ".join(found.split()) for found in _SPAN.findall(split(text)[1])]


def anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    found: dict[str, int] = {}
    for line in split(text)[1].splitlines():
        if re.match(r"#{1,6} ", line):
            title = re.sub(r"[^\w\- ]", "", line.lstrip("# ").lower()).replace(" ", "-")
            found[title] = found.get(title, -1) + 1
    return {name if number == 0 else f"{name}-{number}" for name, last in found.items() for number in range(last + 1)}


def fenced(text: str, language: str) -> list[str]:
    """The blocks of a page that are fenced as of that language, whole."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def typed(text: str) -> list[str]:
    """The lines of the blocks of a page as they would be typed: one command each, comments gone."""
    lines = (_COMMENT.sub("", line).strip() for line in split(text)[0])
    return [part.strip() for line in lines if line for part in line.split(" && ")]


def commands(page: str) -> Iterator[Command]:
    """Each `repro …` and `make …` that a page shows."""
    text = (ROOT / page).read_text()
    for block, lines in ((True, typed(text)), (False, spans(text))):
        for line in lines:
            if _PROGRAM.match(line):
                yield Command(page, line.removeprefix(".venv/bin/"), block)
