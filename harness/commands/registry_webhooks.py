"""`repro registry webhooks`: whom a host tells of what happens."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option

TOPICS = ("queue", "decision", "tier", "regression")


@click.group()
def webhooks() -> None:
    """Tell other programs what happens, by Standard Webhooks.

    Run it where the database is. A service delivers the messages.
    """


@webhooks.command()
@click.argument("url")
@click.option(
    "--on", "topics", type=click.Choice(TOPICS), multiple=True, required=True, help="What to tell; repeatable."
)
@click.option("--private", is_flag=True, help="Allow an address of this machine or its network, and http://.")
@registry_option
def add(url: str, topics: tuple[str, ...], private: bool, target: str | None) -> None:
    """Tell an address from now on; its secret is printed once."""
    from harness.registry.actions import webhooks as actions
    from harness.registry.queries.happened import Topic
    from harness.terminal.console import err, out
    from harness.terminal.registry_option import open_database_here

    made = actions.add(open_database_here(target), url, map(Topic, topics), private=private)
    out().print(made.secret, markup=False, highlight=False, soft_wrap=True)
    err().print(f"webhook {made.id}; the secret is not shown again", markup=False)


@webhooks.command(name="list")
@registry_option
def list_webhooks(target: str | None) -> None:
    """List whom the registry tells, and how much waits."""
    from urllib.parse import urlsplit

    from rich.table import Table

    from harness.registry.actions import webhooks as actions
    from harness.terminal.console import escape, out
    from harness.terminal.registry_option import open_database_here

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("webhook", "host", "on", "waiting", "done", "last try"):
        table.add_column(name, justify="right" if name in ("waiting", "done") else "left")
    for hook, box in actions.listed(open_database_here(target)):
        counts = (str(box.waiting), str(box.delivered_or_given_up))
        # Of an address the host alone: its path is often a secret, too.
        host = escape(urlsplit(hook.url).netloc)
        last = f"gone since {hook.gone}" if hook.gone else escape(box.last_said) or "–"
        table.add_row(hook.id, host, ", ".join(hook.topics), *counts, last)
    out().print(table)


@webhooks.command()
@click.argument("identity", metavar="ID")
@registry_option
def remove(identity: str, target: str | None) -> None:
    """Tell an address nothing more, and forget what waits for it."""
    from harness.registry.actions import webhooks as actions
    from harness.terminal.console import out
    from harness.terminal.registry_option import open_database_here

    actions.remove(open_database_here(target), identity)
    out().print(f"{identity}: removed", markup=False)


@webhooks.command()
@registry_option
def deliver(target: str | None) -> None:
    """Deliver once what waits, where no service runs."""
    from harness.registry.actions import webhooks as actions
    from harness.terminal.console import out
    from harness.terminal.registry_option import open_database_here

    registry = open_database_here(target)
    actions.collect(registry)
    made = actions.deliver(registry)
    out().print(f"{made.taken} delivered, {made.failed} failed", markup=False)
