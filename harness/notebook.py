"""Values as HTML for a notebook: one table and a few lines, every text escaped, no script and no style of ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from harness.errors import visible

MOST_ROWS = 60  # shown; a line says how many are not


def block(
    title: str, warnings: Iterable[str], lines: Iterable[str], head: Sequence[str], rows: Sequence[Sequence[str]]
) -> str:
    """The title, what must be known first, lines of text, and a table where there are rows."""
    told = [
        f"<strong>{_text(title)}</strong>",
        *(f"<strong>{_text(one)}</strong>" for one in warnings),
        *map(_text, lines),
    ]
    return "<div>" + "".join(f"<p>{one}</p>" for one in told) + (_table(head, rows) if rows else "") + "</div>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{_text(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{_text(cell)}</td>" for cell in row) + "</tr>" for row in rows[:MOST_ROWS])
    more = f"<p>and {len(rows) - MOST_ROWS:,} more rows</p>" if len(rows) > MOST_ROWS else ""
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{more}"


def _text(text: str) -> str:
    """On one line, what hides or turns it made visible, at most 500 characters."""
    shown = visible(text, keep="")
    return f"<bdi>{escape(shown if len(shown) <= 500 else shown[:499] + '…')}</bdi>"
