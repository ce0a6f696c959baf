"""The addresses of a site for search engines."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from harness.site import addresses
from harness.site.data import forecasts
from harness.site.data.values import File, Site
from harness.site.pages.lists import Counts

_FIXED = (
    "index.html", "compare/index.html", "operators/index.html", "regressions/index.html", "requests/index.html",
    "failures/index.html", "forecast/index.html",
    "methodology/index.html", "decisions/index.html", "log/index.html", "api/index.html",
)  # fmt: skip


def files(site: Site, rows: Iterable[str], counted: Mapping[str, Counts], handles: Iterable[str]) -> Iterator[File]:
    """`sitemap.xml`: every page that stands for itself. `counted`: by facet's folder."""
    found = [*_FIXED]
    for folder, counts in counted.items():
        found.append(f"{folder}/index.html")
        found += sorted(addresses.listed(folder, value) for value in counts)
    found += sorted(addresses.listed(*one) for one in forecasts.pages())
    found += [addresses.operator(handle) for handle in handles]
    found += [f"rows/{row[:16]}/index.html" for row in sorted(rows)]
    lines = "\n".join(f"<url><loc>{escape(site.base_url + path)}</loc></url>" for path in found)
    text = f'<?xml version="1.0" encoding="utf-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n{lines}\n</urlset>\n'
    yield "sitemap.xml", text.encode()
