"""From a suite, a model and settings to the plan of each worker process. Pure, but for the ids that it is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.catalog import suites
from harness.catalog.suites import Suite, Workload
from harness.measure.workload import WorkloadPlan
from harness.run.prepare.tokens import Texts
from harness.worker.plan import Plan, Prompt
from runtimes.interface import Scalar

VARIATIONS = 8  # distinct prompts made beforehand; process k takes number k modulo this
PROBE = "probe"
Ids = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Triple:
    """What every process of a run shares."""

    runtime: str
    model_path: Path
    model_format: str
    options: Mapping[str, Scalar]
    suite: Suite
    vocabulary: int
    seed: int
    forces: bool = True  # else workloads that decode given ids are left out
    batches: bool = False  # else workloads of several requests at once are left out
    deepens: bool = False  # else forced workloads behind a depth are left out
    keeps: bool = False  # a prefix cache keeps a conversation's turns; else each turn's whole prompt is computed
    challenge: str = ""  # a registry's single-use number
    reference: Mapping[str, Prompt] = field(default_factory=dict)  # what an engine that splits text is held against


def texts_of(suite: Suite, challenge: str = "") -> Texts:
    """Every text that must become ids, and to how many ids it is cut; with a challenge its own are drawn from it."""
    texts: dict[str, str] = {PROBE: suite.probe}
    lengths: dict[str, int | None] = {PROBE: None}
    for workload in suite.workloads:
        variations = VARIATIONS if workload.id == suite.cache_check else 0
        for variation in range(variations + 1):
            text = suites.prompt_text(suite, workload, variation, challenge)
            if text is not None:
                key = _key(workload.id, variation)
                texts[key], lengths[key] = text, suites.text_tokens(workload)
    return Texts(texts, lengths)


def required_context(suite: Suite, ids: Ids, *, makes_one: bool = False) -> int:
    """Slots that the longest trial, or the probe, fills. `makes_one`: the engine makes a token of a prefill alone, too."""
    longest = max(
        len(ids.get(_key(w.id, 0), ())) + _made(w, makes_one) + (0 if w.is_turn else w.depth or 0)
        for w in suite.workloads
    )
    return max(longest, len(ids[PROBE]))


def least_context(suite: Suite, *, makes_one: bool = False) -> int:
    """As `required_context`, before anything is tokenised: a text is at least one token."""
    return max(least_tokens(w) + _made(w, makes_one) - w.output_tokens for w in suite.workloads)


def _made(workload: Workload, makes_one: bool) -> int:
    return max(workload.output_tokens, int(makes_one))


def least_tokens(workload: Workload) -> int:
    """Slots that a workload fills at least: what is in the cache before it, prompt and output."""
    return (workload.depth or 0) + (workload.prompt_tokens or bool(workload.text)) + workload.output_tokens


def most_at_once(suite: Suite) -> int:
    """Requests that the widest workload makes at once."""
    return max(workload.concurrency or 1 for workload in suite.workloads)


def plan_for(triple: Triple, ids: Ids, process: int, probe: bool = False) -> Plan:
    """The plan of one process; one process of a run scores the probe, too."""
    suite = triple.suite
    workloads = []
    for workload in suite.workloads:
        if workload.mode == "forced" and workload.output_tokens and not triple.forces:
            continue
        if (workload.concurrency or 1) > 1 and not triple.batches:
            continue
        if workload.mode == "forced" and workload.depth and not triple.deepens:
            continue
        history, prompt = _parts(triple, workload, ids)
        distinct = ids.get(_key(workload.id, 1 + process % VARIATIONS), ()) if workload.id == suite.cache_check else ()
        workloads.append(
            WorkloadPlan(
                id=workload.id,
                mode=workload.mode,
                prompt=prompt,
                output_tokens=workload.output_tokens,
                forced=suites.forced_ids(suite, workload, triple.vocabulary, triple.challenge),
                distinct=distinct,
                concurrency=workload.concurrency if triple.batches else None,
                history=history,
            )
        )
    return Plan(
        runtime=triple.runtime,
        model_path=str(triple.model_path),
        model_format=triple.model_format,
        options=dict(triple.options),
        process=process,
        seed=triple.seed + process,
        warmup_trials=suite.warmup_trials,
        timed_trials=suite.timed_trials,
        workloads=tuple(workloads),
        probe=ids[PROBE] if probe else (),
        reference=_reference(triple, ids, workloads, probe),
    )


def _parts(triple: Triple, workload: Workload, ids: Ids) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """What is in the cache when the clock starts, and the prompt behind it."""
    prompt = ids.get(_key(workload.id, 0), ())
    if workload.mode == "forced":
        return suites.depth_ids(triple.suite, workload, triple.vocabulary, triple.challenge), prompt
    kept = (workload.depth or 0) if triple.keeps else 0
    return prompt[:kept], prompt[kept:]


def _reference(triple: Triple, ids: Ids, workloads: list[WorkloadPlan], probe: bool) -> tuple[Prompt, ...]:
    """Of the prompts that this process is given."""
    given = {one for workload in workloads for one in (workload.history + workload.prompt, workload.distinct)}
    given |= {ids[PROBE]} if probe else set()
    return tuple(prompt for prompt in triple.reference.values() if prompt.ids in given)


def _key(workload: str, variation: int) -> str:
    return f"{workload}#{variation}"
