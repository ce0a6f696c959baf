"""HTTP that ends in time: one end for connection, TLS, headers and body together, whoever drips a byte of them now and then."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore2
import httpx2

FAILURES = (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, httpcore2.UnsupportedProtocol)


@contextmanager
def in_time(seconds: float) -> Iterator[httpcore2.ConnectionPool]:
    """A pool for one request: TLS is verified, no proxy, no redirects. What lasts longer raises one of `FAILURES`."""
    context = httpx2.create_ssl_context(trust_env=False)  # reads certificates: not the other side's time
    network = _Network(time.monotonic() + seconds)
    with httpcore2.ConnectionPool(ssl_context=context, network_backend=network) as pool:
        yield pool


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("it takes too long")
    return left


class _Network(httpcore2.NetworkBackend):
    """Connections that all end at that time of the monotonic clock."""

    def __init__(self, ends: float) -> None:
        self._ends, self._own = ends, httpcore2.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        return _Stream(self._own.connect_tcp(host, port, _left(self._ends), local_address, socket_options), self._ends)


class _Stream(httpcore2.NetworkStream):
    """Each read and write has what is left of the time: a library's own limit begins anew with every byte."""

    def __init__(self, own: httpcore2.NetworkStream, ends: float) -> None:
        self._own, self._ends = own, ends

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._own.read(max_bytes, _left(self._ends))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._own.write(buffer, _left(self._ends))

    def close(self) -> None:
        self._own.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._own.start_tls(ssl_context, server_hostname, _left(self._ends)), self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._own.get_extra_info(info)
