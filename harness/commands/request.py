"""`repro request`: what people wish to see measured."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.group(help="Ask for a measurement, claim one, and decide on requests.")
def request() -> None:
    """pending → accepted → claimed → measured."""


@request.command(name="list", help="Every request of a registry.")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_requests(target: str | None, as_json: bool) -> None:
    """With state and who holds it."""
    from rich.table import Table

    from harness.terminal.console import escape, out, print_json, whole
    from harness.terminal.registry_option import open_for_reading

    with open_for_reading(target).reading() as reader:
        found = reader.all("request")
    if as_json:
        print_json(found)
        return
    console = out()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("request", "state", "model", "hardware", "runtime", "by", "held by", "since"):
        table.add_column(name)
    for name, one in sorted(found.items(), key=lambda item: item[1]["since"]):
        texts = (one["model"], one["hardware"], one["runtime"], one["by"], one["claimed_by"] or "–")
        table.add_row(whole(console, name, 12), one["status"], *(escape(text) for text in texts), one["since"][:10])
    console.print(table)


@request.command(help="Ask for a (model, hardware, runtime) to be measured.")
@click.option("--model", required=True, help="Name of the model and its quantisation.")
@click.option("--hardware", required=True, help="Device.")
@click.option("--runtime", required=True, help="Engine.")
@click.option("--reason", default="", help="What for; public.")
@registry_option
def new(model: str, hardware: str, runtime: str, reason: str, target: str | None) -> None:
    """Signed with the operator's key."""
    import secrets

    from harness.commands.submit import introduced
    from harness.registry.actions import acts
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_operator, open_for_writing

    registry, actor = open_for_writing(target), as_operator()
    detail = {"model": model, "hardware": hardware, "runtime": runtime}
    first = introduced(registry, actor)
    taken = acts.act(
        registry, actor, "request-opened", secrets.token_hex(32), reason=reason, detail=detail, first=first
    )
    out().print(f"{taken.event.subject}\npending, entry {taken.entry.index}", markup=False)


def _move(kind: str, identity: str, target: str | None, reason: str, *, editorial: bool, of: str = "") -> None:
    from harness.commands.submit import introduced
    from harness.registry.actions import acts
    from harness.registry.queries.requests import id_of
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, as_operator, open_for_writing

    registry = open_for_writing(target)
    actor = as_editor() if editorial else as_operator()
    first = [] if editorial else introduced(registry, actor)
    with registry.reading() as reader:
        whole = id_of(reader, identity)
        detail = {"of": id_of(reader, of)} if kind == "request-marked-duplicate" else {}
    taken = acts.act(registry, actor, kind, whole, reason=reason, detail=detail, first=first)
    with registry.reading() as reader:
        status = (reader.get("request", whole) or {})["status"]
    out().print(f"{whole}\n{status}, entry {taken.entry.index}", markup=False)


def _editors(name: str, kind: str, text: str) -> None:
    @request.command(name=name, help=text)
    @click.argument("identity", metavar="ID")
    @click.option("--reason", required=True, help="Why; public.")
    @registry_option
    def decide(identity: str, reason: str, target: str | None) -> None:
        _move(kind, identity, target, reason, editorial=True)


_editors("accept", "request-accepted", "Say as an editor that it should be measured.")
_editors("reject", "request-rejected", "Say that it should not.")
_editors("archive", "request-archived", "Lay it aside; it can be revived.")
_editors("revive", "request-revived", "Take it up again.")


@request.command(help="Say as an editor that another request asks for the same.")
@click.argument("identity", metavar="ID")
@click.option("--of", required=True, help="The other request.")
@click.option("--reason", required=True, help="Why; public.")
@registry_option
def duplicate(identity: str, of: str, reason: str, target: str | None) -> None:
    """It ends here."""
    _move("request-marked-duplicate", identity, target, reason, editorial=True, of=of)


@request.command(help="Hold an accepted request: you are about to measure it.")
@click.argument("identity", metavar="ID")
@registry_option
def claim(identity: str, target: str | None) -> None:
    """A soft lock."""
    _move("request-claimed", identity, target, "", editorial=False)


@request.command(help="Let go of a request that you hold; an editor may let go of anybody's.")
@click.argument("identity", metavar="ID")
@click.option("--as-editor", "editorial", is_flag=True, help="Of somebody else's; with --reason.")
@click.option("--reason", default="", help="Why; public. An editor must give one.")
@registry_option
def release(identity: str, editorial: bool, reason: str, target: str | None) -> None:
    """It is accepted again, for anybody to claim."""
    from harness.errors import BadInput

    if editorial and not reason.strip():
        raise BadInput("an editor's act needs a reason", where="--reason", fix="add --reason TEXT")
    _move("request-released", identity, target, reason, editorial=editorial)
