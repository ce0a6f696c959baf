"""`repro registry editors`, `cosign`, `apply`: who decides, and acts that several editors sign, passed round as a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.terminal.registry_option import registry_option

if TYPE_CHECKING:
    from harness.registry.actions.acts import Actor
    from harness.registry.facts import EditorsFact
    from harness.registry.queries import Reader

SEVERAL = ("editors-changed", "policy-adopted")  # what may need more than one editor


@click.command()
@click.option(
    "--add",
    "added",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Add the editor of this public file; repeatable.",
)
@click.option("--remove", "removed", multiple=True, metavar="HANDLE", help="Remove this editor; repeatable.")
@click.option(
    "--threshold",
    type=click.IntRange(1),
    metavar="N",
    help="Editors who must sign a change of the list; default: as now.",
)
@click.option("--expires", metavar="YYYY-MM-DD", help="Day when the new list expires; default: in a year.")
@click.option("--reason", default="", help="Why; public in the log. A proposal needs it.")
@click.option("--out", "target_file", type=click.Path(path_type=Path), help="Write the proposal to this file.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@registry_option
def editors(
    added: tuple[Path, ...],
    removed: tuple[str, ...],
    threshold: int | None,
    expires: str | None,
    reason: str,
    target_file: Path | None,
    as_json: bool,
    target: str | None,
) -> None:
    """List the editors, or propose a change of the list.

    A proposal is a file that you sign first. Other editors sign it with `repro registry cosign`; once enough have signed,
    `repro registry apply` puts it into the log.
    """
    from dataclasses import asdict

    from harness.errors import BadInput
    from harness.files import write_bytes
    from harness.record import editor_keys
    from harness.registry.actions import acts
    from harness.registry.actions.create import document
    from harness.registry.facts import EditorsFact
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_reading

    with open_for_reading(target).reading() as reader:
        present = reader.need(EditorsFact)
        if not (added or removed or threshold or expires or reason or target_file):
            _list(reader, present, as_json)
            return
        if not reason.strip() or target_file is None:
            missing = "--reason" if not reason.strip() else "--out"
            raise BadInput("a proposal needs it", where=missing, fix="give --reason TEXT and --out FILE")
        strangers = [handle for handle in removed if handle not in present.editors]
        if strangers:
            raise BadInput(
                f"{strangers[0]!r} is not an editor of this registry",
                where="--remove",
                fix="see: repro registry editors",
            )
        people = {handle: asdict(entry) for handle, entry in present.editors.items() if handle not in removed}
        for path in added:
            newcomer = editor_keys.parse(_text(path), str(path))
            people[newcomer.handle] = newcomer.entry()
        changed = document(present.version + 1, threshold or present.threshold, expires, people)
        _enough(reader, changed)
        actor = _signing(as_editor(), changed)
        event = acts.event(reader, actor, "editors-changed", "editors", reason=reason, detail={"editors": changed})
    write_bytes(target_file, event.signed(actor.keys).to_bytes())
    out().print(f"{target_file}: version {changed['version']}, signed by {actor.handle}", markup=False)


def _list(reader: Reader, present: EditorsFact, as_json: bool) -> None:
    from harness.registry.actions.acts import utc
    from harness.registry.facts import PolicyFact
    from harness.registry.facts.stored import dump
    from harness.terminal.console import out, print_json

    approvals = reader.need(PolicyFact).approvals
    if as_json:
        print_json({**dump(present), "approvals": approvals})
        return
    expired = "; expired: nobody can decide" if present.expires < utc()[:10] else ""
    console = out()
    console.print(
        f"version {present.version}, in force until {present.expires}{expired}\n"
        f"a change of this list, and a policy, must be signed by {present.threshold} of {len(present.editors)}; "
        f"a record must be approved by {approvals}",
        markup=False,
    )
    for handle, entry in sorted(present.editors.items()):
        console.print(f"  {handle:32} {entry.key}", markup=False, soft_wrap=True)


def _enough(reader: Reader, changed: dict[str, Any]) -> None:
    """Raises `BadInput` where fewer editors would be left than must approve a record."""
    from harness.errors import BadInput
    from harness.registry.facts import EditorsFact, PolicyFact

    approvals = reader.need(PolicyFact).approvals
    before, after = len(reader.need(EditorsFact).editors), len(changed["editors"])
    if after < min(approvals, before):
        raise BadInput(
            f"{after} editors would be left, and a record needs {approvals} approvals",
            where="--remove",
            fix="add others, or adopt fewer approvals first: repro registry policy NAME --approvals N",
        )


def _signing(actor: Actor, changed: dict[str, Any]) -> Actor:
    """With the operator's key, too, where the same person is an operator under the same handle."""
    from harness.registry.actions.acts import Actor
    from harness.terminal.keys import open_keys

    if actor.handle not in changed["editors"]:
        return actor
    own = open_keys()
    if own is None or own.public.handle != actor.handle:
        return actor
    return Actor(actor.handle, (*actor.keys, own.operator))


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Sign without asking.")
def cosign(file: Path, yes: bool) -> None:
    """Sign an editors' proposal, after you have read it.

    Adds your signature to FILE.
    """
    from dataclasses import asdict, replace

    from harness.errors import BadInput, one_line
    from harness.files import write_bytes
    from harness.record import envelope
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import as_editor
    from harness.tlog import event

    sealed = envelope.read(_text(file).encode(), str(file))
    found = event.read(sealed.payload, str(file))
    if found.kind not in SEVERAL:
        raise BadInput(
            f"is a {found.kind} event, which needs one editor only",
            where=str(file),
            fix=f"cosign only {' and '.join(SEVERAL)}",
        )
    print_json(asdict(found))
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(
                "there is no terminal to ask at", where="repro registry cosign", fix="read it, and use --yes"
            )
        if not click.confirm(f"Sign this as an editor of {one_line(found.registry)}?", err=True):
            raise click.Abort
    actor = as_editor()
    if found.kind == "editors-changed":
        actor = _signing(actor, found.detail["editors"])
    more = envelope.sign(sealed.payload, actor.keys, event.PAYLOAD_TYPE).signatures
    there = {one.keyid for one in sealed.signatures}
    if more[0].keyid in there:
        raise BadInput("has your signature already", where=str(file), fix="let another editor sign")
    more = tuple(one for one in more if one.keyid not in there)
    write_bytes(file, replace(sealed, signatures=(*sealed.signatures, *more)).to_bytes())
    out().print(f"{found.kind} of {found.by}: signed by {actor.handle}, too", markup=False)


@click.command(name="apply")
@click.argument("file", type=click.Path(path_type=Path))
@registry_option
def apply_(file: Path, target: str | None) -> None:
    """Put a proposal into the log, once enough have signed it."""
    from harness.record import envelope
    from harness.registry.actions.acts import Item, utc
    from harness.registry.actions.create import in_time
    from harness.registry.rules.base import document_of
    from harness.terminal.console import out
    from harness.terminal.registry_option import open_for_writing
    from harness.tlog import event

    data = _text(file).encode()
    found = event.read(envelope.read(data, str(file)).payload, str(file))
    if found.kind == "editors-changed":
        in_time(document_of(found.detail["editors"]))
    taken = open_for_writing(target).append_one(Item(data), utc())
    out().print(f"{taken.event.kind}, entry {taken.entry.index}", markup=False)


def _text(path: Path) -> str:
    from harness.files import read_text_limited

    return read_text_limited(path, 32 << 20, "the file")
