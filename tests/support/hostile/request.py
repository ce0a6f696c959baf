"""One hostile request as bytes on a line, its answer, and what is wrong with that answer."""

from __future__ import annotations

import json
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from random import Random

PATIENCE_S = 120
_MEMBERS = {"type", "title", "status", "detail", "code", "field", "remedy"}
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Hostile:
    """`pieces` are sent one after the other, `pause_s` between them. `method`: of what the answer is read as."""

    pieces: tuple[bytes, ...]
    method: str = "POST"
    pause_s: float = 0.0
    again: bool = False  # what is there already is sent again: 200 and its receipt are right
    elsewhere: bool = False  # 303 to the page that signs in is right
    cut: bool = False  # a line that is closed before the answer could be read is right


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0: none came."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    seconds: float = 0.0


def head(
    method: str, path: str | bytes, rng: Random, headers: dict[str, str] | None = None, size: int | None = None
) -> bytes:
    """The head of a request, from an address of its own behind the proxy: no address has to wait for another's tries."""
    target = path.encode("latin-1") if isinstance(path, str) else path
    address = ".".join(str(rng.randrange(1, 255)) for _ in range(4))
    told = {"Host": "localhost", "X-Forwarded-For": address, "Connection": "close", **(headers or {})}
    if size is not None:
        told.setdefault("Content-Length", str(size))
    lines = b"".join(f"{name}: {value}\r\n".encode("latin-1", "replace") for name, value in told.items())
    return method.encode() + b" " + target + b" HTTP/1.1\r\n" + lines + b"\r\n"


def plain(
    method: str, path: str | bytes, rng: Random, headers: dict[str, str] | None = None, body: bytes = b"", **how: bool
) -> Hostile:
    """A whole request at once."""
    size = len(body) if body or method in ("POST", "PUT", "PATCH") else None
    return Hostile((head(method, path, rng, headers, size) + body,), method, **how)  # type: ignore[arg-type]


def multipart(rng: Random, parts: dict[str, bytes], path: str = "/v1/events", **how: bool) -> Hostile:
    """As a client sends an event."""
    return plain("POST", path, rng, {"Content-Type": "multipart/form-data; boundary=b"}, form(parts), **how)


def form(parts: dict[str, bytes]) -> bytes:
    """The body of it."""
    made = (
        b'--b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n%b\r\n' % (name.encode(), data)
        for name, data in parts.items()
    )
    return b"".join(made) + b"--b--\r\n"


def ask(port: int, one: Hostile) -> Answer:
    """What the service at this port answers."""
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as line:
        with suppress(OSError):  # it has closed the line: what it said first is there to read
            for number, piece in enumerate(one.pieces):
                if number and one.pause_s:
                    time.sleep(one.pause_s)
                line.sendall(piece)
        try:
            found = HTTPResponse(line, method=one.method)
            found.begin()
            headers = {name.lower(): value for name, value in found.getheaders()}
            return Answer(found.status, headers, found.read(), time.monotonic() - began)
        except (OSError, HTTPException):
            return Answer(0, seconds=time.monotonic() - began)


def flaw(one: Hostile, answer: Answer) -> str:
    """What is wrong with the answer; "" where nothing is."""
    if answer.status == 0:
        return "" if one.cut else "no answer"
    if one.again and answer.status == 200:
        return "" if json.loads(answer.body)["new"] is False else "taken twice"
    if one.elsewhere and answer.status == 303:
        return "" if answer.headers["location"] == "/console/sign-in" else "sent elsewhere"
    if not 400 <= answer.status < 500:
        return f"answered {answer.status}"
    if answer.headers.get("content-type") != "application/problem+json":
        return f"{answer.status} is not a problem document"
    if one.method == "HEAD":
        return ""
    told = json.loads(answer.body)
    right = set(told) == _MEMBERS and told["status"] == answer.status and told["detail"]
    return "" if right else f"{answer.status} is not a whole problem document"
