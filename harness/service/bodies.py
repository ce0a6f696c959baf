"""Bodies of requests: counted while they are read, in time, and taken apart without believing anything in them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.requests import ClientDisconnect, Request

from harness.errors import BadInput, TooLarge, TooSlow, Unavailable, WrongType
from harness.registry.actions.incoming import Parcel

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

LIMIT = 8 << 20  # bytes of a body
SECONDS = 30.0  # for which it may arrive
DEPTH = 32  # of JSON
ALL_LIMIT = 256 << 20  # bytes of all bodies that are being read or worked on
PARTS = ("event", "record", "samples", "device_note")
# Possessive, and with or without its end: a text is gone over once, and no place in it is kept to come back to.
_TOKENS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?|[\[\]{}]', re.DOTALL)
_MOST_TOKENS = 10_000


@dataclass(slots=True)
class Held:
    """How many bytes of bodies are in memory."""

    bytes: int = 0

    def take(self, count: int) -> None:
        """Raises `Unavailable` where there is no room for them."""
        if self.bytes + count > ALL_LIMIT:
            raise Unavailable("too many bodies are being read", where="body", fix="send the same again")
        self.bytes += count


async def read(request: Request, held: Held, limit: int = LIMIT) -> bytes:
    """All of it. Raises `TooLarge` as soon as it is, whatever the request said of its length; `TooSlow`; `Unavailable`.

    The caller gives the bytes back: `held.bytes -= len(body)`.
    """
    coding = request.headers.get("content-encoding", "identity")
    if coding.lower() != "identity":
        raise WrongType(f"{coding[:40]!r} is not read here", where="content-encoding", fix="send the body as it is")
    told = request.headers.get("content-length", "")
    if told.isdecimal() and int(told[:20]) > limit:
        raise _large(limit)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(SECONDS):
            async for chunk in request.stream():
                if size + len(chunk) > limit:
                    raise _large(limit)
                held.take(len(chunk))
                size += len(chunk)
                parts.append(chunk)
    except TimeoutError:
        held.bytes -= size
        raise TooSlow(f"must arrive within {SECONDS:g} s", where="body", fix="send it again, faster") from None
    except ClientDisconnect:
        held.bytes -= size
        raise BadInput("ended early", where="body", fix="send it again") from None
    except BaseException:
        held.bytes -= size
        raise
    return b"".join(parts)


def parcel(content_type: str, body: bytes) -> Parcel:
    """What a body of either media type holds. Raises `WrongType`, or `BadInput` for a part that is missing or unknown."""
    kind, options = parse_options_header(content_type.encode("latin-1", "replace")[:1000])
    if kind == b"application/json":
        parts = _json(body)
    elif kind == b"multipart/form-data":
        parts = _multipart(body, options.get(b"boundary", b""))
    else:
        raise WrongType(
            f"{content_type[:80]!r} is not read here",
            where="content-type",
            fix="send multipart/form-data or application/json",
        )
    if "event" not in parts:
        raise BadInput("must be there", where="event", fix="send the signed event's envelope")
    return Parcel(parts["event"], parts.get("record"), parts.get("samples"), parts.get("device_note"))


def _large(limit: int) -> TooLarge:
    return TooLarge(f"has more than {limit} bytes", where="body", fix="send one event with one record")


def json_object(body: bytes) -> Mapping[str, object]:
    """The object in a body, its depth counted before anything is parsed. Raises `BadInput`."""
    depth = 0  # counted in bytes: UTF-16, which the parser would take, may hide them
    for number, found in enumerate(_TOKENS.finditer(body)):
        first = body[found.start()]
        depth += (first in b"{[") - (first in b"}]")
        if depth > DEPTH or number >= _MOST_TOKENS:
            raise BadInput(f"is nested deeper than {DEPTH}, or of too many parts", where="body", fix="send plain JSON")
    try:
        value = json.loads(body.decode(), object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise BadInput("is not JSON", where="body", fix="send one object in UTF-8") from None
    if not isinstance(value, dict):
        raise BadInput("must be an object", where="body", fix="see: /v1/openapi.json")
    return value


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):  # whoever stands before the service may have read the other one
        raise BadInput("names something twice", where="body", fix="send each name once")
    return found


def _json(body: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, value in json_object(body).items():
        if name not in PARTS:
            raise BadInput("is not a part of a submission", where=name[:40], fix=f"send {', '.join(PARTS)}")
        if not isinstance(value, str):
            raise BadInput("must be base64 in a text", where=name, fix="encode the bytes of the file")
        try:
            found[name] = base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            raise BadInput("must be base64 in a text", where=name, fix="encode the bytes of the file") from None
    return found


def _multipart(body: bytes, boundary: bytes) -> dict[str, bytes]:
    if not 1 <= len(boundary) <= 70:
        raise BadInput("must name its boundary", where="content-type", fix="send multipart/form-data as RFC 7578 says")
    reader = _Parts()
    try:
        parser = MultipartParser(boundary, reader.callbacks())
        parser.write(body)
        parser.finalize()
    except (MultipartParseError, ValueError) as error:
        raise BadInput(f"is not multipart ({error})", where="body", fix="send it as RFC 7578 says") from None
    if not reader.ended:
        raise BadInput("ends before its last boundary", where="body", fix="send all of it")
    return {name: b"".join(parts) for name, parts in reader.found.items()}


class _Parts:
    """What the parser calls: the names and the bytes of parts, nothing else of them."""

    def __init__(self) -> None:
        self.found: dict[str, list[bytes]] = {}
        self.ended = False
        self._name = self._field = self._value = b""
        self._headers = 0
        self._own: list[bytes] = []

    def callbacks(self) -> MultipartCallbacks:
        """By the parser's names."""
        return {
            "on_part_begin": self._begin,
            "on_part_data": self._data,
            "on_part_end": self._end,
            "on_header_field": self._on_field,
            "on_header_value": self._on_value,
            "on_header_end": self._header,
            "on_end": self._on_end,
        }

    def _begin(self) -> None:
        if len(self.found) >= len(PARTS):
            raise BadInput(f"has more than {len(PARTS)} parts", where="body", fix=f"send {', '.join(PARTS)}")
        self._name, self._own, self._headers = b"", [], 0

    def _on_field(self, data: bytes, start: int, end: int) -> None:
        self._field += data[start:end]

    def _on_value(self, data: bytes, start: int, end: int) -> None:
        self._value += data[start:end]

    def _header(self) -> None:
        self._headers += 1
        if self._headers > 8 or len(self._field) + len(self._value) > 1000:
            raise BadInput("has headers of a part that are too long", where="body", fix="send plain parts")
        if self._field.lower() == b"content-disposition":
            self._name = parse_options_header(self._value)[1].get(b"name", b"")
        self._field = self._value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._own.append(data[start:end])

    def _end(self) -> None:
        name = self._name.decode("latin-1")
        if name not in PARTS:
            raise BadInput("is not a part of a submission", where=name[:40] or "body", fix=f"send {', '.join(PARTS)}")
        if name in self.found:
            raise BadInput("comes twice", where=name, fix="send each part once")
        self.found[name] = self._own

    def _on_end(self) -> None:
        self.ended = True
