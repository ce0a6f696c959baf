"""`repro hub editors`, `cosign`, `apply`: acts that several editors sign, passed round as a file."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.hub_option import hub_option

SEVERAL = ("editors-changed", "policy-adopted")  # what may need more than one editor


@click.command(
    help="Propose another list of editors; a file that the others sign: repro hub cosign, then repro hub apply."
)
@click.option(
    "--add", "added", multiple=True, type=click.Path(path_type=Path), help="An editor's public file; repeatable."
)
@click.option("--remove", "removed", multiple=True, metavar="HANDLE", help="Repeatable.")
@click.option("--threshold", type=click.IntRange(1), help="How many must sign such a change; default: as now.")
@click.option("--expires", metavar="YYYY-MM-DD", help="Default: in a year.")
@click.option("--reason", required=True, help="Why; public.")
@click.option("--out", "target_file", type=click.Path(path_type=Path), required=True, help="The file to pass round.")
@hub_option
def editors(
    added: tuple[Path, ...],
    removed: tuple[str, ...],
    threshold: int | None,
    expires: str | None,
    reason: str,
    target_file: Path,
    target: str | None,
) -> None:
    """Signed by you; nothing changes before enough have signed and it is applied."""
    from harness.commands.console import out
    from harness.commands.days import in_a_year
    from harness.commands.hub_option import as_editor, open_for_reading
    from harness.files import write_bytes
    from harness.hub import acts
    from harness.record import editor_keys

    with open_for_reading(target).reading() as reader:
        document = reader.get("editors", "") or {}
        people = {handle: entry for handle, entry in document["editors"].items() if handle not in removed}
        for path in added:
            newcomer = editor_keys.parse(_text(path), str(path))
            people[newcomer.handle] = newcomer.entry()
        end = expires or in_a_year()
        changed = {
            "version": document["version"] + 1,
            "threshold": threshold or document["threshold"],
            "expires": end,
            "editors": people,
        }
        actor = as_editor()
        event = acts.event(reader, actor, "editors-changed", "editors", reason=reason, detail={"editors": changed})
    write_bytes(target_file, event.signed(actor.keys).to_bytes())
    out().print(f"{target_file}: version {changed['version']}, signed by {actor.handle}", markup=False)


@click.command(help="Sign a proposed act of the editors, after you have read it.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask: it was read before.")
def cosign(file: Path, yes: bool) -> None:
    """Your signature is added to the file."""
    from dataclasses import asdict, replace

    from harness.commands.console import out, print_json
    from harness.commands.hub_option import as_editor
    from harness.errors import BadInput, one_line
    from harness.files import write_bytes
    from harness.hub import event
    from harness.record import envelope

    sealed = envelope.read(_text(file).encode(), str(file))
    found = event.read(sealed.payload, str(file))
    if found.kind not in SEVERAL:
        raise BadInput(
            f"is an act of kind {found.kind}, which one editor does alone",
            where=str(file),
            fix=f"only {' and '.join(SEVERAL)} are passed round",
        )
    print_json(asdict(found))
    if not yes and not click.confirm(f"Sign this as an editor of {one_line(found.hub)}?", err=True):
        raise click.Abort
    actor = as_editor()
    more = envelope.sign(sealed.payload, actor.keys, event.PAYLOAD_TYPE).signatures
    if more[0].keyid in {one.keyid for one in sealed.signatures}:
        raise BadInput("bears your signature already", where=str(file), fix="let another editor sign")
    write_bytes(file, replace(sealed, signatures=(*sealed.signatures, *more)).to_bytes())
    out().print(f"{found.kind} of {found.by}: signed by {actor.handle}, too", markup=False)


@click.command(name="apply", help="Put a proposed act of the editors into the log, once enough have signed it.")
@click.argument("file", type=click.Path(path_type=Path))
@hub_option
def apply_(file: Path, target: str | None) -> None:
    """Refused until then."""
    from harness.commands.console import out
    from harness.commands.hub_option import open_for_writing
    from harness.hub.acts import utc
    from harness.hub.batch import Item

    taken = open_for_writing(target).append_one(Item(_text(file).encode()), utc())
    out().print(f"{taken.event.kind}, entry {taken.entry.index}", markup=False)


def _text(path: Path) -> str:
    from harness.files import read_text_limited

    return read_text_limited(path, 32 << 20, "the file")
