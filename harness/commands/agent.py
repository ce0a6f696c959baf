"""`repro agent`: measure here what a registry's requests ask for."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.registry_option import registry_option

POLICY = click.option(
    "--policy",
    "policy_file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The policy; default: agent.toml in your configuration folder.",
)


@click.group()
def agent() -> None:
    """An agent takes accepted requests that fit this machine, measures them when the machine is free, and submits the records.

    What it may measure, and when, is in your policy. While the file agent.stop is there, it measures nothing.
    """


@agent.command()
@registry_option
@POLICY
@click.option("--once", is_flag=True, help="Measure one request at most, then end.")
def run(target: str | None, policy_file: Path | None, once: bool) -> int:
    """Measure requests until you stop it.

    With --once: exit status 0 when a record is in the queue or there is nothing to measure, 3 when the request failed here.
    """
    from harness.agent import lead
    from harness.agent.work import Result
    from harness.terminal.agent import opened

    with opened(target, policy_file) as made:
        found = lead.run(made, once=once)
    if found.why:
        click.echo(found.why, err=True)
    return 3 if found.result is Result.FAILED else 0


@agent.command()
@POLICY
@click.option("--write", is_flag=True, help="Write a policy to begin with.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def policy(policy_file: Path | None, write: bool, as_json: bool) -> None:
    """Check the policy, and print it.

    Also printed: by which names requests mean this machine, and whether it would measure now.
    """
    from harness.agent import policy as policies
    from harness.terminal.agent import print_policy

    path = policy_file or policies.place()
    if write:
        policies.write_example(path)
        click.echo(f"written: {path}", err=True)
    print_policy(policies.read(path), as_json=as_json)


@agent.command()
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(target: str | None, as_json: bool) -> None:
    """Print the requests under way, waiting and ended.

    Without --registry: of the one registry that this machine's agent works for.
    """
    from harness.terminal.agent import print_status, state_of

    print_status(state_of(target), as_json=as_json)


@agent.command()
@click.argument("identity", metavar="ID")
@registry_option
def approve(identity: str, target: str | None) -> None:
    """Approve a request that waits for you.

    ID is the beginning of the request's id. One that ended here before may be tried again.
    """
    from harness.terminal.agent import approved, state_of

    click.echo(f"{approved(state_of(target), identity)}\napproved")
