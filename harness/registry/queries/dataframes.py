"""A registry as tables for analysis."""

from __future__ import annotations

import warnings
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import select

from harness.errors import BadInput
from harness.registry.db import tables
from harness.registry.opening import open_readable
from harness.registry.queries import believed
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.scores import standings
from harness.registry.store import Registry

if TYPE_CHECKING:
    import pandas


def frame(
    registry: str | Path | Registry,
    what: Literal["rows", "records", "tiers"] = "rows",
    *,
    policy: str | None = None,
    as_of: date | None = None,
) -> pandas.DataFrame:
    """A DataFrame of a registry: `rows` (each with state and tier), `records` (one each), `tiers` (rows by state and tier).

    Records that do not hold are left out, each with a warning. Raises `BadInput` for another word, or where there is no registry.
    """
    import pandas as pd

    if what not in ("rows", "records", "tiers"):
        raise BadInput(f"{what!r} is no table of a registry", where="what", fix="take rows, records or tiers")
    opened = registry if isinstance(registry, Registry) else open_readable(str(registry))
    with believed.reading(opened) as (reader, left_out):
        for one in left_out:
            warnings.warn(one.line, stacklevel=3)
        if what == "records":
            found = reader.connection.execute(select(tables.records).order_by(tables.records.c.idx))
            table = pd.DataFrame([dict(one._mapping) for one in found], columns=list(tables.records.c.keys()))
            table["decode_rate"] = [
                sum(map(int, text.split(","))) / len(text.split(",")) / 1e6 for text in table["medians"]
            ]
            return table.drop(columns=["medians", "log_mean", "log_variance"])
        day = as_of or datetime.now(UTC).date()
        listed = [
            {"row": s.row, "model": s.model_name, "quantisation": s.quantisation, "engine": s.engine, "sku": s.sku,
             "workload": s.workload, "state": str(s.state), "tier": "" if s.tier is None else str(s.tier),
             "contested": s.contested, "records": s.records}
            for s in standings(reader, in_force(reader, policy).policy, day)
        ]  # fmt: skip
    columns = ["row", "model", "quantisation", "engine", "sku", "workload", "state", "tier", "contested", "records"]
    table = pd.DataFrame(listed, columns=columns)
    return table if what == "rows" else table.groupby(["state", "tier"]).size().reset_index(name="rows")
