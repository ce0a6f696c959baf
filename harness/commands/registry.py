"""`repro registry`: make one, keep it, move it."""

from __future__ import annotations

from pathlib import Path

import click

from harness.commands.registry_editors import apply_, cosign, editors, passkeys
from harness.commands.registry_key import key
from harness.commands.registry_publish import prove, publish
from harness.commands.registry_webhooks import webhooks
from harness.commands.registry_witness import witness
from harness.commands.registry_witnesses import witnesses
from harness.paths import keys_folder
from harness.terminal.proposal_option import proposal_option
from harness.terminal.registry_option import registry_option


@click.group()
def registry() -> None:
    """A registry is a folder or a PostgreSQL database; it can be exported as plain files and imported again."""


@registry.command()
@registry_option
@click.option("--origin", required=True, help="Permanent name, such as example.org/bench.")
@click.option("--policy", default="network-v3", show_default=True, help="Policy: the rules for states and tiers.")
@click.option("--expires", metavar="YYYY-MM-DD", help="Day when the list of editors expires; default: in a year.")
@click.option(
    "--approvals",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Editors who must approve a record; default: the policy's.",
)
@click.option("--demonstration", is_flag=True, help="Accept synthetic records, and say so.")
def new(
    target: str | None, origin: str, policy: str, expires: str | None, approvals: int | None, demonstration: bool
) -> None:
    """Create a registry; you become its first editor.

    Needs an editor's keys: repro keys new --role editor --handle NAME
    """
    from harness.record.editor_keys import registry_key
    from harness.registry.actions.founding import Plan, create_registry, free
    from harness.registry.exchange import last_seen
    from harness.terminal.console import err, out
    from harness.terminal.keys import editor_keys
    from harness.terminal.registry_option import named

    plan = Plan(named(target), origin, policy, expires, approvals, demonstration)
    free(plan, last_seen.folder())
    editor = editor_keys()
    made = create_registry(plan, editor, lambda: registry_key(keys_folder(), origin, make=True), last_seen.folder())
    out().print(f"{origin} at {plan.place}; editor {editor.public.handle}, policy {policy}", markup=False)
    if made.approvals > 1:
        err().print(
            f"A record needs {made.approvals} approvals and there is one editor; add others: "
            "repro registry editors --add FILE --reason … --out CHANGE",
            markup=False,
        )


@registry.command()
@registry_option
def checkpoint(target: str | None) -> None:
    """Sign the log as it is now, and print the checkpoint.

    Run it where the registry's key is. Prints a signed note (C2SP tlog-checkpoint).
    """
    from harness.registry.actions.create import sign_checkpoint
    from harness.terminal.keys import key_of
    from harness.terminal.registry_option import open_for_writing

    opened = open_for_writing(target)
    click.echo(sign_checkpoint(opened, key_of(opened)).decode(), nl=False)


@registry.command()
@click.option("--handle", required=True, help="Operator who may use it.")
@click.option(
    "--days", type=click.IntRange(1, 90), default=7, show_default=True, metavar="N", help="Days until it expires."
)
@registry_option
def challenge(handle: str, days: int, target: str | None) -> None:
    """Issue a single-use number: a run with it came later.

    The operator passes it to `repro bench --challenge`: the run then began after the number was issued. Over a URL an operator
    gets one for itself, for 7 days.
    """
    from harness.terminal.challenge import issued
    from harness.terminal.console import err, out

    nonce, ends = issued(target, handle, days)
    out().print(nonce, markup=False)
    err().print(f"until {ends}: repro bench --challenge {nonce}", markup=False)


@registry.command()
@click.option("--of", "wanted", metavar="WORD", help="Show only events by or about this handle or beginning of an id.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@registry_option
def log(wanted: str | None, as_json: bool, target: str | None) -> None:
    """List the log: who did what, when, and why."""
    from rich.table import Table

    from harness.registry.queries.history import acts_of
    from harness.terminal.console import escape, out, print_json, whole
    from harness.terminal.registry_option import open_public

    with open_public(target).reading() as reader:
        found = acts_of(reader, wanted)
    if as_json:
        print_json(found)
        return
    console = out()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("entry", "taken", "act", "by", "about", "reason"):
        table.add_column(name, justify="right" if name == "entry" else "left")
    for one in found:
        about = one["subject"] if len(one["subject"]) < 40 else whole(console, one["subject"], 12)
        table.add_row(str(one["index"]), one["at"], one["kind"], one["by"], escape(about), escape(one["reason"]) or "–")
    console.print(table)


@registry.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--public", "public_only", is_flag=True, help="Only what is public: no record that waits or was refused.")
@registry_option
def export(folder: Path, public_only: bool, target: str | None) -> None:
    """Export a registry as plain files, without loss.

    FOLDER must not exist; it appears whole or not at all. With --public its log is whole, and of the rest only what is public.
    """
    from harness import units
    from harness.registry.exchange import files, public
    from harness.terminal.console import out
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import open_for_reading, open_public

    with shown() as progress:
        if public_only:
            count = public.export(open_public(target), folder, progress)
        else:
            count = files.export(open_for_reading(target), folder, progress)
    out().print(f"{units.count(count, 'entry', 'entries')} in {folder}", markup=False)


@registry.command(name="import")
@click.argument("folder", type=click.Path(path_type=Path))
@registry_option
def import_(folder: Path, target: str | None) -> None:
    """Create a registry from exported files, checking all.

    Every event is checked by the rules; the first invalid one stops the import, and nothing is left behind.
    """
    from harness.errors import BadInput
    from harness.registry import opening
    from harness.registry.exchange import files
    from harness.terminal.console import out
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import named

    if not opening.is_export(str(folder)):
        raise BadInput("holds no exported registry", where=str(folder), fix="name what repro registry export wrote")
    place = named(target)
    with shown() as progress:
        files.into(folder, place, progress)
    out().print(f"{place}: the same log", markup=False)


@registry.command()
@click.argument("place")
@registry_option
def rebuild(place: str, target: str | None) -> None:
    """Build the registry again at PLACE, from its log alone.

    Rows, states and tiers are derived again from the log and the records.
    """
    from harness.registry.exchange.rebuild import rebuild as rebuilt
    from harness.terminal.console import out
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import open_for_reading

    with shown() as progress:
        rebuilt(open_for_reading(target), place, progress)
    out().print(f"{place}: the same log", markup=False)


@registry.command()
@registry_option
def upgrade(target: str | None) -> None:
    """Migrate a registry's database to this version's schema."""
    from harness.registry import opening
    from harness.terminal.console import out
    from harness.terminal.registry_option import named

    out().print(f"schema {opening.upgrade_at(named(target))}", markup=False)


@registry.command()
@click.argument("policy")
@click.option(
    "--approvals",
    type=click.IntRange(1, 100),
    metavar="N",
    help="Editors who must approve a record; default: the policy's.",
)
@click.option("--reason", required=True, help="Why; public in the log.")
@proposal_option
@registry_option
def policy(policy: str, approvals: int | None, reason: str, file: Path | None, target: str | None) -> None:
    """Adopt a policy; as many editors sign as the list demands.

    When several must sign, write a proposal with --out; the others sign it (cosign), and one applies it (apply).
    """
    from harness.files import write_bytes
    from harness.registry.actions.editors import adopt, adoption, propose_policy
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    opened, actor = open_for_writing(target), as_editor()
    made = adoption(opened, policy, approvals)
    if file is not None:
        write_bytes(file, propose_policy(opened, actor, made, reason))
        out().print(f"{file}: {policy}, signed by {actor.handle}", markup=False)
        return
    entry = adopt(opened, actor, made, reason)
    out().print(f"{policy} ({made.sha256[:12]}), approvals {made.approvals}, from entry {entry}", markup=False)


@registry.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default="gemma-3-270m-q4_k_m", show_default=True, help="Model that the real runs measure.")
@click.option(
    "--runtime",
    "runtimes",
    multiple=True,
    default=("llama.cpp",),
    show_default=True,
    help="Runtime of a real run; repeatable.",
)
@click.option("--suite", default="quick", show_default=True, help="Suite of the real runs.")
@click.option(
    "--processes",
    type=click.IntRange(1, 100),
    default=3,
    show_default=True,
    metavar="N",
    help="Processes of each real run.",
)
def demo(folder: Path, model: str, runtimes: tuple[str, ...], suite: str, processes: int) -> None:
    """Create a demonstration: real runs, invented operators.

    FOLDER must not exist; it appears whole or not at all.
    """
    from harness import units
    from harness.demo import before
    from harness.demo.make import RealRuns, demonstration
    from harness.run.bench import bench
    from harness.run.request import Request
    from harness.terminal.console import out
    from harness.terminal.progress import shown

    def measure(request: Request) -> Path:
        with shown() as progress:
            return bench(request, progress)

    before.refuse(folder, model, runtimes, suite)
    runs = RealRuns(model, runtimes, suite, processes)
    count = demonstration(folder, runs, measure, shown)
    out().print(
        f"{units.count(count, 'entry', 'entries')} in {folder}; see: repro score --registry {folder}", markup=False
    )


for more in (editors, passkeys, cosign, apply_, publish, prove, key, witness, witnesses, webhooks):
    registry.add_command(more)
