"""`repro request`: what people wish to see measured."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.group()
def request() -> None:
    """A request is pending until an editor accepts it; an operator claims it, and a record fulfils it."""


@request.command(name="list")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_requests(target: str | None, as_json: bool) -> None:
    """List the requests of a registry."""
    from rich.table import Table

    from harness.registry.facts import RequestFact
    from harness.registry.facts.stored import dump
    from harness.terminal.console import escape, out, print_json, whole
    from harness.terminal.registry_option import open_for_reading

    with open_for_reading(target).reading() as reader:
        found = reader.all(RequestFact)
    if as_json:
        print_json({name: dump(one) for name, one in found.items()})
        return
    console = out()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("request", "state", "model", "hardware", "runtime", "by", "held by", "since"):
        table.add_column(name)
    for name, one in sorted(found.items(), key=lambda item: item[1].since):
        texts = (one.model, one.hardware, one.runtime, one.by, one.claimed_by or "–")
        table.add_row(whole(console, name, 12), one.status.value, *(escape(text) for text in texts), one.since[:10])
    console.print(table)


@request.command()
@click.option("--model", required=True, help="Model to measure, with its quantisation.")
@click.option("--hardware", required=True, help="Device to measure on.")
@click.option("--runtime", required=True, help="Runtime to measure with; NAME@VERSION for one release of its engine.")
@click.option("--reason", default="", help="Why it is worth measuring; public.")
@registry_option
def new(model: str, hardware: str, runtime: str, reason: str, target: str | None) -> None:
    """Ask for a model to be measured on some hardware.

    It means the default suite: a request names no other, and no option. Signed with your operator key.
    """
    from harness.registry.actions.requests import open_request
    from harness.terminal.console import out
    from harness.terminal.keys import introduced
    from harness.terminal.registry_option import as_operator, open_for_writing
    from runtimes.releases import split

    runtime = str(split(runtime))
    registry, actor = open_for_writing(target), as_operator()
    made = open_request(
        registry,
        actor,
        model=model,
        hardware=hardware,
        runtime=runtime,
        reason=reason,
        first=introduced(registry, actor),
    )
    out().print(f"{made.request}\n{made.status}, entry {made.entry}", markup=False)


def _step(kind: str, identity: str, target: str | None, reason: str, *, editorial: bool, of: str = "") -> None:
    from harness.registry.actions.requests import Step, step
    from harness.terminal.console import out
    from harness.terminal.keys import introduced
    from harness.terminal.registry_option import as_editor, as_operator, open_for_writing

    registry = open_for_writing(target)
    actor = as_editor() if editorial else as_operator()
    first = [] if editorial else introduced(registry, actor)
    made = step(registry, actor, Step(kind), identity, reason=reason, of=of, first=first)
    out().print(f"{made.request}\n{made.status}, entry {made.entry}", markup=False)


def _editors(name: str, kind: str, text: str) -> None:
    @request.command(name=name, help=text)
    @click.argument("identity", metavar="ID")
    @click.option("--reason", required=True, help="Why; public in the log.")
    @registry_option
    def decide(identity: str, reason: str, target: str | None) -> None:
        _step(kind, identity, target, reason, editorial=True)


_editors("accept", "request-accepted", "Accept a request as an editor.")
_editors("reject", "request-rejected", "Reject a request as an editor.")
_editors("archive", "request-archived", "Set a request aside as an editor; it can be revived.")
_editors("revive", "request-revived", "Reopen an archived request as an editor.")


@request.command()
@click.argument("identity", metavar="ID")
@click.option("--of", required=True, metavar="ID", help="Request that asks for the same.")
@click.option("--reason", required=True, help="Why; public in the log.")
@registry_option
def duplicate(identity: str, of: str, reason: str, target: str | None) -> None:
    """Close a request as a duplicate, as an editor."""
    _step("request-marked-duplicate", identity, target, reason, editorial=True, of=of)


@request.command()
@click.argument("identity", metavar="ID")
@registry_option
def claim(identity: str, target: str | None) -> None:
    """Claim an accepted request: you are going to measure it."""
    _step("request-claimed", identity, target, "", editorial=False)


@request.command()
@click.argument("identity", metavar="ID")
@click.option("--as-editor", "editorial", is_flag=True, help="Release another operator's claim; needs --reason.")
@click.option("--reason", default="", help="Why; public in the log. An editor needs it.")
@registry_option
def release(identity: str, editorial: bool, reason: str, target: str | None) -> None:
    """Release a request that you claimed.

    Anybody may claim it then. An editor may release anybody's.
    """
    from harness.registry.actions.requests import release_reason

    if editorial:
        release_reason(reason)
    _step("request-released", identity, target, reason, editorial=editorial)
