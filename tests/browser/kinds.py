"""Every kind of page that a site has, by a name that says which, and where one of each stands in the demonstration's."""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Any

FACETS = {  # folder → field of the API's rows
    "models": "model_name",
    "devices": "device",
    "runtimes": "runtime_series",
    "quantisations": "quantisation",
    "tiers": "tier",
}
OTHERS = ("persons_inside", "persons_outside", "records_pending")  # who measured what a row is about, too
ALONE = (
    "forecast",
    "compare",
    "operators",
    "regressions",
    "requests",
    "failures",
    "methodology",
    "log",
    "decisions",
    "api",
)
KINDS = (
    "front", *FACETS, *(f"a {folder[:-1]}" for folder in FACETS), "a row reproduced often", "a row reproduced never",
    "a contested row", "a row that was measured", "a card", "an operator", "some decisions", "what runs on a device", *ALONE,
)  # fmt: skip
# One of each template, where another of the same shows nothing new.
TEMPLATES = (
    "front",
    "models",
    "a tier",
    "a row reproduced often",
    "a card",
    "an operator",
    "what runs on a device",
    *ALONE,
)
DRAWN = (
    "a model", "a device", "a tier", "a row reproduced often", "a row reproduced never", "a contested row",
    "a row that was measured", "methodology",
)  # fmt: skip


def paths(site: Path, rows: list[dict[str, Any]]) -> dict[str, str]:
    """A page of each kind, by the rows of `api/v1/rows.json`."""
    often = max(rows, key=lambda row: row["persons_inside"])
    measured = next(row for row in rows if "synthetic" not in row["model_name"])
    alone = next(row for row in rows if row is not measured and not sum(row[name] for name in OTHERS))
    contested = next(row for row in rows if row["contested"])
    places = (
        "index.html",
        *(f"{folder}/index.html" for folder in FACETS),
        *(_list(site, folder, often[field]) for folder, field in FACETS.items()),
        *(f"rows/{row['row'][:16]}/index.html" for row in (often, alone, contested, measured)),
        f"rows/{contested['row'][:16]}/card.html",
        f"operators/{often['operator']}.html",
        "decisions/0.html",
        next(str(page.relative_to(site)) for page in sorted((site / "forecast/devices").glob("geforce-rtx-4090-*.html"))),
        *(f"{name}/index.html" for name in ALONE),
    )  # fmt: skip
    return dict(zip(KINDS, places, strict=True))


def tier_words(site: Path) -> dict[str, str]:
    """What the site calls each tier that a row has."""
    text = (site / "tiers/index.html").read_text("utf-8")
    return dict(re.findall(r'href="\.\./tiers/([a-z-]+)\.html"><bdi>(.*?)</bdi>', text))


def _list(site: Path, folder: str, name: str) -> str:
    """Where the facet's index says that the list of a value stands."""
    if folder == "tiers":
        return f"tiers/{name}.html"
    text = (site / folder / "index.html").read_text("utf-8")
    found = re.search(rf'href="\.\./({folder}/[^"]+)"><bdi>{re.escape(escape(name))}</bdi>', text)
    assert found, f"{folder}/index.html has no link to {name}"
    return found[1]
