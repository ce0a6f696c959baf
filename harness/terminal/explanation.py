"""A row explained: for a person, and as the document that `--json` prints."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.registry.facts.stored import dump
from harness.registry.queries import failures
from harness.terminal.console import escape, out
from harness.terminal.evidence import print_evidence
from harness.terminal.scores import print_score
from harness.units import count

if TYPE_CHECKING:
    from harness.registry.queries.explanations import Explanation


def print_explanation(found: Explanation) -> None:
    """Score and rules, then cautions and evidence where there are any."""
    console = out()
    under = f"{found.loaded.label} {found.loaded.sha256[:12]}, {found.as_of.isoformat()}"
    print_score(console, found.row.hub, found.row.others, found.score, under)
    if found.frozen is not None:
        since = f"since {found.frozen.day}, entry {found.frozen.since}"
        console.print(
            f"[bold]Under review[/] {since}: operators reported the row; its tier is held until an editor decides"
        )
    if found.cautions:
        console.print("[bold]Cautions[/] (they do not change the tier)")
        for one in found.cautions:
            console.print(f"  {escape(one.text)}")
    if found.failures:
        told = count(found.failure_heads, "operator")
        console.print(f"[bold]Does not run here[/] (what {told} told; counts for no tier)")
        for failed in found.failures:
            console.print(f"  {escape(failures.line(failed))}", soft_wrap=True)
    if found.evidence:
        console.print("[bold]From elsewhere[/] (imported: shown, never counted)")
        for identity, imported in found.evidence:
            print_evidence(console, imported, identity)


def document(found: Explanation) -> dict[str, Any]:
    """As `harness.terminal.outputs.Explained` describes it."""
    policy = {"policy": found.loaded.label, "policy_sha256": found.loaded.sha256, "as_of": found.as_of.isoformat()}
    beside = {
        "evidence": [{"id": identity, **dump(imported)} for identity, imported in found.evidence],
        "cautions": [asdict(one) for one in found.cautions],
        "does_not_run": [failures.plain(one) for one in found.failures],
        "left_out": [asdict(one) for one in found.left_out],
    }
    review = {"under_review": found.frozen is not None}
    return {"row": found.id, **policy, **asdict(found.score), **review, **beside}
