"""What others put on their pages: a badge with the tier's word, a card, and the text to copy for both."""

from __future__ import annotations

from html import escape

from harness import units
from harness.site.data.values import Site, Summary
from harness.site.draw import svg
from harness.site.pages.render import TIER_WORDS

_COLOURS = {"low": "muted", "moderate": "blue", "high": "accent", "very-high": "accent", "": "muted"}
_WIDE = 7.2  # of a letter, at most, in the font that a reader has


def badge(one: Summary) -> str:
    """`confidence: high`, never a percentage. A file of its own."""
    marks = (", contested" if one.contested else "") + (", under review" if one.under_review else "")
    left, right = "confidence", TIER_WORDS[one.tier] + marks
    split, width = 16 + len(left) * _WIDE, 32 + (len(left) + len(right)) * _WIDE
    colour = _COLOURS[one.tier]
    body = (
        svg.element("rect", x=0.5, y=0.5, width=width - 1, height=23, rx=6, class_=f"f-panel s-{colour}")
        + svg.element("path", d=f"M{svg.number(split)} 1v22", class_=f"s-{colour}")
        + svg.text(left, split / 2, 16, class_="f-muted", text_anchor="middle", font_size=12)
        + svg.text(
            right, (split + width) / 2, 16, class_=f"f-{colour}", text_anchor="middle", font_size=12, font_weight=700
        )
    )
    told = f"Confidence: {right}"
    return svg.alone(
        svg.drawing(body, width, 24, told, f"{told}. {units.count(one.inside, 'operator')} reproduced it.", "badge")
    )


def snippet(site: Site, one: Summary, address: str) -> str:
    """A link with the badge."""
    said = escape(
        f"{one.model} {one.quantisation} on {one.device}: {units.rate(one.rate)}, confidence {TIER_WORDS[one.tier]}"
    )
    address = escape(address)
    image = f'<img src="{address}badge.svg" height="24" alt="{said} ({escape(site.origin)})">'
    return f'<a href="{address}" rel="noopener">{image}</a>'


def iframe(one: Summary, address: str) -> str:
    """The card."""
    said = escape(f"Benchmark of {one.model} on {one.device}")
    return f'<iframe src="{escape(address)}card.html" title="{said}" width="360" height="210" loading="lazy"></iframe>'
