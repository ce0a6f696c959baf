"""A registry as tables for analysis."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.registry.db import records as records_table
from harness.registry.db.reader import Reader
from harness.registry.queries import believed
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.scores import standings
from harness.registry.reading import open_registry
from harness.registry.store import Registry

if TYPE_CHECKING:
    import pandas

Place = str | Path | Registry
ROW_COLUMNS = (
    "row", "model_name", "quantisation", "engine", "sku", "workload", "state", "tier", "contested", "records",
)  # fmt: skip
# Of the table `records`: its own name → the frame's. The rest is what the rules compute with.
_RECORD_COLUMNS = {
    "row": "row", "id": "id", "idx": "entry", "status": "status", "operator": "operator", "rig": "rig", "model": "model",
    "model_name": "model_name", "quantisation": "quantisation", "engine": "engine", "workload": "workload", "sku": "sku",
    "generation": "generation", "os_family": "os_family", "runtime_series": "runtime_series", "processes": "processes",
    "measured": "measured_on", "fixed_number": "fixed_number", "missing": "missing", "failed": "failed",
    "editorial": "editorial", "versions": "versions", "samples_sha256": "samples_sha256",
}  # fmt: skip


def rows(place: Place, *, policy: str | None = None, as_of: date | None = None) -> pandas.DataFrame:
    """One line a row of the registry, (rows, 10): its id (`row`), what it is of, `state`, `tier` ("" where it has none).

    `contested` is a bool, `records` a count. `policy` names another than the registry's; `as_of` another day than today (UTC). A
    record that does not hold is left out, with a warning. Raises `NotFound`: no registry; `BadInput`: no such policy, or a
    database that fails; `LogInconsistent`: see `open_registry`.
    """
    return _frame(_rows(place, policy, as_of), ROW_COLUMNS)


def records(place: Place) -> pandas.DataFrame:
    """One line a record, in the log's order, (records, 24), those included that wait, were rejected or withdrawn: see `status`.

    `decode_tokens_per_s` is the mean of the headline's process medians, tokens/s; `processes` how many there are; `measured_on` a
    day, YYYY-MM-DD; `entry` its place in the log; `model` the digest that stands for the weights in its row; `fixed_number` and
    `editorial` are bools. A record that does not hold is left out, with a warning. Raises as `rows`.
    """
    with _reading(place) as reader:
        lines = [_record(one) for one in records_table.lines(reader)]
    return _frame(lines, (*_RECORD_COLUMNS.values(), "decode_tokens_per_s"))


def tier_counts(place: Place, *, policy: str | None = None, as_of: date | None = None) -> pandas.DataFrame:
    """How many rows have each state and tier, (pairs that occur, 3): `state`, `tier` ("" where it has none), `rows` (a count).

    Takes and raises what `rows` does.
    """
    table = _frame(_rows(place, policy, as_of), ROW_COLUMNS)
    return table.groupby(["state", "tier"]).size().reset_index(name="rows")


def _rows(place: Place, policy: str | None, as_of: date | None) -> list[dict[str, object]]:
    day = as_of or datetime.now(UTC).date()
    with _reading(place) as reader:
        return [
            {
                **{name: getattr(one, name) for name in ROW_COLUMNS},
                "state": str(one.state),
                "tier": "" if one.tier is None else str(one.tier),
            }
            for one in standings(reader, in_force(reader, policy).policy, day)
        ]


def _record(line: dict[str, object]) -> dict[str, object]:
    medians = [int(part) for part in str(line["medians"]).split(",")]  # micro tokens/s
    return {
        **{name: line[column] for column, name in _RECORD_COLUMNS.items()},
        "fixed_number": bool(line["fixed_number"]),
        "editorial": bool(line["editorial"]),
        "decode_tokens_per_s": sum(medians) / len(medians) / 1e6,
    }


@contextmanager
def _reading(place: Place) -> Iterator[Reader]:
    """One state of the registry, without the records that do not hold; each is named in a warning."""
    registry = place if isinstance(place, Registry) else open_registry(place)
    with believed.reading(registry) as (reader, left_out):
        for one in left_out:
            warnings.warn(one.line, stacklevel=4)
        yield reader


def _frame(lines: Iterable[dict[str, object]], columns: tuple[str, ...]) -> pandas.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(lines), columns=list(columns))
