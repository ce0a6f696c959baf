"""HTTP to an address that somebody else named: over TLS, and never to this machine or its network, unless that is declared.

The name is resolved once, every address that it has must be public, and the connection goes to the one that was looked at: a name
that answers otherwise a moment later leads nowhere. No redirects, no proxy, a bounded answer in bounded time, its name included.
"""

from __future__ import annotations

import queue
import re
import socket
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from harness import __version__
from harness.errors import BadInput, NotAllowed, Unavailable, one_line

if TYPE_CHECKING:
    import httpcore2  # loaded when something is sent: a service that starts has nothing to send

ANSWER_LIMIT = 64 << 10  # bytes
LONGEST_URL = 2000
SECONDS = 10.0  # in all, from the question for its address to the answer's last byte
# IANA's registries of special-purpose addresses (iana-ipv4-special-registry, iana-ipv6-special-registry): what is not reachable
# from everywhere, and whole blocks of protocols in which single addresses are; multicast and reserved ones besides.
_SPECIAL_4 = [
    IPv4Network(one)
    for one in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",
    )
]  # fmt: skip
# All that was ever given out; outside are site-local addresses, a link's own, NAT64, 100::/64 and 5f00::/16.
_UNICAST_6 = IPv6Network("2000::/3")
# Protocols (Teredo, ORCHID, benchmarks …), documentation, 6to4. Teredo and 6to4 hold an IPv4 address, a private one perhaps.
_SPECIAL_6 = [IPv6Network(one) for one in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAME = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?")
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
    from harness.registry.remote.in_time import FAILURES, in_time

    scheme, host, port = _parts(url)
    if scheme != "https" and not private:
        raise NotAllowed("must be encrypted", where=url[:120], fix=f"use https://{host}")
    ends = time.monotonic() + SECONDS
    address = _chosen(host, _soon(resolve or _resolved, host, port), private=private)
    shown = f"[{address}]" if ":" in address else address
    parts = urlsplit(url)
    sent = {"User-Agent": f"repro-harness/{__version__}", **headers, "Host": parts.netloc if parts.port else host}
    target = f"{scheme}://{shown}:{port}{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    try:
        with (
            in_time(max(ends - time.monotonic(), 0)) as pool,
            pool.stream(
                "POST", target, headers=list(sent.items()), content=body, extensions={"sni_hostname": host}
            ) as response,
        ):
            kind = dict(response.headers).get(b"content-type", b"").decode("latin-1")
            return Answer(response.status, kind, _bounded(response, url))
    except FAILURES as error:
        raise _silent(url, one_line(str(error) or type(error).__name__, 120)) from error


def proper(url: str, *, private: bool) -> None:
    """Raises `BadInput` for what can't be an address or is not encrypted, `NotAllowed` for a number of this
    machine or its network, in whatever spelling the system knows. Asks nobody: where a name leads is seen when it is asked.
    """
    scheme, host, port = _parts(url)
    if scheme != "https" and not private:
        raise BadInput("must be encrypted", where=url[:120], fix=f"use https://{host}")
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    except (OSError, UnicodeError):
        return
    _chosen(host, [str(one[4][0]) for one in found], private=private)


def public(address: str) -> bool:
    """Whether the address, as a resolver writes it, is of the public network."""
    found = ip_address(address.partition("%")[0])
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if isinstance(found, IPv4Address):
        return not any(found in network for network in _SPECIAL_4)
    return found in _UNICAST_6 and not any(found in network for network in _SPECIAL_6)


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


def _soon(resolve: Resolve, host: str, port: int) -> list[str]:
    """Its addresses. Raises as `resolve`, and `Unavailable` where that takes too long: whose name it is may let the system's
    resolver wait, which nothing ends: that goes on in a thread that nobody listens to.
    """
    told: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            told.put(resolve(host, port))
        except Exception as error:  # it is raised where somebody waits for it
            told.put(error)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        found = told.get(timeout=SECONDS)
    except queue.Empty:
        raise _silent(host, "its name was not resolved in time") from None
    if isinstance(found, Exception):
        raise found
    return found


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
    plain = url.isascii() and url.isprintable() and " " not in url and "@" not in url and len(url) <= LONGEST_URL
    if scheme not in ("http", "https") or not plain or not _is_host(host) or port == 0:
        raise BadInput(f"{url[:120]!r} must be an address", where="url", fix="as https://example.org")
    return scheme, host, port or (443 if scheme == "https" else 80)


def _is_host(host: str) -> bool:
    if ":" not in host:
        return len(host) <= 253 and _NAME.fullmatch(host) is not None
    try:
        return "%" not in host and bool(ip_address(host))
    except ValueError:
        return False


def _bounded(response: httpcore2.Response, url: str) -> bytes:
    data = bytearray()
    for chunk in response.iter_stream():
        data += chunk
        if len(data) > ANSWER_LIMIT:
            raise _silent(url, f"its answer is longer than {ANSWER_LIMIT} bytes")
    return bytes(data)


def _silent(where: str, why: str) -> Unavailable:
    return Unavailable(f"does not answer ({why})", where=where[:120], fix="check the address")
