"""What a run did not do: depths that did not fit, a prefix cache that is not there, a GPU that was left alone. Pure."""

from __future__ import annotations

from harness.record import schema
from harness.run.evidence import Evidence, Prepared
from harness.run.prepare.options import keeps_prefix
from harness.verify import drafts


def departures(prepared: Prepared) -> tuple[schema.Finding, ...]:
    """Depths that did not fit, and turns of which the whole prompt was computed."""
    reasons: dict[str, list[str]] = {}
    for one in prepared.left_out:
        reasons.setdefault(one.why, []).append(one.workload)
    said = [("left_out", f"left out: {', '.join(names)}: {why}") for why, names in reasons.items()]
    turns = any(workload.is_turn for workload in prepared.suite.suite.workloads)
    if turns and not keeps_prefix(prepared.options):
        said.append(("no_prefix_cache", "no prefix cache is on: each turn's whole prompt was computed"))
    return tuple(
        schema.Finding(code=code, severity="note", workload="", metric="", text=text, evidence={})
        for code, text in said
    )


def split_of(evidence: Evidence) -> tuple[schema.Finding, ...]:
    """Prompts whose ids nobody held against those of the model's own tokenizer."""
    work = evidence.work
    if not work.unchecked_split or not any(workload.prompt for workload in work.plan.workloads):
        return ()
    text = "nobody checked how the prompts are split: no reference ids of the model's own tokenizer were at hand"
    return (schema.Finding(code="split_unchecked", severity="note", workload="", metric="", text=text, evidence={}),)


def drafts_of(evidence: Evidence) -> tuple[schema.Finding, ...]:
    """How much of its drafts each workload kept."""
    made = []
    for plan in evidence.work.plan.workloads:
        found = drafts.of(evidence.trials, plan.id)
        if found.passes:
            text = (
                f"{found.accepted} of {found.drafted} drafted tokens were kept, {found.tokens_a_pass:.2f} tokens a pass"
            )
            counts = {"passes": found.passes, "draft_tokens": found.drafted, "accepted_tokens": found.accepted}
            made.append(
                schema.Finding(code="drafted", severity="note", workload=plan.id, metric="", text=text, evidence=counts)
            )
    return tuple(made)


def unused_gpu(prepared: Prepared) -> tuple[schema.Finding, ...]:
    """A GPU that `auto` left alone: the number is not that machine's best, and says so."""
    if not prepared.engine.choice.leaves_gpu:
        return ()
    text = f"auto took the build for the CPU: {prepared.engine.choice.reason}"
    return (schema.Finding(code="gpu_unused", severity="note", workload="", metric="", text=text, evidence={}),)
