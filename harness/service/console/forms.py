"""Forms as browsers send them: counted, decoded strictly, and never guessed at."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import parse_qsl

from harness.errors import BadInput, WrongType

LIMIT = 1 << 20  # bytes of a form
_FIELDS = 200
MEDIA_TYPE = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Form:
    """The values of each field, in their order."""

    values: Mapping[str, Sequence[str]]

    def one(self, name: str, default: str | None = None) -> str:
        """The only value. Raises `BadInput` where it is missing and has no default, or comes twice."""
        found = self.values.get(name, ())
        if len(found) > 1 or (not found and default is None):
            raise BadInput("must come once", where=name, fix="open the page again")
        return found[0] if found else (default or "")

    def bytes_of(self, name: str) -> bytes:
        """The only value, from base64. Raises `BadInput`."""
        return decoded(self.one(name), name)

    def all(self, name: str) -> Sequence[str]:
        """Every value."""
        return self.values.get(name, ())


def decoded(text: str, where: str) -> bytes:
    """From base64. Raises `BadInput`."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadInput("must be base64", where=where, fix="open the page again") from None


def read(content_type: str, body: bytes) -> Form:
    """Raises `WrongType`, or `BadInput` for what no browser sends."""
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise WrongType(f"{content_type[:80]!r} is not read here", where="content-type", fix=f"send {MEDIA_TYPE}")
    try:
        pairs = parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), errors="strict",
            max_num_fields=_FIELDS,
        )  # fmt: skip
    except ValueError:
        raise BadInput("is not a form", where="body", fix="send what the page's form holds") from None
    found: dict[str, list[str]] = {}
    for name, value in pairs:
        if "\0" in value:
            raise BadInput("must not hold a NUL", where=name[:40])
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return Form(found)
