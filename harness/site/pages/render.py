"""Templates to bytes. What is not markup of ours is escaped; what names a person or a model is isolated in `<bdi>`."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from importlib import resources
from typing import TYPE_CHECKING, Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness import units
from harness.cells import markdown_text
from harness.site import addresses
from harness.site.draw.svg import legal
from harness.tiers.values import TIERS

if TYPE_CHECKING:
    from harness.site.data.values import Site

# No script but our own, nothing from elsewhere, no inline style or script at all.
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"

# Of all that a page may hold, HTML has a use for a tab and line ends alone.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

TIER_WORDS = {str(tier): str(tier) for tier in TIERS} | {"": "no tier"}


def page(template: str, path: str, site: Site, /, **values: Any) -> bytes:
    """The page for `path` (from the site's root). Templates know `site`, `path`, `root` (the way up) and the `values`."""
    root = "../" * path.count("/")
    text = _environment().get_template(template).render(site=site, path=path, root=root, policy=POLICY, **values)
    return _CONTROLS.sub("\ufffd", text).encode()


def standalone(template: str, /, **values: Any) -> bytes:
    """A page of no site: one file that asks for nothing else. Its only style is the site's own sheet, named by digest."""
    sheet = static("site.css").decode()
    digest = b64encode(sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    text = _environment().get_template(template).render(policy=policy, sheet=sheet, **values)
    return _CONTROLS.sub("\ufffd", text).encode()


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("harness.site"), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    filters: dict[str, Callable[..., Any]] = {
        name: getattr(units, name) for name in ("significant", "rate", "duration", "ratio", "count")
    }
    made.filters.update(filters, drawn=Markup, markdown=markdown_text, tier=TIER_WORDS.__getitem__)
    made.filters.update(operator=addresses.operator, listed=addresses.listed, legal=legal)
    made.globals.update(interval=units.interval, static=static_name, tier_badge=_tier_badge)
    return made


@cache
def _tier_badge(tier: str, contested: bool = False) -> Markup:
    """Dots and a word; in Python, since long lists show hundreds."""
    lit = [str(one) for one in TIERS].index(tier) + 1 if tier else 0
    dots = "".join(f'<i class="{"on" if place < lit else "off"}"></i>' for place in range(len(TIERS)))
    dots = f'<span class="dots" aria-hidden="true">{dots}</span>'
    told = f'<span class="tier tier-{tier or "none"}">{dots}{TIER_WORDS[tier]}</span>'
    return Markup(told + (' <span class="contested">contested</span>' if contested else ""))  # noqa: S704 - words of ours


@cache
def static_name(name: str) -> str:
    """Where a file of `static/` stands in the site: with its digest, so that no browser shows an old one."""
    stem, _, kind = name.rpartition(".")
    return f"assets/{stem}.{sha256(static(name)).hexdigest()[:10]}.{kind}"


@cache
def static(name: str) -> bytes:
    """A file of `static/`."""
    return (resources.files("harness.site") / "static" / name).read_bytes()
