"""`repro label RECORD TEXT`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.argument("text", required=False)
@click.option("--remove", is_flag=True, help="Remove the label.")
def label(record: Path, text: str | None, remove: bool) -> None:
    """The label is a file beside the record; it is never signed or submitted. Without TEXT, print the label."""
    from harness.errors import BadInput
    from harness.record.label import label_of, set_label
    from harness.record.store import read
    from harness.terminal.console import out

    stored = read(record)
    if text is None and not remove:
        out().print(label_of(stored.path), markup=False)
        return
    if (text is not None) == remove or (text is not None and not text.strip()):
        raise BadInput("needs a text, or --remove", where="label", fix='repro label RECORD "before the driver update"')
    set_label(stored.path, text or "")
