"""Templates to bytes. What is not markup of ours is escaped; what names a person or a model is isolated in `<bdi>`."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable
from functools import cache, lru_cache
from hashlib import sha256
from importlib import resources
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from jinja2 import BaseLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness import units
from harness.cells import markdown_text
from harness.errors import visible
from harness.forecast.values import model_title
from harness.site import addresses
from harness.site.draw.svg import legal
from harness.tiers.values import TIERS

if TYPE_CHECKING:
    from harness.site.data.values import Site, Summary

# No script but our own, nothing from elsewhere, no inline style or script at all.
POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"

# Of all that a page may hold, HTML has a use for a tab and line ends alone.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")

# What a list shows of a row, and the lines that were made of it.
_SHOWN = attrgetter(
    "row", "model", "quantisation", "device", "runtime", "rate", "low", "high", "tier", "contested", "inside", "outside",
    "pending",
)  # fmt: skip
_LINES: dict[tuple[object, ...], Markup] = {}
_MOST_LINES = 1 << 16  # some 60 MiB

TIER_WORDS = {str(tier): str(tier) for tier in TIERS} | {"": "no tier"}


def page(template: str, path: str, site: Site, /, **values: Any) -> bytes:
    """The page for `path` (from the site's root). Templates know `site`, `path`, `root` (the way up) and the `values`."""
    root = "../" * path.count("/")
    text = _environment().get_template(template).render(site=site, path=path, root=root, policy=POLICY, **values)
    return encoded(text)


def standalone(template: str, /, **values: Any) -> bytes:
    """A page of no site: one file that asks for nothing else. Its only style is the site's own sheet, named by digest.

    What turns a line round is made visible: a record of anybody's may come here, and "12 tok/s" after such a mark reads "21".
    """
    sheet = static("site.css").decode()
    digest = b64encode(sha256(sheet.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    text = _environment().get_template(template).render(policy=policy, sheet=sheet, **values)
    return encoded(visible(text, keep="\n\t"))


def encoded(text: str) -> bytes:
    """A page's bytes, without the characters that act on a reader's machine."""
    return _CONTROLS.sub("\ufffd", text).encode()


@cache
def _environment() -> Environment:
    return environment(PackageLoader("harness.site"))


def environment(loader: BaseLoader) -> Environment:
    """What templates may use: the site's own, and a console's that build on its parts."""
    made = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        keep_trailing_newline=True,
    )  # fmt: skip
    filters: dict[str, Callable[..., Any]] = {
        name: getattr(units, name) for name in ("significant", "rate", "duration", "ratio", "count")
    }
    made.filters.update(filters, drawn=Markup, markdown=markdown_text, tier=TIER_WORDS.__getitem__)
    made.filters.update(
        foretold=_foretold, model_title=model_title, operator=addresses.operator, listed=addresses.listed, legal=legal
    )
    made.globals.update(interval=units.interval, static=static_name, tier_badge=_tier_badge)
    made.globals.update(row_line=_row_line, chips=_chips)
    return made


def _row_line(row: Summary, root: str) -> Markup:
    """A row as lists show it: each is in several, and a new one makes every page of its lists again."""
    shown = (root, *_SHOWN(row))
    found = _LINES.get(shown)
    if found is None:
        if len(_LINES) >= _MOST_LINES:
            _LINES.clear()
        macro = _environment().get_template("parts.html").module.one_row  # type: ignore[attr-defined]
        found = _LINES[shown] = Markup(macro(row, root))  # noqa: S704 - escaped by the template
    return found


def _foretold(value: float) -> str:
    """A forecast has no more than three digits, so that nobody takes it for a measurement."""
    return units.significant(value, 3) if value < 1000 else f"{float(f'{value:.3g}'):,.0f}"


def _chips(paths: tuple[str, ...], root: str, number: int) -> Markup:
    """Links to all pages of a list; the page itself is the one of that number, from 1."""
    found = list(_links(paths, root))
    found[number - 1] = found[number - 1].replace('">', '" aria-current="page">', 1)
    return Markup("".join(found))  # noqa: S704 - escaped where they were made


@lru_cache(64)
def _links(paths: tuple[str, ...], root: str) -> tuple[str, ...]:
    links = (f'href="{escape(root)}{escape(path)}">{number}' for number, path in enumerate(paths, 1))
    return tuple(f'<li><a class="chip" {link}</a></li>' for link in links)


@cache
def _tier_badge(tier: str, contested: bool = False, under_review: bool = False) -> Markup:
    """Dots and a word; in Python, since long lists show hundreds."""
    lit = [str(one) for one in TIERS].index(tier) + 1 if tier else 0
    dots = "".join(f'<i class="{"on" if place < lit else "off"}"></i>' for place in range(len(TIERS)))
    dots = f'<span class="dots" aria-hidden="true">{dots}</span>'
    told = f'<span class="tier tier-{tier or "none"}">{dots}{TIER_WORDS[tier]}</span>'
    marks = [word for word, on in (("under review", under_review), ("contested", contested)) if on]
    return Markup(told + "".join(f' <span class="contested">{word}</span>' for word in marks))  # noqa: S704 - words of ours


@cache
def static_name(name: str) -> str:
    """Where a file of `static/` stands in the site: with its digest, so that no browser shows an old one."""
    stem, _, kind = name.rpartition(".")
    return f"assets/{stem}.{sha256(static(name)).hexdigest()[:10]}.{kind}"


@cache
def static(name: str) -> bytes:
    """A file of `static/`."""
    return (resources.files("harness.site") / "static" / name).read_bytes()
