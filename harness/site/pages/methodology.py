"""How a benchmark earns its tier, from the policy in force itself: no threshold on that page is written by hand."""

from __future__ import annotations

from collections.abc import Iterator

from harness.catalog import policies
from harness.site.data.values import File, Site
from harness.site.draw.network import explained
from harness.site.draw.png import png
from harness.site.draw.svg import alone
from harness.site.pages.render import page
from harness.tiers.anchor import WORDS


def files(site: Site) -> Iterator[File]:
    """`methodology/index.html`, the policy's file beside it, and the diagram with placeholder names."""
    diagram = explained(site.policy.high_classes, site.policy.very_high_classes)
    path = "methodology/index.html"
    yield path, page("methodology.html", path, site, diagram=diagram, p=site.policy, anchors=[*WORDS.items()])
    yield "methodology/network.svg", alone(diagram).encode()
    if site.png:
        yield "methodology/network.png", png(alone(diagram))
    yield f"methodology/{site.policy_name}.toml", policies.source(site.policy_name)
