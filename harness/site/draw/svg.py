"""SVG by hand: elements as text, all of it escaped. Colours are class names that the stylesheet gives a meaning to.

Inside a page a drawing takes its colours from the page's stylesheet, `static/site.css`; alone (`alone`) it brings its own, for
light and dark. No style attribute anywhere: the pages' Content-Security-Policy would ignore it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

# Light and dark, of the design tokens that drawings use; `static/site.css` has the same numbers (a test compares them).
TOKENS = {
    "ink": ("#16211c", "#e6ece8"),
    "muted": ("#55625b", "#9eaca4"),
    "panel": ("#ffffff", "#141c19"),
    "line": ("#d5dcd7", "#2b3732"),
    "accent": ("#047857", "#34d399"),
    "good": ("#15803d", "#4ade80"),
    "warn": ("#b45309", "#fbbf24"),
    "bad": ("#b91c1c", "#f87171"),
    "blue": ("#1d4ed8", "#93c5fd"),
}

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def element(name: str, body: str = "", /, **attributes: str | float | None) -> str:
    """`<name …>body</name>`: `body` is markup, attributes are text. In names an inner `_` is a `-`, a last one is nothing."""
    given = "".join(f' {_name(key)}="{_text(value)}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{given}>{body}</{name}>" if body else f"<{name}{given}/>"


def text(content: str, x: float, y: float, /, **attributes: str | float | None) -> str:
    """A line of text, escaped."""
    given: dict[str, str | float | None] = {"x": x, "y": y, "class_": "f-ink"}
    return element("text", escape(legal(content), quote=False), **given | attributes)


def drawing(body: str, width: float, height: float, title: str, description: str, key: str) -> str:
    """An `<svg>` for a page, with title and description for who does not see it. `key` makes its ids unique in the page."""
    told = element("title", escape(legal(title), quote=False), id=f"{key}-t") + element(
        "desc", escape(legal(description), quote=False), id=f"{key}-d"
    )
    return element(
        "svg", told + body, class_="drawing", viewBox=f"0 0 {number(width)} {number(height)}", role="img",
        aria_labelledby=f"{key}-t {key}-d", width=width, height=height, font_family="system-ui, sans-serif", font_size=13,
    )  # fmt: skip


def alone(svg: str) -> str:
    """A drawing as a file of its own: any page can embed it, light and dark follow the reader's system."""
    light, dark = (
        "".join(f".f-{name}{{fill:{pair[i]}}}.s-{name}{{stroke:{pair[i]}}}" for name, pair in TOKENS.items())
        for i in (0, 1)
    )
    style = f"<style>{light}@media(prefers-color-scheme:dark){{{dark}}}</style>"
    return (
        svg.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1).replace("<title", style + "<title", 1)
        + "\n"
    )


def legal(content: str) -> str:
    """`content` with U+FFFD for what XML can't hold: controls, lone surrogates."""
    return _ILLEGAL.sub("\ufffd", content)


def number(value: float) -> str:
    """A coordinate: at most two digits after the point, the same text for the same number everywhere."""
    found = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if found == "-0" else found


@lru_cache(maxsize=256)
def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def _text(value: str | float) -> str:
    return _word(value) if isinstance(value, str) else number(value)


@lru_cache(maxsize=4096)  # class names, mostly
def _word(value: str) -> str:
    return escape(legal(value))
