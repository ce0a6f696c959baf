"""`repro registry editors`, `passkeys`, `cosign`, `apply`: who decides, and acts that several sign, passed round as a file."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.terminal.new_file import NewFile
from harness.terminal.proposal_option import proposal_option
from harness.terminal.registry_option import registry_option

if TYPE_CHECKING:
    from harness.registry.actions.acts import Actor
    from harness.registry.actions.editors import Editors


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
@click.option("--out", "target_file", type=NewFile(), help="Write the proposal to this file.")
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
    from harness.errors import BadInput
    from harness.files import write_bytes
    from harness.record import editor_keys
    from harness.registry.actions import editors as actions
    from harness.terminal.console import out
    from harness.terminal.registry_option import open_for_reading

    registry = open_for_reading(target)
    if not (added or removed or threshold or expires or reason or target_file):
        _list(actions.editors_of(registry), as_json)
        return
    if not reason.strip() or target_file is None:
        missing = "--reason" if not reason.strip() else "--out"
        raise BadInput("a proposal needs it", where=missing, fix="give --reason TEXT and --out FILE")
    newcomers = [editor_keys.parse(_text(path), str(path)) for path in added]
    document = actions.changed(registry, actions.Change(newcomers, removed, threshold, expires))
    actor = _signer(document)
    write_bytes(target_file, actions.propose_editors(registry, actor, document, reason))
    out().print(f"{target_file}: version {document['version']}, signed by {actor.handle}", markup=False)


def _list(found: Editors, as_json: bool) -> None:
    from harness.registry.facts.stored import dump
    from harness.terminal.console import out, print_json

    present = found.document
    if as_json:
        print_json({**dump(present), "approvals": found.approvals})
        return
    expired = "; expired: nobody can decide" if found.expired else ""
    console = out()
    console.print(
        f"version {present.version}, in force until {present.expires}{expired}\n"
        f"a change of this list, and a policy, must be signed by {present.threshold} of {len(present.editors)}; "
        f"a record must be approved by {found.approvals}",
        markup=False,
    )
    for handle, entry in sorted(present.editors.items()):
        console.print(f"  {handle:32} {entry.key}", markup=False, soft_wrap=True)


def _signer(document: Mapping[str, Any]) -> Actor:
    """The editor, who also signs as an operator where one of that handle is on the list."""
    from harness.terminal.keys import with_operators_key
    from harness.terminal.registry_option import as_editor

    actor = as_editor()
    return with_operators_key(actor) if actor.handle in document["editors"] else actor


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Sign without asking.")
def cosign(file: Path, yes: bool) -> None:
    """Sign an editors' proposal, after you have read it.

    Adds your signature to FILE.
    """
    from dataclasses import asdict

    from harness.errors import BadInput, one_line
    from harness.files import write_bytes
    from harness.registry.actions import editors as actions
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import as_editor

    data = _text(file).encode()
    found = actions.proposed(data, str(file))
    print_json(asdict(found))
    if not yes:
        if not sys.stdin.isatty():
            raise BadInput(
                "there is no terminal to ask at", where="repro registry cosign", fix="read it, and use --yes"
            )
        if not click.confirm(f"Sign this as an editor of {one_line(found.registry)}?", err=True):
            raise click.Abort
    actor = _signer(found.detail["editors"]) if found.kind == "editors-changed" else as_editor()
    write_bytes(file, actions.cosign(data, actor, str(file)))
    out().print(f"{found.kind} of {found.by}: signed by {actor.handle}, too", markup=False)


@click.command(name="apply")
@click.argument("file", type=click.Path(path_type=Path))
@registry_option
def apply_(file: Path, target: str | None) -> None:
    """Put a proposal into the log, once enough have signed it."""
    from harness.registry.actions import editors as actions
    from harness.terminal.console import out
    from harness.terminal.registry_option import open_for_writing

    data = _text(file).encode()
    made = actions.apply(open_for_writing(target), data, str(file))
    out().print(f"{made.kind}, entry {made.entry}", markup=False)


@click.command()
@click.argument("web_origin", metavar="URL")
@click.option("--rp-id", metavar="DOMAIN", help="Domain that passkeys are bound to; default: the URL's.")
@click.option("--reason", required=True, help="Why; public in the log.")
@proposal_option
@registry_option
def passkeys(web_origin: str, rp_id: str | None, reason: str, file: Path | None, target: str | None) -> None:
    """Let editors sign with passkeys at URL, the console's web origin.

    URL is scheme, domain and port alone, such as https://bench.example.org, or http://localhost:8000 on this machine. As many
    editors sign as the list demands: with several, write a proposal with --out, then cosign and apply it.
    """
    from harness.files import write_bytes
    from harness.registry.actions import editors as actions
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    domain = _checked(web_origin, rp_id)
    opened, actor = open_for_writing(target), as_editor()
    if file is not None:
        write_bytes(file, actions.propose_passkeys(opened, actor, web_origin, domain, reason))
        out().print(f"{file}: passkeys at {web_origin}, signed by {actor.handle}", markup=False)
        return
    entry = actions.allow_passkeys(opened, actor, web_origin, domain, reason)
    out().print(f"passkeys of {domain} at {web_origin}, from entry {entry}", markup=False)


def _checked(web_origin: str, rp_id: str | None) -> str:
    """The domain that passkeys are bound to. Raises `BadInput`."""
    from harness.errors import BadInput
    from harness.record.web_origin import check, host_of

    domain = rp_id or host_of(web_origin)
    try:
        check(web_origin, domain)
    except ValueError as error:
        raise BadInput(f"{web_origin!r:.80} {error}", where="URL", fix="see: repro registry passkeys --help") from None
    return domain


def _text(path: Path) -> str:
    from harness.files import read_text_limited

    return read_text_limited(path, 32 << 20, "the file")
