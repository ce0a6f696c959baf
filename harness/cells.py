"""Foreign text as a cell of a table that another program opens: data there, never a formula, a link or markup."""

from __future__ import annotations

import re

from harness.errors import visible

# What a spreadsheet takes for the beginning of a formula, after any blanks; the wide forms, too, which some fold.
_FORMULA = re.compile(r"[\s']*[=+\-@|%\uff1d\uff0b\uff0d\uff20]")
_MARKUP = re.compile(r"[\\`*\[\]<>|~&$:@#!{}()]|(?<![0-9A-Za-z])_|_(?![0-9A-Za-z])|(?<=www)\.|^[+\-=]", re.IGNORECASE)


def csv_text(text: str) -> str:
    """For CSV: one line, no control characters, and an apostrophe before what a spreadsheet would run."""
    shown = visible(text, keep="")
    return f"'{shown}" if _FORMULA.match(shown) else shown


def markdown_text(text: str) -> str:
    """For a cell of a Markdown table, or a heading: every character that could be markup, a link or HTML is escaped."""
    return _MARKUP.sub(lambda found: "\\" + found[0], visible(" ".join(text.split()), keep=""))
