"""Days on the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from harness.errors import BadInput


def day_of(text: str | None, where: str = "--as-of") -> date:
    """The day; today (UTC) where none is given. Raises `BadInput`."""
    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} must be a day ({error})", where=where, fix="write YYYY-MM-DD") from error


def in_a_year() -> str:
    """The day a year from today (UTC), as YYYY-MM-DD."""
    return (datetime.now(UTC) + timedelta(days=365)).date().isoformat()
