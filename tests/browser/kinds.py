"""Every kind of page that a site has, by a name that says which, and where one of each stands in the demonstration's."""

from __future__ import annotations

from typing import Any

from harness.site.lists import FACETS, address
from harness.site.values import Summary

ALONE = ("compare", "operators", "regressions", "requests", "methodology", "log", "decisions", "api")
KINDS = (
    "front", *(facet.folder for facet in FACETS), *(f"a {facet.one}" for facet in FACETS), "a row reproduced often",
    "a row reproduced never", "a contested row", "a row that was measured", "a card", "an operator", "some decisions", *ALONE,
)  # fmt: skip


def paths(rows: list[dict[str, Any]]) -> dict[str, str]:
    """A page of each kind, by the rows of `api/v1/rows.json`."""
    often = max(rows, key=lambda row: row["inside"])
    measured = next(row for row in rows if "synthetic" not in row["model"])
    alone = next(row for row in rows if row is not measured and not row["inside"] + row["outside"] + row["pending"])
    contested = next(row for row in rows if row["contested"])
    first = Summary(**{**often, "members": tuple(often["members"])})
    places = (
        "index.html",
        *(f"{facet.folder}/index.html" for facet in FACETS),
        *(address(facet.folder, facet.value(first)) for facet in FACETS),
        *(f"rows/{row['row'][:16]}/index.html" for row in (often, alone, contested, measured)),
        f"rows/{contested['row'][:16]}/card.html",
        f"operators/{often['operator']}.html",
        "decisions/0.html",
        *(f"{name}/index.html" for name in ALONE),
    )
    return dict(zip(KINDS, places, strict=True))
