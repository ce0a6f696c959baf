"""`repro registry key`: the key that signs a registry's checkpoints, and how another takes over."""

from __future__ import annotations

from pathlib import Path

import click

from harness.paths import keys_folder
from harness.terminal.proposal_option import proposal_option
from harness.terminal.registry_option import registry_option


@click.group()
def key() -> None:
    """Show, announce and rotate the key that signs the checkpoints."""


@key.command()
@registry_option
def show(target: str | None) -> None:
    """Print the verifier key, and the digest of an announced one."""
    from harness.registry.queries.key_changes import present
    from harness.terminal.console import out
    from harness.terminal.registry_option import open_for_reading

    with open_for_reading(target).reading() as reader:
        found = present(reader)
    out().print(found.vkey, markup=False, soft_wrap=True)
    if found.next_key_sha256 is not None:
        out().print(
            f"next, announced by entry {found.announced}: {found.next_key_sha256}", markup=False, soft_wrap=True
        )


@key.command()
@click.option("--reason", required=True, help="Why; public in the log.")
@proposal_option
@registry_option
def announce(reason: str, file: Path | None, target: str | None) -> None:
    """Make the next key, and have the log announce its digest.

    As many editors sign as the list demands. The next key's file is made here: keep it away from the service until it takes over.
    """
    from harness.record.envelope import key_id
    from harness.record.registry_keys import following, next_path, took_over
    from harness.registry.queries.key_changes import present
    from harness.terminal.console import err, out
    from harness.terminal.log_key import announced
    from harness.terminal.registry_option import as_editor, open_for_writing

    opened, actor = open_for_writing(target), as_editor()
    with opened.reading() as reader:
        now = present(reader)
    origin = now.origin
    took_over(keys_folder(), origin, now.key)  # on the server, say
    digest = key_id(following(keys_folder(), origin, make=True).public_key())
    out().print(announced(opened, actor, digest, reason, file), markup=False, soft_wrap=True)
    err().print(f"the next key: {next_path(keys_folder(), origin)}", markup=False, soft_wrap=True)


@key.command()
@registry_option
def rotate(target: str | None) -> None:
    """Let the announced key take over, where both are kept.

    Who knows the old key follows by the announcement, which the old key signed. The old file stays beside.
    """
    from harness.terminal.console import out
    from harness.terminal.log_key import rotated

    out().print(rotated(target), markup=False, soft_wrap=True)
