"""`repro schema`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.option("--out", "target", type=click.Path(path_type=Path), help="File to write; default: standard output.")
def schema(target: Path | None) -> None:
    """The schema (draft 2020-12) describes the predicate of the signed statement."""
    import json

    from harness.files import write_text
    from harness.record.schema import PREDICATE_TYPE, Record

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": PREDICATE_TYPE}
    text = json.dumps(document | Record.model_json_schema(), indent=1, ensure_ascii=False) + "\n"
    if target is None:
        click.echo(text, nl=False)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_text(target, text)
