"""Days on the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime

from harness.errors import BadInput


def day_of(text: str | None, where: str = "--as-of") -> date:
    """The day; today (UTC) where none is given. Raises `BadInput`."""
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} must be a day ({error})", where=where, fix="write YYYY-MM-DD") from error
