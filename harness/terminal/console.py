"""The two consoles: results on standard output, progress and remarks on standard error.

Every text goes through here: what would act on a terminal, or hide there, is made visible, whoever wrote it.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.errors import MarkupError
from rich.markup import escape as _escape_markup
from rich.segment import Segment
from rich.text import Text

from harness.errors import visible

# The styles that our own texts name. Any other tag is text: a foreign one could conceal, or carry an address.
_STYLES = frozenset(("bold", "dim", "red", "green", "yellow", "bold red", "/"))
_TAG = re.compile(r"(\\*)\[([a-z#/@][^[]*?)]")
_UNLIMITED = 1 << 20  # columns of a pipe: nothing is wrapped or cut for a reader that is a program


class SafeConsole(Console):
    """A console whose only escape sequences are its own styles."""

    def render_str(self, text: str, **how: Any) -> Text:
        """Made visible before it is measured, so that columns stay straight. Words between colons stay words."""
        shown = fitting(visible(text), self.encoding)
        try:
            return super().render_str(_TAG.sub(_ours_alone, shown), **(how | {"emoji": False}))
        except MarkupError:  # somebody's "[/]": a text that was not escaped is shown as it is
            return Text(shown)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """The last gate, for whatever came here by another way than `render_str`."""
        for segment in super().render(renderable, options):
            if segment.control:
                yield segment
            else:
                # A link is an escape sequence that carries an address: nothing here makes any.
                style = segment.style.update_link(None) if segment.style and segment.style.link else segment.style
                yield Segment(fitting(visible(segment.text), self.encoding), style)


# What our own texts and drawings are made of, for a terminal or a pipe that can't hold it.
_PLAIN = {
    **dict.fromkeys("█▉▊▋▌●", "#"), **dict.fromkeys("▍▎▏", " "), "→": "->", "±": "+/-", "–": "-", "−": "-", "…": "...", "×": "x",
    "µ": "u", "│": "|", "├": "|", "┤": "|", "─": "-", "·": ".", "“": '"', "”": '"', "°": " deg ", "≥": ">=", "≤": "<=",
}  # fmt: skip
_TO_PLAIN = str.maketrans(_PLAIN)


def fitting(text: str, encoding: str) -> str:
    """`text` in characters of the encoding: ours in their plain form, all others as escapes."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(_TO_PLAIN).encode(encoding, "backslashreplace").decode(encoding)
    return text


def _ours_alone(found: re.Match[str]) -> str:
    slashes, tag = found[1], found[2]
    return found[0] if tag in _STYLES or len(slashes) % 2 else f"{slashes}\\[{tag}]"


def out() -> Console:
    """Results. A pipe gets whole values, or the width that COLUMNS asks for."""
    return _console(stderr=False)


def err() -> Console:
    """Progress and remarks."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    console = SafeConsole(stderr=stderr, highlight=False)
    columns = os.environ.get("COLUMNS", "")
    # Not `is_terminal`: FORCE_COLOR asks a pipe for colours, and not to be cut.
    if console.file.isatty() or (columns.isdigit() and int(columns) > 0):
        return console
    return SafeConsole(stderr=stderr, highlight=False, width=_UNLIMITED)


def escape(text: str) -> str:
    """Foreign text for a place in our markup: on one line, since a second one could pass for a line of ours, and never markup."""
    return _escape_markup(visible(text, keep=""))


def whole(console: Console, identity: str, length: int) -> str:
    """The beginning of an id for a person at a terminal; all of it for a program."""
    return identity[:length] if console.file.isatty() else identity


def print_json(value: Any) -> None:
    """One JSON document for programs; what would act on a terminal is escaped, and any reader gives it back."""
    utf8 = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "") == "utf8"
    print(safe_json(json.dumps(value, indent=2, ensure_ascii=not utf8)))  # noqa: T201 - the output itself


def safe_json(text: str) -> str:
    """JSON with every character escaped that would act on a terminal: the same value to whoever reads it."""
    return re.sub(r"[^\n -~]", _escaped, text)


def _escaped(found: re.Match[str]) -> str:
    character = found[0]
    return character if visible(character) == character else json.dumps(character)[1:-1].replace("\x7f", "\\u007f")
