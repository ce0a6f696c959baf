"""HTTP to an address that somebody else named: over TLS, and never to this machine or its network, unless that is declared.

The name is resolved once, every address that it has must be public, and the connection goes to the one that was looked at: a name
that answers otherwise a moment later leads nowhere. No redirects, no proxy, a bounded answer in bounded time.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

import httpcore2

from harness import __version__
from harness.errors import BadInput, NotAllowed, Unavailable, one_line
from harness.registry.remote.in_time import FAILURES, in_time

ANSWER_LIMIT = 64 << 10  # bytes
SECONDS = 10.0  # in all, from the connection to the answer's last byte
# Addresses that hold an IPv4 address inside: whoever names one could mean a private one.
_TRANSLATED = tuple(IPv6Network(one) for one in ("64:ff9b::/32", "2002::/16", "2001::/32", "::/96"))
Resolve = Callable[[str, int], list[str]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    media_type: str
    body: bytes


def post(
    url: str, body: bytes, headers: Mapping[str, str], *, private: bool = False, resolve: Resolve | None = None
) -> Answer:
    """The answer, whatever its status. `private`: this machine and its network may be meant, and TLS may be missing.

    Raises `NotAllowed` for an address that must not be asked, `BadInput` for none, `Unavailable` for one that does not answer.
    """
    scheme, host, port = _parts(url)
    if scheme != "https" and not private:
        raise NotAllowed("must be encrypted", where=url[:120], fix=f"use https://{host}")
    address = _chosen(host, (resolve or _resolved)(host, port), private=private)
    shown = f"[{address}]" if ":" in address else address
    parts = urlsplit(url)
    sent = {"User-Agent": f"repro-harness/{__version__}", **headers, "Host": parts.netloc if parts.port else host}
    target = f"{scheme}://{shown}:{port}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    try:
        with (
            in_time(SECONDS) as pool,
            pool.stream(
                "POST", target, headers=list(sent.items()), content=body, extensions={"sni_hostname": host}
            ) as response,
        ):
            kind = dict(response.headers).get(b"content-type", b"").decode("latin-1")
            return Answer(response.status, kind, _bounded(response, url))
    except FAILURES as error:
        raise _silent(url, one_line(str(error) or type(error).__name__, 120)) from error


def proper(url: str, *, private: bool) -> None:
    """Raises `BadInput` for what can't be an address, or is not encrypted, without asking anybody."""
    scheme, host, _ = _parts(url)
    if scheme != "https" and not private:
        raise BadInput("must be encrypted", where=url[:120], fix=f"use https://{host}")


def public(address: str) -> bool:
    """Whether the address, as a resolver writes it, is of the public network."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return _global(found.ipv4_mapped)
        if any(found in network for network in _TRANSLATED):
            return False
    return _global(found)


def _global(address: IPv4Address | IPv6Address) -> bool:
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _chosen(host: str, addresses: list[str], *, private: bool) -> str:
    if not addresses:
        raise _silent(host, "it has no address")
    if not private and not all(public(one) for one in addresses):
        raise NotAllowed(
            "leads to this machine or its network",
            where=host[:120],
            fix="name a public address, or let the host declare it",
        )
    return addresses[0]


def _resolved(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise _silent(host, one_line(str(error), 80)) from error
    return list(dict.fromkeys(str(one[4][0]) for one in found))


def _parts(url: str) -> tuple[str, str, int]:
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme.lower(), parts.hostname or "", parts.port
    except ValueError:
        scheme, host, port = "", "", None
    if scheme not in ("http", "https") or not host or "@" in url or not url.isascii() or not url.isprintable():
        raise BadInput(f"{url[:120]!r} must be an address", where="url", fix="as https://example.org")
    return scheme, host, port or (443 if scheme == "https" else 80)


def _bounded(response: httpcore2.Response, url: str) -> bytes:
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) > ANSWER_LIMIT:
            raise _silent(url, f"its answer is longer than {ANSWER_LIMIT} bytes")
    return bytes(data)


def _silent(where: str, why: str) -> Unavailable:
    return Unavailable(f"does not answer ({why})", where=where[:120], fix="check the address")
