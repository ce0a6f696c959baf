"""`repro import`: logs of other tools, as evidence beside a row."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.registry_option import registry_option

LOG_LIMIT = 64 << 20  # bytes


@click.command(name="import")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--tool", help="Tool that wrote the log; default: detect it.")
@click.option("--row", metavar="ROW", help="Row that the evidence belongs to.")
@click.option("--reason", default="", help="Where the log comes from; public.")
@registry_option
def import_(file: Path, tool: str | None, row: str | None, reason: str, target: str | None) -> None:
    """For editors. Reads logs of llama-bench, vllm bench and LocalScore. Evidence is shown beside a row and never counted;
    without --row the log is printed and nothing is written.
    """
    from hashlib import sha256

    from harness.commands.explain import print_evidence
    from harness.errors import ReproError
    from harness.files import read_limited
    from harness.record.canonical import canonical
    from harness.registry.actions import acts
    from harness.registry.actions.acts import Item
    from harness.registry.facts import EvidenceFact
    from harness.registry.intake import external
    from harness.registry.queries import rows
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    data = read_limited(file, LOG_LIMIT, "the log")
    found = external.read(data, str(file), tool)
    console = out()
    for one in found:
        print_evidence(console, one)
    if row is None:
        console.print("nothing was written: add --row ROW and --registry PLACE", markup=False)
        return
    actor, registry = as_editor(), open_for_writing(target)
    with registry.reading() as reader:
        whole, items = rows.row_of(reader, row), {}
        for one in found:
            payload = external.as_payload(one)
            subject = sha256(canonical([whole, payload])).hexdigest()
            if reader.get(EvidenceFact, subject) is None:
                detail = {"row": whole, "source_sha256": sha256(data).hexdigest(), "evidence": payload}
                event = acts.event(reader, actor, "evidence-imported", subject, reason=reason, detail=detail)
                items[subject] = Item(event.signed(actor.keys).to_bytes())
    for taken in registry.append(list(items.values()), acts.utc()):
        if isinstance(taken, ReproError):
            raise taken
    console.print(
        f"{len(items)} measurements beside row {whole[:12]}, {len(found) - len(items)} were already there", markup=False
    )
