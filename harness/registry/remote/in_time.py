"""HTTP that ends in time: one end for connection, TLS, head and body together, whoever drips a byte of them now and then."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from harness.errors import BadInput

FAILURES = (
    httpcore2.NetworkError,
    httpcore2.TimeoutException,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)
_KEPT_S = 5.0  # a connection that nothing was asked over


@contextmanager
def in_time(seconds: float) -> Iterator[httpcore2.ConnectionPool]:
    """A pool for one request: TLS is verified, no proxy, no redirects. What lasts longer raises one of `FAILURES`."""
    context = httpx2.create_ssl_context(trust_env=False)  # reads certificates: not the other side's time
    ends = time.monotonic() + seconds
    with httpcore2.ConnectionPool(ssl_context=context, network_backend=_Network(lambda: ends)) as pool:
        yield pool


class Transport(httpx2.BaseTransport):
    """To one address, its connections kept from one request to the next; by the proxy that the environment names for it. Each
    thread's requests end `within` a time. Raises `BadInput` for a proxy of another kind than HTTP's.
    """

    def __init__(self, base: str) -> None:
        self._own = threading.local()
        self._pool = _pool(base, _Network(lambda: self._own.ends))

    @contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """What this thread asks meanwhile, and reads of the answer, ends in so many seconds."""
        self._own.ends = time.monotonic() + seconds
        yield

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """See `httpx2.BaseTransport`."""
        url = request.url
        asked = httpcore2.Request(
            method=request.method,
            url=httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_transports():
            found = self._pool.handle_request(asked)
        return httpx2.Response(found.status, headers=found.headers, stream=_Body(found), extensions=found.extensions)

    def close(self) -> None:
        """Give up the connections."""
        self._pool.close()


class _Body(httpx2.SyncByteStream):
    def __init__(self, found: httpcore2.Response) -> None:
        self._found = found

    def __iter__(self) -> Iterator[bytes]:
        with _as_transports():
            yield from self._found.iter_stream()

    def close(self) -> None:
        self._found.close()


@contextmanager
def _as_transports() -> Iterator[None]:
    try:
        yield
    except FAILURES as error:
        raise httpx2.TransportError(str(error) or type(error).__name__) from error


def _pool(base: str, network: httpcore2.NetworkBackend) -> httpcore2.ConnectionPool:
    parts = urlsplit(base)
    context = httpx2.create_ssl_context() if parts.scheme.lower() == "https" else None
    proxies = getproxies()
    proxy = proxies.get(parts.scheme.lower()) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return httpcore2.ConnectionPool(ssl_context=context, network_backend=network, keepalive_expiry=_KEPT_S)
    named = urlsplit(proxy if "://" in proxy else f"http://{proxy}")
    if named.scheme.lower() not in ("http", "https") or not named.hostname:
        what = "must be an HTTP proxy"
        raise BadInput(what, where=f"{parts.scheme.lower()}_proxy", fix="as http://proxy.example.org:3128, or unset it")
    user, password = named.username, named.password or ""
    account = None if user is None else (unquote_to_bytes(user), unquote_to_bytes(password))
    return httpcore2.HTTPProxy(
        f"{named.scheme}://{named.netloc.rpartition('@')[2]}",
        proxy_auth=account,
        ssl_context=context,
        network_backend=network,
        keepalive_expiry=_KEPT_S,
    )


def _left(ends: float, most: float | None) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("it takes too long")
    return left if most is None else min(left, most)


class _Network(httpcore2.NetworkBackend):
    """Connections whose every step ends at that time of the monotonic clock."""

    def __init__(self, ends: Callable[[], float]) -> None:
        self._ends, self._own = ends, httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        left = _left(self._ends(), timeout)
        return _Stream(self._own.connect_tcp(host, port, left, local_address, socket_options), self._ends)


class _Stream(httpcore2.NetworkStream):
    """Each read and write has what is left of the time: a library's own limit begins anew with every byte."""

    def __init__(self, own: httpcore2.NetworkStream, ends: Callable[[], float]) -> None:
        self._own, self._ends = own, ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._own.read(max_bytes, _left(self._ends(), timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._own.write(buffer, _left(self._ends(), timeout))

    def close(self) -> None:
        self._own.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._own.start_tls(ssl_context, server_hostname, _left(self._ends(), timeout)), self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._own.get_extra_info(info)
