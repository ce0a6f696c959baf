"""A small client for servers that stream completions: JSON calls, and one POST read event by event. Standard library only."""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPMessage
from typing import Any
from urllib.parse import urlsplit

from harness.errors import BadInput, RunFailed
from runtimes.support.deadline import Late, cut_after
from runtimes.support.server_words import error_of, said, status_line, told

TIMEOUT_S = 600.0
ASK_S = 60.0  # of what is only looked up: a port that takes a call and says nothing is no server
WHOLE = 2  # times that: within which an answer must have come, however it drips
ANSWER_LIMIT = 16 << 20  # bytes of one JSON answer
LINE_LIMIT = 1 << 20  # bytes of one line of a stream
OTHER_LIMIT = 1 << 16  # bytes kept of an answer that is no stream, to say what it was
WAIT_S = 60  # as long as a server may ask us to wait (Retry-After) before anything is timed, in all
REDIRECTING = (301, 302, 303, 307, 308)
_BUSY = (429, 503)
_KEY_FIX = "give the name of the variable that holds its key: -o api_key_env=NAME"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: `value` is the JSON of a body, or None where it is none."""

    status: int
    body: bytes
    value: Any

    @property
    def ok(self) -> bool:
        """Whether it is JSON, and no error by status or by content."""
        return self.status == 200 and self.value is not None and not error_of(self.value, "")


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens; `base` is the path before `/completions`, such as `/v1`. The key goes into headers only."""

    host: str
    port: int
    base: str
    key: str = field(default="", repr=False)
    tls: ssl.SSLContext | None = field(default=None, repr=False, compare=False)

    @classmethod
    def at(cls, url: str, remote: bool, key: str = "", authority: str = "") -> Server:
        """The server of an http:// or https:// address; `authority` is a file of certificates that sign the server's.

        Raises `BadInput` for an address that is not this machine's, unless `remote`.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
            host.encode("idna")
            parts.path.encode("ascii")
        except ValueError as error:
            shown = "-o url" if {"@", "?", "#"} & set(url) else f"-o url={url}"  # a key may stand before it
            raise BadInput(
                f"must be an address ({error})", where=shown, fix="write http://127.0.0.1:8080/v1"
            ) from error
        if parts.username is not None:  # not shown: what stands there is a user and a key
            raise BadInput("the address holds a user or a key", where="-o url", fix=_KEY_FIX)
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise BadInput(
                "is not a plain http:// or https:// address",
                where=f"-o url={re.split('[?#]', url)[0]}",  # what stands behind may be a key
                fix="write http://127.0.0.1:8080/v1",
            )
        if not remote and not _loopback(host):
            raise BadInput(
                f"{host} is not this machine",
                where="-o url",
                fix="its speed is not this machine's; to measure it all the same give -o remote=true",
            )
        tls = _trusting(authority) if parts.scheme == "https" else None
        usual = 443 if parts.scheme == "https" else 80
        return cls(host, usual if port is None else port, parts.path.rstrip("/"), key, tls)

    @property
    def loopback(self) -> bool:
        """Whether it listens on this machine, or something here that passes on to another."""
        return _loopback(self.host)

    @property
    def root(self) -> str:
        """The path beside whose `/v1` it answers: behind a proxy, or with a prefix, what stands above it is another server's."""
        return re.sub(r"/v[0-9]+$", "", self.base)

    def address(self) -> str:
        """The address that a connection really goes to."""
        connection = self._connect()
        try:
            connection.connect()
            peer: str = connection.sock.getpeername()[0]
        except OSError as error:
            raise self._silent(error) from error
        finally:
            connection.close()
        return peer

    def ask(self, path: str, body: Any = None) -> Answer:
        """One call. Raises `BadInput` where nobody answers, or where the server wants another key.

        A server that is busy and says for how long is asked again, for a minute in all: nothing is timed here.
        """
        waited = 0
        while True:
            answer, wait = self._asked(path, body)
            if answer.status not in _BUSY or wait is None or waited + wait > WAIT_S:
                return answer
            time.sleep(wait)
            waited += max(wait, 1)

    def _asked(self, path: str, body: Any) -> tuple[Answer, int | None]:
        """The answer, and the seconds after which the server wishes to be asked again."""
        limit_s = TIMEOUT_S if body is not None else ASK_S
        connection = self._connect(limit_s)
        try:
            connection.connect()
            with cut_after(connection.sock, WHOLE * limit_s):
                if body is None:
                    connection.request("GET", path, headers=self._headers())
                else:
                    connection.request("POST", path, json.dumps(body), self._headers("application/json"))
                with connection.getresponse() as answer:
                    text = answer.read(ANSWER_LIMIT + 1)
        except Late as error:
            raise BadInput(
                f"the server's answer to {path} is not whole after {WHOLE * limit_s:.0f} s",
                where=f"{self.host}:{self.port}",
                fix="check that a model server answers there",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from error
        finally:
            connection.close()
        if answer.status in (401, 403):
            raise self.refused(answer.status, text)
        if answer.status in REDIRECTING:
            raise self._moved(answer.status, answer.headers)
        try:
            value = json.loads(text) if len(text) <= ANSWER_LIMIT else None
        except (ValueError, RecursionError):
            value = None
        return Answer(answer.status, text, value), _seconds(answer.headers)

    def call(self, path: str, body: Any = None) -> Any:
        """The JSON answer of a call that not every server knows; None where this one does not answer it."""
        try:
            answer = self.ask(path, body)
        except BadInput:
            return None
        return answer.value if answer.ok else None

    def refused(self, status: int, body: bytes) -> BadInput:
        """What an error status means, in the server's own words."""
        fix = {
            401: "the server wants another key than the variable holds" if self.key else _KEY_FIX,
            403: "the key may not use this model" if self.key else _KEY_FIX,
            404: "check the address (most end in /v1) and -o served_model",
            429: "it counts requests: lift its limit, or measure it alone",
            503: "wait until its model is loaded",
        }
        text = f"the server answers {status_line(status, body, self.key)}"
        way_out = fix.get(status, "see the server's log")
        return BadInput(text, where=f"{self.host}:{self.port}", fix=way_out, code=f"status {status}")

    def _moved(self, status: int, headers: HTTPMessage) -> BadInput:
        """A redirect is not followed: what is timed, and to whom a key goes, is the address that was given."""
        place = told(str(headers.get("Location") or ""), self.key).partition("?")[0]
        if "@" in place:
            place = ""
        return BadInput(
            f"the server answers {status_line(status, b'', self.key)}{f', to {place}' if place else ''}",
            where=f"{self.host}:{self.port}",
            fix="give the address where it really answers: -o url",
            code=f"status {status}",
        )

    def stream(
        self, path: str, body: Any, event: Callable[[bytes], bool], begin: Callable[[], None], *, lines: bool = False
    ) -> str:
        """POST `body`; `begin` is called right before it is sent, `event` with each event's data as it arrives.

        `event` returns false for data that is no whole JSON: the next line belongs to it. Returns how the stream ended
        where that was not by [DONE], else "": whether all had come then, the caller knows. Raises `RunFailed` when the
        server refuses, or does not stream. `lines`: each line is JSON, and no event; where the last one is, the caller knows.
        """
        connection = self._connect()
        text = json.dumps(body).encode()
        try:
            connection.connect()
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            headers = self._headers("application/json") | ({} if lines else {"Accept": "text/event-stream"})
            begin()
            connection.request("POST", path, text, headers)
            with connection.getresponse() as answer:
                if answer.status in (401, 403):
                    raise self.refused(answer.status, answer.read(OTHER_LIMIT))
                if answer.status in REDIRECTING:
                    raise self._moved(answer.status, answer.headers)
                if answer.status != 200:
                    words = status_line(answer.status, answer.read(OTHER_LIMIT), self.key)
                    wait = _seconds(answer.headers) if answer.status in _BUSY else None
                    asks = "" if wait is None else f"; it asks to wait for {wait} s"
                    raise RunFailed(
                        f"the server answers {words}{asks}",
                        where=path,
                        fix="it limits requests: lift its limit, or measure it alone" if answer.status == 429 else "",
                        code=f"status {answer.status}",
                    )
                self._refuse_compressed(answer.headers, path)
                return self._lines(answer, path, event) if lines else self._events(answer, path, event)
        except (ConnectionRefusedError, ssl.SSLCertVerificationError) as error:
            raise self._silent(error) from error
        except (OSError, http.client.HTTPException) as error:
            return f"the stream broke off ({type(error).__name__})"
        finally:
            connection.close()

    def _events(self, answer: http.client.HTTPResponse, path: str, event: Callable[[bytes], bool]) -> str:
        pending, other, failing, seen = b"", b"", False, False
        while line := answer.readline(LINE_LIMIT):
            line = line.removeprefix(b"\xef\xbb\xbf") if not seen else line
            if line.startswith(b"data:"):
                data = pending + line[5:].strip()
                if data == b"[DONE]":
                    return ""
                if failing:
                    raise self._failed(data, path)
                seen = True
                pending = b"" if event(data) else data
            elif line.startswith(b"event:"):
                failing = line[6:].strip() == b"error"
            elif line.startswith(b"error:"):
                raise self._failed(line[6:].strip(), path)
            elif not line.strip() and pending:
                raise RunFailed("an event of the stream can't be read", where=path, code="event can't be read")
            elif not seen and len(other) < OTHER_LIMIT:
                other += line
        if not seen and other.strip():
            raise self._no_stream(other, path)
        return "the server closed the stream before its end"

    def _lines(self, answer: http.client.HTTPResponse, path: str, event: Callable[[bytes], bool]) -> str:
        while line := answer.readline(LINE_LIMIT):
            if line.strip() and not event(line):
                raise self._no_stream(line, path)
        return ""

    def _refuse_compressed(self, headers: HTTPMessage, path: str) -> None:
        """What is compressed comes in blocks, whose times are the compressor's. Nobody asked for it."""
        coding = str(headers.get("Content-Encoding") or "identity").strip().lower()
        if coding not in ("", "identity"):
            raise RunFailed(
                f"the server compresses its stream ({told(coding, self.key)[:20]})",
                where=path,
                fix="a proxy before it may do so: give the server's own address, or switch it off",
                code="compressed",
            )

    def _failed(self, data: bytes, path: str) -> RunFailed:
        words = said(data, self.key) or "without words"
        return RunFailed(
            f"the server reports an error: {words}", where=path, fix="see the server's log", code="error of the server"
        )

    def _no_stream(self, body: bytes, path: str) -> RunFailed:
        try:
            words = error_of(json.loads(body), self.key)
        except (ValueError, RecursionError):
            words = ""
        if words:
            return self._failed(words.encode(), path)
        return RunFailed(
            f"the server does not stream: {said(body, self.key)}",
            where=path,
            fix="its times can't be measured; take a server that streams",
            code="no stream",
        )

    def _headers(self, content: str = "") -> dict[str, str]:
        found = {"Content-Type": content} if content else {}
        return found | ({"Authorization": f"Bearer {self.key}"} if self.key else {})

    def _connect(self, timeout_s: float = TIMEOUT_S) -> http.client.HTTPConnection:
        if self.tls is not None:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout_s, context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout_s)

    def _silent(self, error: BaseException) -> BadInput:
        if isinstance(error, ssl.SSLCertVerificationError):
            return BadInput(
                f"the server's certificate is not trusted: {error.verify_message}",
                where=f"{self.host}:{self.port}",
                fix="give the file of the authority that signed it: -o ca_file=FILE; the address must be one that it names",
                code="certificate",
            )
        if isinstance(error, ssl.SSLError):
            return BadInput(
                f"the server does not speak TLS as we do ({error.reason or error})",
                where=f"{self.host}:{self.port}",
                fix="check the port, or write http:// where it has none",
                code="tls",
            )
        return BadInput(
            f"no server answers at {self.host}:{self.port} ({error})",
            where="-o url",
            fix="start it, or check the address",
        )


def _trusting(authority: str) -> ssl.SSLContext:
    """What a server's certificate is checked with: the system's authorities, and the one that is named."""
    found = ssl.create_default_context()
    if authority:
        try:
            found.load_verify_locations(cafile=authority)
        except (OSError, ValueError) as error:
            raise BadInput(
                f"holds no certificates ({getattr(error, 'strerror', None) or 'not PEM'})",
                where=f"-o ca_file={authority}",
                fix="name a file in PEM, as a whole path",
            ) from error
    return found


def _seconds(headers: HTTPMessage) -> int | None:
    """Of `Retry-After`, where it is a number; a date is as good as nothing."""
    told = str(headers.get("Retry-After") or "").strip()
    return int(told) if told.isascii() and told.isdecimal() and len(told) < 6 else None


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
