"""The measuring of a run: worker after worker by the plan, and the machine before and after."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.capture import snapshot
from harness.capture.load import read_load
from harness.progress import Progress
from harness.record.schema import SCHEMA_VERSION
from harness.run.attempt import Unmeasured, begun, numbered
from harness.run.evidence import Evidence, Machine, Prepared, Work
from harness.run.execute.journal import Journal
from harness.run.execute.loop import Measuring, Outcome, Stepping
from harness.run.execute.one_process import Guards
from harness.run.execute.plan import Triple, plan_for, required_context
from harness.run.execute.worker_failed import WorkerFailed
from harness.run.prepare import baseline, options, second_models, unchanged
from harness.run.prepare.admission import admit
from harness.run.prepare.asked import filled_in
from harness.run.prepare.engine_account import Told
from harness.run.prepare.tokens import Prompts
from harness.worker.plan import Plan


class Measurement:
    """A run that measures, process by process; its journal keeps it until the record is written.

    Raises `BadInput` where the baseline did other work, or what an earlier start left can't be used.
    """

    def __init__(self, prepared: Prepared, prompts: Prompts, progress: Progress) -> None:
        request, suite, engine, ids = prepared.request, prepared.suite.suite, prepared.engine, prompts.ids
        required = required_context(suite, ids, makes_one=prepared.adapter.capabilities.makes_one)
        settings = filled_in(prepared.given, prepared.adapter, engine.choice, prepared.cores, suite, required)
        self._prepared = prepared = replace(prepared, options=settings | second_models.paths(prepared.beside))
        self._attempt = attempt = begun(prepared)
        triple = _triple(prepared, prompts, attempt.seed)
        if request.against is not None:
            baseline.refuse_other_work(
                request.against, plan_for(triple, ids, 0), challenged=request.challenge is not None
            )
        self.journal = _journal(prepared, attempt.seed)
        plan = plan_for(triple, ids, 0)
        self._attempt = replace(attempt, started_utc=self.journal.started_utc, plan=plan)
        self._ids, self._unchecked_split = ids, prompts.unchecked
        progress.stage(f"measuring {prepared.suite.label}")
        self._progress = progress
        self._outcome: Outcome | None = None
        self.processes = Stepping(
            Measuring(
                interpreter=engine.interpreter,
                deadlines=request.deadlines,
                cores=prepared.cores,
                plan_for=lambda process, probe: plan_for(triple, ids, process, probe),
                headline=suite.headline,
                rule=baseline.rule(request, prepared.suite),
                budget_s=attempt.budget_s,
                journal=self.journal,
                progress=progress,
                guards=_guards(prepared),
            )
        )

    @property
    def plan(self) -> Plan:
        """Of the first process."""
        assert self._attempt.plan is not None  # noqa: S101 - made with the rest
        return self._attempt.plan

    def step(self) -> bool:
        """One process more; false where there was none to do, and the run is at its end.

        Raises `RunFailed` or `Interrupted`, with what is kept and how to go on; `Unmeasured` where no process came to its end.
        """
        try:
            self._outcome = self.processes.step()
        except WorkerFailed as failed:
            raise Unmeasured(self._attempt, failed) from None
        return self._outcome is None

    def stop(self, why: str) -> None:
        """End it now: the budget that it shares with others is used up. At least one process is complete."""
        self._outcome = self.processes.stop(why)

    def evidence(self) -> Evidence:
        """Of a run at its end, with the machine after it. Raises `RunFailed` where the model's files are not what they were."""
        assert self._outcome is not None  # noqa: S101 - asked for at the end alone
        prepared, environment = self._prepared, self._attempt.environment
        _refuse_changed(prepared)
        after = read_load()
        bounding = snapshot.cores_for(prepared.options.get("threads"), environment)
        attempt = numbered(self._attempt)
        work = Work(
            self._ids,
            self.plan,
            attempt.seed,
            attempt.budget_s,
            attempt.started_utc,
            attempt.rig_run,
            self._unchecked_split,
        )
        machine = Machine(environment, attempt.load_before, after, None, snapshot.peak(environment, bounding))
        found = Evidence(prepared, work, self._outcome, machine)
        if not found.in_memory:
            return found
        self._progress.stage("measuring the memory's bandwidth")
        return replace(found, machine=replace(machine, bandwidth=snapshot.bandwidth(bounding, environment)))


def _guards(prepared: Prepared) -> Guards:
    told = Told(prepared.identity)

    def loaded(facts: Mapping[str, Any]) -> None:
        told.hear(facts)
        _refuse_changed(prepared)

    return Guards(admit=lambda frame: admit(frame, prepared), loaded=loaded)


def _refuse_changed(prepared: Prepared) -> None:
    for model in prepared.models:
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
        prepared.adapter.capabilities.deepens,
        options.keeps_prefix(prepared.options),
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
        **{f"model of {name}": one.identity.sha256 for name, one in prepared.beside.items()},
    }
    if request.resume:
        return Journal.resume(request.results, identity, or_new=request.or_new)
    return Journal.create(request.results, identity)
