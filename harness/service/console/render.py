"""The console's pages: templates of its own on the parts and the sheet of the site."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader
from starlette.responses import Response

from harness.site.pages import render as site

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    # With `no-referrer` a browser sends `Origin: null` with a form, and the origin could not be checked.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "publickey-credentials-get=(self), publickey-credentials-create=(self)",
}
_TYPES = {"css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_OWN = ("console.css", "console.js")
_OF_SITE = ("site.css", "icon.svg")


def page(template: str, status: int = 200, /, **values: Any) -> Response:
    """The answer; templates know what the visit gives them beside the `values`."""
    text = _environment().get_template(template).render(**values)
    return Response(site.encoded(text), status, media_type="text/html; charset=utf-8")


def asset(name: str) -> Response | None:
    """A file that pages use, by its name with its digest; None: there is no such file."""
    found = _assets().get(name)
    if found is None:
        return None
    return Response(found, media_type=f"{_TYPES[name.rpartition('.')[2]]}; charset=utf-8")


@cache
def asset_name(name: str) -> str:
    """As pages ask for it."""
    stem, _, kind = name.rpartition(".")
    return f"{stem}.{sha256(_bytes(name)).hexdigest()[:10]}.{kind}"


@cache
def _assets() -> dict[str, bytes]:
    return {asset_name(name): _bytes(name) for name in (*_OWN, *_OF_SITE)}


def _bytes(name: str) -> bytes:
    if name in _OF_SITE:
        return site.static(name)
    return (resources.files("harness.service.console") / "static" / name).read_bytes()


@cache
def _environment() -> Environment:
    made = site.environment(ChoiceLoader([PackageLoader("harness.service.console"), PackageLoader("harness.site")]))
    made.globals.update(asset=asset_name)
    return made
