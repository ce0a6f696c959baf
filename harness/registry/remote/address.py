"""Which places are addresses of a service."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from harness.errors import BadInput

_OPTION = "--registry"


def is_url(place: str) -> bool:
    """Whether it is asked over HTTP."""
    return place.lower().startswith(("http://", "https://"))


def address(place: str) -> str:
    """The URL without a slash at its end. Raises `BadInput`: malformed, or unencrypted to another machine."""
    try:
        parts = urlsplit(place)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise BadInput(
            f"{place[:80]!r} must be an address ({error})", where=_OPTION, fix="as https://example.org"
        ) from None
    if not host or parts.query or parts.fragment or "@" in parts.netloc or not place.isprintable() or " " in place:
        raise BadInput(
            f"{place[:80]!r} must be an address without user, query or fragment",
            where=_OPTION,
            fix="as https://example.org",
        )
    if parts.scheme.lower() == "http" and not _loopback(host):
        raise BadInput(
            "must be encrypted: http:// is for this machine alone", where=_OPTION, fix=f"use https://{parts.netloc}"
        )
    return place.rstrip("/")


def _loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"
