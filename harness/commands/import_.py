"""`repro import`: logs of other tools, as evidence beside a row."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.registry_option import registry_option

LOG_LIMIT = 64 << 20  # bytes


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--tool", help="Tool that wrote the log; default: detect it.")
@click.option("--row", metavar="ROW", help="Row that the evidence belongs to.")
@click.option("--remove", metavar="ID", help="Show this measurement no more beside the row: repro explain names it.")
@click.option("--reason", default="", help="Where the log comes from, or why it goes; public.")
@registry_option
def import_(
    file: Path | None, tool: str | None, row: str | None, remove: str | None, reason: str, target: str | None
) -> None:
    """For editors. Reads logs of llama-bench, vllm bench and LocalScore. Evidence is shown beside a row and never counted;
    without --row the log is printed and nothing is written.
    """
    from harness.errors import BadInput

    if remove is not None:
        if file is not None or row is None:
            raise BadInput("must come with --row, and without a file", where="--remove", fix="add --row ROW")
        _remove(row, remove, reason, target)
    elif file is None:
        raise BadInput("must name a log", where="FILE", fix="see: repro import --help")
    else:
        _bring(file, tool, row, reason, target)


def _remove(row: str, prefix: str, reason: str, target: str | None) -> None:
    from harness.registry.actions.evidence import remove
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    made = remove(open_for_writing(target), as_editor(), row, prefix, reason)
    out().print(f"{made.id}\nno longer beside row {made.row[:12]}, entry {made.entry}", markup=False)


def _bring(file: Path, tool: str | None, row: str | None, reason: str, target: str | None) -> None:
    from harness.files import read_limited
    from harness.registry.actions.evidence import cite
    from harness.registry.intake import external
    from harness.terminal.console import out
    from harness.terminal.evidence import print_evidence
    from harness.terminal.registry_option import as_editor, open_for_writing
    from harness.units import count

    data = read_limited(file, LOG_LIMIT, "the log")
    found = external.read(data, str(file), tool)
    console = out()
    for one in found:
        print_evidence(console, one)
    if row is None:
        console.print("nothing was written: add --row ROW and --registry PLACE", markup=False)
        return
    actor = as_editor()
    payloads = [external.as_payload(one) for one in found]
    made = cite(open_for_writing(target), actor, row, data, payloads, reason)
    out_again = f", {made.removed} removed earlier: not brought back" if made.removed else ""
    line = f"{count(made.new, 'measurement')} beside row {made.row[:12]}, {made.known} already there{out_again}"
    console.print(line, markup=False)
