"""`repro audit REGISTRY`."""

from __future__ import annotations

import click


@click.command()
@click.argument("target", metavar="PLACE")
@click.option("--witness", "keys", multiple=True, metavar="KEY", help="Witness that must have signed; repeatable.")
@click.option("--threshold", type=click.IntRange(1), metavar="N", help="How many of them must have; default: all.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(target: str, keys: tuple[str, ...], threshold: int | None, as_json: bool) -> None:
    """PLACE is a folder, a postgresql:// URL or exported files. Every fault is listed; exit status 2 when there is one.

    KEY is the verifier key that a witness prints. Entries older than an hour must be below a checkpoint that enough of
    the named witnesses have signed.
    """
    from dataclasses import asdict

    from harness.registry.exchange.audits import audited, refuse_faults
    from harness.registry.exchange.witnessed import quorum
    from harness.terminal.audit import print_audit
    from harness.terminal.console import out, print_json
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import open_public

    asked = quorum(keys, threshold)
    # Exported files are replayed by the very rules: the first thing that does not hold stops that, with its place.
    registry = open_public(target)
    with shown() as progress:
        found = audited(registry, progress, asked)
    if as_json:
        print_json(asdict(found))
    else:
        print_audit(found)
    refuse_faults(found, target)
    if not as_json:
        out().print("everything holds")
