"""`repro registry`: make one, keep it, move it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.commands.registry_editors import apply_, cosign, editors
from harness.record.places import keys_folder
from harness.terminal.registry_option import registry_option


@click.group(help="Make a registry, sign its checkpoints, export, import and rebuild it.")
def registry() -> None:
    """A folder, or a database."""


@registry.command(help="Make a registry; you become its first editor.")
@registry_option
@click.option("--origin", required=True, help="Its name for ever, as in its checkpoints: example.org/bench.")
@click.option("--policy", default="network-v3", show_default=True, help="Version of the rules.")
@click.option("--expires", metavar="YYYY-MM-DD", help="When the list of editors must be renewed; default: in a year.")
@click.option(
    "--approvals",
    type=click.IntRange(1, 100),
    help="How many editors must approve a record; default: as the policy says.",
)
@click.option("--demonstration", is_flag=True, help="It takes synthetic records, and says so.")
def new(
    target: str | None, origin: str, policy: str, expires: str | None, approvals: int | None, demonstration: bool
) -> None:
    """Editor's keys first: repro keys new --role editor --handle NAME."""
    from harness.catalog import policies
    from harness.record.editor_keys import registry_key
    from harness.registry.actions.create import Charter, approvals_of, document, found, sign_checkpoint
    from harness.registry.db import databases
    from harness.registry.exchange import last_seen
    from harness.terminal.console import err, out
    from harness.terminal.keys import editor_keys
    from harness.terminal.registry_option import named
    from harness.tlog.origin import checked

    place = named(target)
    databases.vacant(place)
    last_seen.unused(checked(origin), last_seen.folder())
    editor, loaded = editor_keys(), policies.load(policy)
    editors = document(1, 1, expires, {editor.public.handle: editor.public.entry()})
    wanted = approvals_of(loaded.policy.approvals, approvals)
    own = registry_key(keys_folder(), origin, make=True)
    charter = Charter(
        origin, own.public_key().public_bytes_raw().hex(), editors, policy, loaded.sha256, wanted, demonstration
    )
    made = found(place, charter.event(editor.public.handle), [editor.key])
    sign_checkpoint(made, own)
    last_seen.look(made, last_seen.folder())
    out().print(f"{origin} at {place}; editor {editor.public.handle}, policy {policy}", markup=False)
    if wanted > 1:
        err().print(
            f"A record needs {wanted} approvals, there is one editor: repro registry editors --add FILE --reason … --out CHANGE",
            markup=False,
        )


@registry.command(help="Sign the log as it is now; done where the registry's key is kept.")
@registry_option
def checkpoint(target: str | None) -> None:
    """A signed note (C2SP tlog-checkpoint)."""
    import click as terminal

    from harness.registry.actions.create import sign_checkpoint
    from harness.terminal.registry_option import open_for_writing

    opened = open_for_writing(target)
    terminal.echo(sign_checkpoint(opened, _key(opened)).decode(), nl=False)


@registry.command(help="Issue a single-use number to an operator: a run that begins after it can't be older than it.")
@click.option("--handle", required=True, help="To whom.")
@click.option("--days", type=click.IntRange(1, 90), default=7, show_default=True, help="How long it may be used.")
@registry_option
def challenge(handle: str, days: int, target: str | None) -> None:
    """For `repro bench --challenge`."""
    from harness.registry.actions import acts
    from harness.terminal.console import err, out
    from harness.terminal.registry_option import open_for_writing

    opened = open_for_writing(target)
    nonce, ends = acts.challenge(opened, _key(opened), handle, days)
    out().print(nonce, markup=False)
    err().print(f"until {ends}: repro bench --challenge {nonce}", markup=False)


@registry.command(help="The acts in a registry's log: who did what, when, and why.")
@click.option("--of", "wanted", metavar="WORD", help="Only those by, or about, a handle or the beginning of an id.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
@registry_option
def log(wanted: str | None, as_json: bool, target: str | None) -> None:
    """In order, with the numbers that a revocation names."""
    from rich.table import Table

    from harness.registry.queries.history import acts_of
    from harness.terminal.console import escape, out, print_json, whole
    from harness.terminal.registry_option import open_for_reading

    with open_for_reading(target).reading() as reader:
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


@registry.command(help="Write a registry as plain files, which lose nothing.")
@click.argument("folder", type=click.Path(path_type=Path))
@registry_option
def export(folder: Path, target: str | None) -> None:
    """The folder appears whole or not at all."""
    from harness.registry.exchange import files
    from harness.terminal.console import out
    from harness.terminal.progress import counting
    from harness.terminal.registry_option import open_for_reading

    with counting("writing entries") as tell:
        count = files.export(open_for_reading(target), folder, tell)
    out().print(f"{count} entries in {folder}", markup=False)


@registry.command(name="import", help="Make a database from exported files, event by event by the rules.")
@click.argument("folder", type=click.Path(path_type=Path))
@registry_option
def import_(folder: Path, target: str | None) -> None:
    """The first event that does not hold stops it, and nothing is left."""
    from harness.errors import BadInput
    from harness.registry.db import databases
    from harness.registry.exchange import files
    from harness.terminal.console import out
    from harness.terminal.progress import counting
    from harness.terminal.registry_option import named

    if not databases.is_export(str(folder)):
        raise BadInput("holds no exported registry", where=str(folder), fix="name what repro registry export wrote")
    place = named(target)
    with counting("taking entries") as tell:
        files.into(folder, place, tell)
    out().print(f"{place}: the same log", markup=False)


@registry.command(help="Make everything that follows from log and bodies anew, in another database.")
@click.argument("place")
@registry_option
def rebuild(place: str, target: str | None) -> None:
    """Through exported files in a temporary folder: rows, states and tiers come from the log alone."""
    import tempfile

    from harness.registry.exchange import files
    from harness.terminal.console import out
    from harness.terminal.progress import counting
    from harness.terminal.registry_option import open_for_reading

    with tempfile.TemporaryDirectory() as folder, counting("taking entries") as tell:
        files.export(open_for_reading(target), Path(folder) / "registry", lambda _done, _of: None)
        files.into(Path(folder) / "registry", place, tell)
    out().print(f"{place}: the same log", markup=False)


@registry.command(help="Bring a registry's database to this program's schema.")
@registry_option
def upgrade(target: str | None) -> None:
    """In one transaction."""
    from harness.registry.db import databases
    from harness.terminal.console import out
    from harness.terminal.registry_option import named

    out().print(f"schema {databases.upgrade_at(named(target))}", markup=False)


@registry.command(help="Adopt a policy; signed by the editors' threshold.")
@click.argument("policy")
@click.option(
    "--approvals",
    type=click.IntRange(1, 100),
    help="How many editors must approve a record; default: as the policy says.",
)
@click.option("--reason", required=True, help="Why; public.")
@click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path),
    help="Where several must sign: a file to pass round (cosign, apply).",
)
@registry_option
def policy(policy: str, approvals: int | None, reason: str, file: Path | None, target: str | None) -> None:
    """Every verdict names the policy's version and digest."""
    from harness.catalog import policies
    from harness.files import write_bytes
    from harness.registry.actions import acts
    from harness.registry.actions.create import approvals_of
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    loaded = policies.load(policy)
    opened, actor = open_for_writing(target), as_editor()
    with opened.reading() as reader:
        editors = len((reader.get("editors", "") or {})["editors"])
    detail = {
        "policy_sha256": loaded.sha256,
        "approvals": approvals_of(loaded.policy.approvals, approvals, editors),
    }
    if file is not None:
        with opened.reading() as reader:
            event = acts.event(reader, actor, "policy-adopted", policy, reason=reason, detail=detail)
        write_bytes(file, event.signed(actor.keys).to_bytes())
        out().print(f"{file}: {policy}, signed by {actor.handle}", markup=False)
        return
    taken = acts.act(opened, actor, "policy-adopted", policy, reason=reason, detail=detail)
    out().print(
        f"{policy} ({loaded.sha256[:12]}), approvals {detail['approvals']}, from entry {taken.entry.index}",
        markup=False,
    )


def _key(opened: Any) -> Any:
    from harness.record.editor_keys import registry_key

    with opened.reading() as reader:
        origin = (reader.get("registry", "") or {})["origin"]
    return registry_key(keys_folder(), origin, make=False)


@registry.command(
    help="Make a demonstration registry as plain files: real runs here beside operators who do not exist."
)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--model", default="gemma-3-270m-q4_k_m", show_default=True, help="What the real runs measure.")
@click.option("--runtime", "runtimes", multiple=True, default=("llama.cpp",), show_default=True, help="Repeatable.")
@click.option("--suite", default="quick", show_default=True, help="Of the real runs.")
@click.option("--processes", type=click.IntRange(1, 100), default=3, show_default=True, help="Of each real run.")
def demo(folder: Path, model: str, runtimes: tuple[str, ...], suite: str, processes: int) -> None:
    """The folder appears whole or not at all."""
    import tempfile

    from harness.demo.registry import REAL, build, key
    from harness.errors import BadInput
    from harness.record import store
    from harness.record.envelope import key_id
    from harness.record.keys import PublicKeys, Signers
    from harness.registry.exchange import files
    from harness.registry.intake.ingest import checked
    from harness.run.bench import bench
    from harness.run.evidence import Request
    from harness.terminal.console import err, out
    from harness.terminal.progress import Progress, counting

    if folder.exists():
        raise BadInput("is there already", where=str(folder), fix="remove it, or name a new folder")
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        operator, rig = key("workshop"), key("workshop rig")
        public = PublicKeys(
            REAL,
            operator.public_key().public_bytes_raw().hex(),
            key_id(key("next workshop").public_key()),
            rig.public_key().public_bytes_raw().hex(),
        )
        real = []
        for runtime in runtimes:
            signers = Signers(public, operator, rig, place)
            with Progress(err()) as progress:
                request = Request(
                    model, runtime, suite, results=place / "results", processes=processes, signers=signers
                )
                stored = store.read(bench(request, progress))
            real.append(checked(stored.envelope() or b"", stored.samples(), runtime))
        made = build(str(place / "registry"), real)
        with counting("writing entries") as tell:
            count = files.export(made.registry, folder, tell)
    out().print(f"{count} entries in {folder}; see: repro score --registry {folder}", markup=False)


for more in (editors, cosign, apply_):
    registry.add_command(more)
