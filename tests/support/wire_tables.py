"""The tables of columns in docs/wire.md, as they should be there: `python -m tests.support.wire_tables` prints them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.record import frame_columns
from harness.record.columns import Column
from harness.registry.queries import columns
from harness.site.api.columns import ROWS

PAGE = Path(__file__).parents[2] / "docs" / "wire.md"
TABLES: dict[str, Sequence[Column]] = {
    "`rows.parquet`, table `rows` of `registry.sqlite`, and the rows of `api/v1/rows.json`": ROWS,
    "`records.parquet`, table `records` of `registry.sqlite`": tuple(columns.PUBLIC_RECORDS.values()),
    "`harness.registry.rows()`": columns.ROWS,
    "`harness.registry.records()`": columns.RECORDS,
    "`harness.registry.tier_counts()`": columns.TIER_COUNTS,
    "`harness.load_records()`, `repro export`": frame_columns.COLUMNS,
    "`results.csv`": frame_columns.RESULTS,
}


def markdown(title: str, own: Sequence[Column]) -> str:
    """A heading and a table."""
    return "\n".join(
        [f"### {title}", "", "| column | type | unit | what it is |", "|---|---|---|---|", *_lines(own), ""]
    )


def _lines(own: Sequence[Column]) -> Iterator[str]:
    for one in own:
        kind = f"{one.type} or null" if one.nullable else str(one.type)
        told = f"{one.meaning}: {', '.join(value or '(empty)' for value in one.values)}" if one.values else one.meaning
        yield f"| `{one.name}` | {kind} | {one.unit} | {told} |"


if __name__ == "__main__":
    print("\n".join(markdown(title, own) for title, own in TABLES.items()))
