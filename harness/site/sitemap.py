"""The addresses of a site for search engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from html import escape

from harness.site import addresses
from harness.site.lists import FACETS
from harness.site.values import File, Site, Summary

_FIXED = (
    "index.html", "compare/index.html", "operators/index.html", "regressions/index.html", "requests/index.html",
    "methodology/index.html", "decisions/index.html", "log/index.html", "api/index.html",
)  # fmt: skip


def addresses_of(rows: Sequence[Summary], handles: Iterable[str]) -> list[str]:
    """Every page that stands for itself."""
    found = [*_FIXED]
    for facet in FACETS:
        found.append(f"{facet.folder}/index.html")
        found += sorted({addresses.listed(facet.folder, facet.value(one)) for one in rows})
    found += [addresses.operator(handle) for handle in handles]
    found += [f"rows/{one.short}/index.html" for one in sorted(rows, key=lambda s: s.row)]
    return found


def files(site: Site, found: Sequence[str]) -> Iterator[File]:
    """`sitemap.xml` of these addresses."""
    lines = "\n".join(f"<url><loc>{escape(site.base_url + path)}</loc></url>" for path in found)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}\n</urlset>\n'
    yield "sitemap.xml", text.encode()
