"""`repro export RECORDS`."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import click


@click.command(help="Write records as a table: CSV, JSON, Parquet or Markdown.")
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format", "form", type=click.Choice(["csv", "json", "parquet", "markdown"]), default="csv", show_default=True
)
@click.option("--out", "target", type=click.Path(path_type=Path), help="File to write; standard output otherwise.")
def export(records: tuple[Path, ...], form: str, target: Path | None) -> None:
    """One row for each record, workload and metric."""
    import io
    import sys

    import harness
    from harness.errors import BadInput
    from harness.files import write_bytes

    frame = harness.load_records(*records)
    if form == "parquet":
        if target is None:
            raise BadInput("Parquet is not for a terminal", where="--format parquet", fix="name a file with --out")
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        data = buffer.getvalue()
    elif form == "csv":
        data = frame.to_csv(index=False).encode()
    elif form == "json":
        data = (frame.to_json(orient="records", indent=1) + "\n").encode()
    else:
        data = _markdown(frame.to_dict("records")).encode()
    if target is None:
        sys.stdout.write(data.decode())
    else:
        write_bytes(target, data)


_SHOWN = "model quantisation runtime device workload metric unit point low high processes".split()


def _markdown(rows: list[dict[Hashable, Any]]) -> str:
    """The columns that fit a page; the other formats hold them all."""
    lines = ["| " + " | ".join(_SHOWN) + " |", "|" + "|".join(" --- " for _ in _SHOWN) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row[name]) for name in _SHOWN) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if value is None or value != value:  # NaN is not itself
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
