"""HTTP to a registry's service: answers within limits, its problem documents as our errors, what is safe to repeat repeated.

Nothing of an answer is believed to be small, soon there, or of the kind that a registry sends.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Mapping
from functools import partial
from http.cookiejar import CookieJar
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx2
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness import __version__, errors
from harness.errors import BadInput, NotFound, RecordInvalid, ReproError, TooMany, Unavailable, one_line
from harness.record import signed_request
from harness.registry.remote.in_time import Transport

T = TypeVar("T")
ANSWER_LIMIT = 16 << 20  # bytes
SMALL_LIMIT = 1 << 20  # of what a call about a lease, a challenge or a number answers
TRIES = 4
LONGEST_WAIT_S = 10  # that is waited without asking
_CONNECT_S, _ANSWER_S = 10.0, 90.0  # between two bytes
_WHOLE_S, _FILE_S = 120.0, 600.0  # from the connection to the last byte; of a file, which a slow line takes long for
_NONCE = re.compile(r"[A-Za-z0-9._~-]{1,300}")
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")  # of characters that JSON writes as two
_KINDS: dict[str, type[ReproError]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name).lower(): kind
    for name in errors.__all__
    if isinstance(kind := getattr(errors, name), type) and issubclass(kind, BadInput)
}


class Client:
    """Of one service. `origin` is its registry's name, once known: what a signed request is for."""

    def __init__(self, base: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self.base, self.origin = base, ""
        self._sleep = sleep
        self._line = Transport(base)
        self._http = httpx2.Client(
            transport=self._line,
            timeout=httpx2.Timeout(_ANSWER_S, connect=_CONNECT_S),
            follow_redirects=False,
            cookies=_NoCookies(),
            headers={
                "User-Agent": f"repro-harness/{__version__}",
                "Accept": "application/json",
                "Accept-Encoding": "identity",
            },
        )

    def close(self) -> None:
        """Give up the connection."""
        self._http.close()

    def get(self, path: str, *, key: Ed25519PrivateKey | None = None, **query: str | int) -> dict[str, Any]:
        """The object at the path; signed where a key is given. Raises what the service says."""
        target = path + (f"?{urlencode(query)}" if query else "")

        def ask() -> dict[str, Any]:
            headers = {} if key is None else self._signature("GET", target, b"", key)
            return self._once("GET", target, headers, None)

        return self._repeated(ask)

    def fetch(self, path: str, limit: int) -> bytes:
        """The bytes at the path, from a service or any other server. Raises `NotFound`, and what a service says."""

        def ask() -> bytes:
            read = partial(self._file, path=path, limit=limit)
            return self._answered(read, "GET", path, {}, None, seconds=_FILE_S)

        return self._repeated(ask)

    def post_signed(self, path: str, key: Ed25519PrivateKey) -> dict[str, Any]:
        """Without a body. Not repeated: it is not the same twice."""
        return self._once("POST", path, self._signature("POST", path, b"", key), b"", limit=SMALL_LIMIT)

    def post_again(self, path: str, key: Ed25519PrivateKey) -> dict[str, Any]:
        """As `post_signed`, of what is the same when it is sent again."""
        return self._repeated(lambda: self.post_signed(path, key))

    def post(self, path: str, parts: Mapping[str, bytes]) -> dict[str, Any]:
        """Parts as multipart/form-data, repeated where the service was busy or the line broke: the same thing enters once."""
        files = {name: (name, data, "application/octet-stream") for name, data in parts.items()}
        return self._repeated(lambda: self._once("POST", path, {}, None, files))

    def _signature(self, method: str, target: str, body: bytes, key: Ed25519PrivateKey) -> dict[str, str]:
        told = self._repeated(lambda: self._once("GET", "/v1/nonce", {}, None, limit=SMALL_LIMIT))
        nonce = told.get("nonce")
        if not isinstance(nonce, str) or _NONCE.fullmatch(nonce) is None:
            raise self._strange("it gives no number for a signed request")
        return signed_request.sign(method, target, body, key, nonce, self.origin)

    def _repeated(self, ask: Callable[[], T]) -> T:
        wait = 0.5
        for left in range(TRIES - 1, -1, -1):
            try:
                return ask()
            except (TooMany, Unavailable) as error:
                if not left or error.wait_s > LONGEST_WAIT_S:
                    raise
                self._sleep(max(wait, error.wait_s if isinstance(error, TooMany) else 0))
            wait *= 2
        raise AssertionError

    def _once(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        files: Any = None,
        limit: int = ANSWER_LIMIT,
    ) -> dict[str, Any]:
        read = partial(self._read, limit=limit)
        seconds = _FILE_S if files else 0.0  # samples go up a slow line as files come down
        return self._answered(read, method, target, headers, body, files, seconds)

    def _answered(
        self,
        read: Callable[[httpx2.Response], T],
        method: str,
        target: str,
        headers: Mapping[str, str],
        body: bytes | None,
        files: Any = None,
        seconds: float = 0.0,
    ) -> T:
        try:
            with (
                self._line.within(seconds or _WHOLE_S),
                self._http.stream(
                    method, self.base + target, headers=dict(headers), content=body, files=files
                ) as response,
            ):
                return read(response)
        except httpx2.TransportError as error:
            gone = Unavailable(
                f"can't be reached ({one_line(str(error) or type(error).__name__, 120)})",
                where=self.base,
                fix="check the address and the network; what was acknowledged is kept",
            )
            raise gone from error

    def _whole(self, response: httpx2.Response, limit: int) -> bytes:
        if response.headers.get("content-encoding", "identity").lower() != "identity":  # it may be a bomb
            raise self._strange("its answer is coded, which nobody asked for")
        data = bytearray()
        for chunk in response.iter_raw():
            data += chunk
            if len(data) > limit:
                raise self._strange(f"its answer has more than {limit} bytes")
        return bytes(data)

    def _file(self, response: httpx2.Response, path: str, limit: int) -> bytes:
        if response.status_code == 404:
            raise NotFound("is not there", where=self.base + path, fix="check the address")
        if response.is_success:
            return self._whole(response, limit)
        self._read(response, SMALL_LIMIT)
        raise self._strange(f"it answers {response.status_code}")

    def _read(self, response: httpx2.Response, limit: int) -> dict[str, Any]:
        data = self._whole(response, limit)
        try:
            found = _document(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise self._strange(f"it answers {response.status_code} without a JSON object")
        if response.is_success:
            return found
        raise self._problem(response, found)

    def _problem(self, response: httpx2.Response, found: Mapping[str, Any]) -> ReproError:
        if not isinstance(found.get("code"), str):
            return self._strange(f"it answers {response.status_code}")
        kind = _KINDS.get(found["code"], BadInput if response.status_code < 500 else Unavailable)
        made = kind(
            one_line(str(found.get("detail", ""))),
            where=one_line(str(found.get("field", ""))) or self.base,
            fix=one_line(str(found.get("remedy", ""))),
        )
        told = response.headers.get("retry-after", "")
        if isinstance(made, TooMany | Unavailable) and told.isdecimal():
            made.wait_s = int(told[:6])
        return made

    def _strange(self, what: str) -> RecordInvalid:
        return RecordInvalid(f"must be the service of a registry: {what}", where=self.base, fix="check the address")


class _NoCookies(CookieJar):
    """Nothing that an answer asks to be kept."""

    def extract_cookies(self, response: Any, request: Any) -> None:
        """See `CookieJar`."""


def _document(data: bytes) -> Any:
    """The JSON. Raises `ValueError` for what no registry writes, and what may not be text, a header or a count later: halves of
    characters, infinities, whole numbers of more than 19 digits.
    """
    found = json.loads(data.decode(), parse_constant=_refused, parse_float=_finite, parse_int=_whole_number)
    if _HALVES.search(data):
        json.dumps(found, ensure_ascii=False).encode()
    return found


def _whole_number(text: str) -> int:
    return int(text) if len(text) < 20 else _refused(text)


def _finite(text: str) -> float:
    found = float(text)
    return found if math.isfinite(found) else float(_refused(text))


def _refused(text: str) -> Any:
    raise ValueError(f"{text[:20]} is not a number that a registry writes")
