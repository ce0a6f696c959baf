"""Where a browser may use a passkey: a web origin, and the rpId (a domain) that the passkey is bound to. Pure."""

from __future__ import annotations

import re

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]{1,253})(?::([1-9][0-9]{0,4}))?")
_DEFAULT_PORTS = {"https": "443", "http": "80"}


def is_domain(text: str) -> bool:
    """Whether it is a domain in small letters (IDNA as xn--): no address, no last point."""
    return len(text) <= 253 and _DOMAIN.fullmatch(text) is not None and not text.rpartition(".")[2].isdigit()


def check(web_origin: str, rp_id: str) -> None:
    """Raises `ValueError` unless it is an origin as browsers write it, over TLS or on localhost, and the rpId one of its own."""
    found = _ORIGIN.fullmatch(web_origin)
    if found is None or not is_domain(found[2]):
        raise ValueError("must be scheme, domain and port as browsers write them, like https://bench.example.org")
    scheme, host, port = found.groups()
    if scheme == "http" and host != "localhost":
        raise ValueError("must begin with https://: browsers have passkeys over TLS, or on http://localhost, only")
    if port is not None and (port == _DEFAULT_PORTS[scheme] or int(port) > 65535):
        raise ValueError("must name a port from 1 to 65535, and only one that is not the scheme's own")
    if rp_id != host and not (is_domain(rp_id) and "." in rp_id and host.endswith(f".{rp_id}")):
        raise ValueError(f"its rpId must be {host}, or a domain above it")


def host_of(web_origin: str) -> str:
    """The domain in an origin; "" where it is not an origin."""
    found = _ORIGIN.fullmatch(web_origin)
    return "" if found is None else found[2]
