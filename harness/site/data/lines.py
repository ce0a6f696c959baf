"""JSON with a line for each row: a file of ten thousand is made from the last one, and only the lines of a few rows anew."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence


def of(text: str, rows: Sequence[str]) -> dict[str, str]:
    """What such a file says of each of its rows, in order. Raises `ValueError` for a file of other rows."""
    body = text[text.index("\n") + 1 : text.rindex("\n", 0, -1)]
    return dict(zip(rows, body.split(",\n") if rows else (), strict=True))


def joined(begin: str, rows: Iterable[str], made: Mapping[str, str], kept: Mapping[str, str], end: str) -> str:
    """The file: one line before the rows, one after them. A row's line as `made`, or else as it was `kept`."""
    lines = ",\n".join([made[row] if row in made else kept[row] for row in rows])
    return f"{begin}\n{lines}\n{end}\n"
