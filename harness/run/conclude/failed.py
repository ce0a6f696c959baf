"""The record of a run in which the engine failed: everything that is known of what was tried, and no number."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness import device_kinds
from harness.capture.load import read_load
from harness.capture.privacy import own_identifiers
from harness.errors import EngineFailed, ReproError
from harness.measure.plural import count
from harness.record import schema
from harness.record.samples import encode
from harness.record.samples import schema as columns
from harness.record.store import SAMPLES_FILE
from harness.run.attempt import Attempt, numbered
from harness.run.conclude import head, write
from harness.run.conclude.departures import unused_gpu
from harness.run.conclude.excerpt import excerpt
from harness.run.conclude.reason import Reason, reason_of, stage_of
from harness.run.execute.launcher import run_worker
from harness.run.execute.worker_failed import WorkerFailed
from harness.run.prepare import gate, second_models, unchanged
from harness.worker.frames import Frame
from harness.worker.plan import Plan

STOP_RULE = "engine-failed"


def recorded(attempt: Attempt, failed: WorkerFailed) -> ReproError:
    """The error that ends the run. Where the engine failed, its record is written first, and the error names it."""
    attempt = numbered(attempt)
    prepared, last = attempt.prepared, failed.failures[-1]
    server = not (prepared.adapter.capabilities.holds_model or prepared.adapter.capabilities.synthetic)
    reason = None if last.ended is None or server else reason_of(last.ended, prepared.adapter.failure_signs)
    if reason is None:
        return failed.error
    for model in prepared.models:
        unchanged.refuse_changed(model.path, model.files, model.identity.files)  # else it was another model that failed
    path = _write(attempt, failed, reason)
    error = failed.error
    kept = f"; {error.fix}" if error.fix else ""
    told = EngineFailed(error.what, where=error.where, fix=f"recorded in {path.parent}{kept}", code=reason.code)
    told.record = str(path)
    return told


def _write(attempt: Attempt, failed: WorkerFailed, reason: Reason) -> Path:
    prepared = attempt.prepared
    samples = encode({name: [] for name in columns().names})
    record = _record(attempt, failed, reason, sha256(samples).hexdigest())
    gate.refuse_identifiers(record.model_dump(mode="json"), prepared.suite)
    return write.written(
        prepared,
        attempt.rig_run,
        record,
        head.subjects(prepared, record),
        samples,
        tuple(failed.log.facts.get("device_ids") or ()),
    )


def _record(attempt: Attempt, failed: WorkerFailed, reason: Reason, samples_sha256: str) -> schema.Record:
    prepared, suite, plan = attempt.prepared, attempt.prepared.suite.suite, attempt.plan
    loaded = failed.log.facts
    told = loaded or _described(attempt)
    return schema.Record(
        schema_version=schema.SCHEMA_VERSION,
        harness=head.program(prepared, attempt.environment.software),
        run=_run(attempt, failed),
        model=prepared.identity.to_json(),
        runtime=_runtime(attempt, failed, told),
        environment=head.coarse(attempt.environment.to_json()),
        suite=head.suite_of(prepared),
        tokenization=head.tokenization(prepared, loaded.get("bos_id"), bool(loaded.get("add_bos"))),
        workloads=() if plan is None else head.workloads(plan, suite, prepared.request.challenge),
        processes=(),
        results=(),
        process_results=(),
        derived={},
        probe=None,
        checks=(),
        findings=unused_gpu(prepared),
        samples=schema.Samples(file=SAMPLES_FILE, sha256=samples_sha256, rows=0),
        operator=head.operator(prepared.signers, attempt.rig_run),
        outcome=_outcome(attempt, failed, reason, told),
    )


def _outcome(attempt: Attempt, failed: WorkerFailed, reason: Reason, told: Mapping[str, Any]) -> schema.Outcome:
    prepared, log = attempt.prepared, failed.log
    last = failed.failures[-1].ended
    evidence = {"attempts": len(failed.failures)}
    if last is not None:
        status = last.status
        known = {
            "waited_s": last.waited_s,
            "signal": -status if status is not None and status < 0 else None,
            "exit_status": status if status is not None and status > 0 else None,
            "oom_kills": last.oom_kills,
        }
        evidence |= {name: value for name, value in known.items() if value is not None}
    names = [str(name) for one in prepared.models for name in (one.path, one.path.name, one.path.parent)]
    return schema.Outcome.model_validate(
        {
            "status": "failed",
            "reason": reason.code,
            "stage": stage_of(log, "" if last is None else last.last),
            "error": excerpt(reason.said, (*names, *own_identifiers())),
            "loaded": bool(log.facts),
            "given": {
                name: head.public_value(value)
                for name, value in sorted({**prepared.options, **second_models.published(prepared.beside)}.items())
            },
            "devices": None if log.facts or not told else _devices(told),
            "evidence": evidence,
        }
    )


def _devices(told: Mapping[str, Any]) -> tuple[schema.Device, ...]:
    return tuple(schema.Device(**device) for device in told["devices"])


def _run(attempt: Attempt, failed: WorkerFailed) -> schema.Run:
    failures = len(failed.failures)
    begun = head.Begun(attempt.started_utc, attempt.seed, attempt.budget_s)
    ended = head.Ended(
        STOP_RULE, f"{failures} of {count(failures, 'process', 'processes')} failed", False, failed.failures
    )
    return head.run(attempt.prepared, begun, ended, head.loads(attempt.load_before, read_load()))


def _runtime(attempt: Attempt, failed: WorkerFailed, told: Mapping[str, Any]) -> schema.Runtime:
    """What was loaded where it was, else what the engine says of itself; what nobody told is empty or 0."""
    prepared, loaded, hello = attempt.prepared, failed.log.facts, failed.log.hello
    settings = dict(loaded.get("settings") or {})
    if loaded:
        settings |= second_models.settings(prepared.beside)
        settings["computed_on"] = device_kinds.text_of(device_kinds.of_facts(loaded))
    return schema.Runtime(
        name=prepared.adapter.name,
        engine=told.get("engine") or prepared.adapter.name,
        version=told.get("version", ""),
        package=told.get("package", ""),
        commit=told.get("commit", ""),
        build=told.get("build") or {},
        settings=settings,
        options={name: head.public_value(value) for name, value in prepared.given.items()},
        variables=head.engine_variables(prepared.engine.interpreter.secrets),
        devices=_devices(loaded) if loaded else (),
        python=hello.get("python", ""),
        packages=head.packages(prepared, hello.get("packages") or {}),
        environment=head.build_of(prepared),
        clock=loaded.get("clock", ""),
        vocab_size=loaded.get("vocab_size", 0),
        context_tokens=loaded.get("context_tokens", 0),
        model=loaded.get("model") or {},
    )


def _described(attempt: Attempt) -> dict[str, Any]:
    """What the engine says of itself, in a process without the model; empty where it can't be asked."""
    prepared = attempt.prepared
    if not prepared.adapter.capabilities.describes:
        return {}
    found: dict[str, Any] = {}

    def on_frame(frame: Frame) -> None:
        if frame.kind == "described":
            found.update(frame.header)

    plan = Plan(prepared.adapter.name, "", prepared.identity.format, {}, describe=True)
    try:
        run_worker(prepared.engine.interpreter, plan, prepared.request.deadlines, on_frame)
        gate.refuse_identifiers({"runtime": found}, prepared.suite)
    except ReproError:
        return {}
    return found
