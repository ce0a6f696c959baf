"""The measuring of a run: worker after worker by the plan, and the machine before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.capture import snapshot
from harness.capture.load import read_load
from harness.progress import Progress
from harness.record.schema import SCHEMA_VERSION
from harness.run.attempt import Unmeasured, begun
from harness.run.evidence import Evidence, Machine, Prepared, Work
from harness.run.execute.journal import Journal
from harness.run.execute.loop import Measuring
from harness.run.execute.one_process import Guards
from harness.run.execute.plan import Triple, plan_for, required_context
from harness.run.execute.worker_failed import WorkerFailed
from harness.run.prepare import baseline, unchanged
from harness.run.prepare.admission import admit
from harness.run.prepare.engine_account import Told
from harness.run.prepare.inputs import filled_in
from harness.run.prepare.tokens import Prompts


def measure(prepared: Prepared, prompts: Prompts, progress: Progress) -> tuple[Evidence, Journal]:
    """Run the suite until the stopping rule is content; the journal keeps it until the record is written.

    Raises `RunFailed` or `Interrupted`, with what is kept and how to go on; `Unmeasured` where no process came to its end.
    """
    request, suite, engine, ids = prepared.request, prepared.suite.suite, prepared.engine, prompts.ids
    settings = filled_in(prepared.given, prepared.adapter, engine.choice, prepared.cores, required_context(suite, ids))
    prepared = replace(prepared, options=settings)
    attempt = begun(prepared)
    triple = _triple(prepared, prompts, attempt.seed)
    if request.against is not None:
        baseline.refuse_other_work(request.against, plan_for(triple, ids, 0))
    journal = _journal(prepared, attempt.seed)
    attempt = replace(attempt, started_utc=journal.started_utc, plan=plan_for(triple, ids, 0))
    progress.stage(f"measuring {prepared.suite.label}")
    measuring = Measuring(
        interpreter=engine.interpreter,
        deadlines=request.deadlines,
        cores=prepared.cores,
        plan_for=lambda process, probe: plan_for(triple, ids, process, probe),
        headline=suite.headline,
        rule=baseline.rule(request, prepared.suite),
        budget_s=attempt.budget_s,
        journal=journal,
        progress=progress,
        guards=_guards(prepared),
    )
    try:
        outcome = measuring.run()
    except WorkerFailed as failed:
        raise Unmeasured(attempt, failed) from None
    _refuse_changed(prepared)
    after, environment = read_load(), attempt.environment
    progress.stage("measuring the memory's bandwidth")
    bounding = snapshot.cores_for(settings.get("threads"), environment)
    work = Work(ids, plan_for(triple, ids, 0), attempt.seed, attempt.budget_s, journal.started_utc, attempt.rig_run)
    bandwidth, peak = snapshot.bandwidth(bounding, environment), snapshot.peak(environment, bounding)
    machine = Machine(environment, attempt.load_before, after, bandwidth, peak)
    return Evidence(prepared, work, outcome, machine), journal


def _guards(prepared: Prepared) -> Guards:
    told = Told(prepared.identity)

    def loaded(facts: Mapping[str, Any]) -> None:
        told.hear(facts)
        _refuse_changed(prepared)

    return Guards(admit=lambda frame: admit(frame, prepared), loaded=loaded)


def _refuse_changed(prepared: Prepared) -> None:
    model = prepared.model
    unchanged.refuse_changed(model.path, model.files, model.identity.files)


def _triple(prepared: Prepared, prompts: Prompts, seed: int) -> Triple:
    return Triple(
        prepared.adapter.name,
        prepared.model.path,
        prepared.identity.format,
        prepared.options,
        prepared.suite.suite,
        prompts.vocabulary,
        seed,
        prepared.adapter.capabilities.forces,
        prepared.adapter.capabilities.batches,
        prepared.request.challenge or "",
        prompts.reference,
    )


def _journal(prepared: Prepared, seed: int) -> Journal:
    request, engine = prepared.request, prepared.engine
    identity = {
        "model": prepared.identity.sha256,
        "runtime": request.runtime,
        "suite": prepared.suite.sha256,
        "options": dict(prepared.options),
        "environment": engine.installed.key if engine.installed else str(request.python),
        "bundle": engine.bundle_sha256,
        "seed": seed,
        "schema": SCHEMA_VERSION,
    }
    if request.resume:
        return Journal.resume(request.results, identity, or_new=request.or_new)
    return Journal.create(request.results, identity)
