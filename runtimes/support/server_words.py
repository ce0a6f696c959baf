"""What a server says when it refuses, as one short line that holds no key: statuses, errors in JSON, events of an error."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any

from harness.errors import one_line

LIMIT = 200  # characters of the server's own words
LEAST = 6  # first characters of a key that a server may show back ("sk-abc***")
_KEYS = ("message", "error", "detail", "msg", "title", "reason")


def status_line(status: int, body: bytes, key: str) -> str:
    """`401 Unauthorized: no such key`, of an answer's status and body."""
    try:
        name = f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        name = str(status)
    words = said(body, key)
    return f"{name}: {words}" if words else name


def said(body: bytes, key: str) -> str:
    """The first line of what a body says, control characters made visible, without the key."""
    text = body.decode(errors="replace").strip()
    try:
        text = _message(json.loads(text)) or text
    except (ValueError, RecursionError):
        if text.startswith("<"):
            found = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
            text = found[1] if found else "a page of HTML"
    return told(text, key)


def told(text: str, key: str) -> str:
    """The first line of a text, as `said`."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    return one_line(without(first, key), LIMIT)


def without(text: str, key: str) -> str:
    """The text with the key, and with every word that shows its beginning, blanked."""
    if not key:
        return text
    text = text.replace(key, "…")
    return re.sub(rf"{re.escape(key[:LEAST])}\S*", "…", text) if len(key) > LEAST else text


def error_of(event: Any, key: str) -> str:
    """What went wrong by an event of a stream or an answer of status 200; "" where nothing did."""
    if not isinstance(event, dict):
        return ""
    if event.get("error"):
        return told(_message(event["error"]), key) or "an error without words"
    if event.get("object") == "error":
        return told(_message(event), key) or "an error without words"
    if "choices" not in event and isinstance(event.get("detail"), str | list | dict) and event["detail"]:
        return told(_message(event["detail"]), key)
    return ""


def _message(value: Any, depth: int = 4) -> str:
    """The sentence in an error's JSON, however it is wrapped."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return next((text for item in value if (text := _message(item, depth - 1))), "") if depth else ""
    if isinstance(value, dict) and depth:
        return next((text for name in _KEYS if (text := _message(value.get(name), depth - 1))), "")
    return ""
