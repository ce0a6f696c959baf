"""A registry as tables for analysis."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from harness.record.columns import Column
from harness.registry.db import records as records_table
from harness.registry.db.reader import Reader
from harness.registry.queries import believed, columns
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.scores import standings
from harness.registry.reading import open_registry
from harness.registry.store import Registry

if TYPE_CHECKING:
    import pandas

Place = str | Path | Registry
# Column of a frame → what the database or the query calls it, where that is another name.
_OF_ROW = {"device": "sku", "workload_key": "workload"}
_OF_RECORD = {
    "record": "id", "entry": "idx", "rig_key": "rig", "weights_sha256": "model", "workload_key": "workload", "device": "sku",
    "measured_on": "measured", "missing_fields": "missing", "failed_checks": "failed",
}  # fmt: skip
_RATE = "decode_tokens_per_s"  # computed, of the medians
_RECORD_NAMES = tuple(column.name for column in columns.RECORDS if column.name != _RATE)


def rows(place: Place, *, policy: str | None = None, as_of: date | None = None) -> pandas.DataFrame:
    """One line a row of the registry, (rows, 10): its id (`row`), what it is of, `state`, `tier` ("" where it has none).

    `contested` is a bool, `records` a count. `policy` names another than the registry's; `as_of` another day than today (UTC). A
    record that does not hold is left out, with a warning. Raises `NotFound`: no registry; `BadInput`: no such policy, or a
    database that fails; `LogInconsistent`: see `open_registry`.
    """
    return _frame(_rows(place, policy, as_of), columns.ROWS)


def records(place: Place) -> pandas.DataFrame:
    """One line a record, in the log's order, (records, 24), those included that wait, were rejected or withdrawn: see `status`.

    `decode_tokens_per_s` is the mean of the headline's process medians, tokens/s; `processes` how many there are; `measured_on` a
    day, YYYY-MM-DD; `entry` its place in the log; `weights_sha256` the digest that stands for the weights in its row;
    `fixed_number` and `editorial` are bools. A record that does not hold is left out, with a warning. Raises as `rows`.
    """
    with _reading(place) as reader:
        lines = [_record(one) for one in records_table.lines(reader)]
    return _frame(lines, columns.RECORDS)


def tier_counts(place: Place, *, policy: str | None = None, as_of: date | None = None) -> pandas.DataFrame:
    """How many rows have each state and tier, (pairs that occur, 3): `state`, `tier` ("" where it has none), `rows` (a count).

    Takes and raises what `rows` does.
    """
    table = _frame(_rows(place, policy, as_of), columns.ROWS)
    return table.groupby(["state", "tier"]).size().reset_index(name="rows")


def _rows(place: Place, policy: str | None, as_of: date | None) -> list[dict[str, object]]:
    day = as_of or datetime.now(UTC).date()
    with _reading(place) as reader:
        return [
            {
                **{column.name: getattr(one, _OF_ROW.get(column.name, column.name)) for column in columns.ROWS},
                "state": str(one.state),
                "tier": "" if one.tier is None else str(one.tier),
            }
            for one in standings(reader, in_force(reader, policy).policy, day)
        ]


def _record(line: dict[str, object]) -> dict[str, object]:
    medians = [int(part) for part in str(line["medians"]).split(",")]  # micro tokens/s
    return {
        **{name: line[_OF_RECORD.get(name, name)] for name in _RECORD_NAMES},
        "fixed_number": bool(line["fixed_number"]),
        "editorial": bool(line["editorial"]),
        _RATE: sum(medians) / len(medians) / 1e6,
    }


@contextmanager
def _reading(place: Place) -> Iterator[Reader]:
    """One state of the registry, without the records that do not hold; each is named in a warning."""
    registry = place if isinstance(place, Registry) else open_registry(place)
    with believed.reading(registry) as (reader, left_out):
        for one in left_out:
            warnings.warn(one.line, stacklevel=4)
        yield reader


def _frame(lines: Iterable[dict[str, object]], own: tuple[Column, ...]) -> pandas.DataFrame:
    import pandas as pd

    return pd.DataFrame(list(lines), columns=[column.name for column in own])
