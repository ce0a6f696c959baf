"""What a service writes down of itself: a JSON object a line, of fields that are named here and no others.

No address, handle, key, id of a record that waits, and nothing that a request brought can get there: a field that is not in the
list is dropped, and of an error that nobody expected only its kind and place are told.
"""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

from harness.errors import one_line

FIELDS = frozenset(
    {
        "event", "level", "timestamp",  # what, how bad, when
        "route", "method", "status", "duration_s",  # of an answer; the route is the template, not what was asked for
        "kind", "entry",  # of an event that was taken
        "rows", "made", "files", "removed", "entries", "code", "line",  # of a build of the site
        "address", "place", "logger",  # where it listens; where an error came up; which library speaks
    }
)  # fmt: skip
_TOLD = 300


class Log:
    """Writes lines to a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._own = structlog.wrap_logger(
            structlog.PrintLogger(stream),
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                allowed,
                structlog.processors.JSONRenderer(),
            ],
            wrapper_class=structlog.BoundLogger,
        )

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """A line."""
        getattr(self._own, level)(event, **fields)


def allowed(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Those fields that may be there; texts on one line."""
    found: dict[str, str | int | float | bool] = {}
    for name in sorted(
        FIELDS & fields.keys(), key=lambda one: (one != "timestamp", one != "level", one != "event", one)
    ):
        value = fields[name]
        if isinstance(value, bool | int | float):
            found[name] = round(value, 4) if isinstance(value, float) else value
        elif isinstance(value, str):
            found[name] = one_line(value, _TOLD)
    return found


class Handler(logging.Handler):
    """What libraries log: the text as its programmer wrote it, without the values that belong into it, and where an error was."""

    def __init__(self, log: Log) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """A line."""
        error = record.exc_info[1] if record.exc_info else None
        more = {} if error is None else {"code": type(error).__name__, "place": place(error)}
        words = str(record.msg).partition("\n")[0] if error is None else "an error that nobody expected"
        self._log(words, level="warning" if record.levelno < logging.ERROR else "error", logger=record.name, **more)


def place(error: BaseException) -> str:
    """File and line of this program where it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if "/harness/" in one.filename] or list(frames)
    return f"{own[-1].filename.rpartition('/harness/')[2]}:{own[-1].lineno}" if own else ""


def standard() -> Log:
    """To standard error; libraries' warnings and errors, too."""
    log = Log(sys.stderr)
    handler = Handler(log)
    for name in ("uvicorn", "asyncio", "harness", "opentelemetry", "urllib3"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.WARNING)
    return log
