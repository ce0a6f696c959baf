"""Everything that a run learned, as one record with its samples. The only place that knows run, capture and catalogue."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

from harness import device_kinds
from harness.capture.load import Between, between
from harness.record import private, schema
from harness.record.samples import encode
from harness.record.statement import payload_of
from harness.record.store import SAMPLES_FILE, folder_name
from harness.run.conclude import gpus_used, head
from harness.run.conclude.departures import departures, drafts_of, split_of, unused_gpu
from harness.run.conclude.energy import energy_per_token, peak_device_memory, telemetry, telemetry_of_each
from harness.run.conclude.findings import Instrument, findings_of
from harness.run.conclude.truth import bandwidth_ceiling, bytes_per_token, tokens_a_pass, truth_checks
from harness.run.evidence import Evidence
from harness.run.execute.collect import ProcessLog
from harness.run.prepare import second_models
from harness.run.prepare.gate import refuse_identifiers
from harness.verify.check_rules import CheckResult
from harness.verify.summary import process_result, results
from harness.verify.token_ids import digest_of
from harness.verify.trials import columns_of

COMPLETED = schema.Outcome(
    status="completed", reason=None, stage=None, error="", loaded=True, given={}, devices=None, evidence={}
)


def assemble(evidence: Evidence, note: bytes | None = None) -> tuple[bytes, bytes, str]:
    """The payload, the samples, and a name for the folder; of the device note its digest is bound.

    Raises `RecordInvalid` if it would name this host or its user.
    """
    trials, prepared = evidence.trials, evidence.prepared
    samples = encode(columns_of(trials))
    names = [workload.id for workload in evidence.work.plan.workloads]
    measured = results(names, trials, evidence.facts["clock"])
    checks = truth_checks(evidence, samples, measured)
    record = _record(evidence, measured, checks, sha256(samples).hexdigest())
    refuse_identifiers(record.model_dump(mode="json"), prepared.suite)
    subjects = head.subjects(prepared, record)
    if note is not None:
        subjects.append((private.FILE, private.digest(note)))
    payload = payload_of(record, subjects)
    name = folder_name(
        evidence.work.started_utc,
        prepared.identity.name,
        prepared.adapter.name,
        prepared.suite.label,
        sha256(payload).hexdigest(),
    )
    return payload, samples, name


def _record(
    evidence: Evidence, measured: tuple[schema.WorkloadResult, ...], checks: list[CheckResult], samples_sha256: str
) -> schema.Record:
    prepared, outcome, facts = evidence.prepared, evidence.outcome, evidence.facts
    suite = prepared.suite.suite
    complete = [log for log in outcome.logs if log.complete]
    trials = evidence.trials
    return schema.Record(
        schema_version=schema.SCHEMA_VERSION,
        harness=head.program(prepared, evidence.machine.environment.software),
        run=_run(evidence),
        model=prepared.identity.to_json(),
        runtime=_runtime(evidence),
        environment=_environment(evidence),
        suite=head.suite_of(prepared),
        tokenization=head.tokenization(prepared, facts["bos_id"], facts["add_bos"]),
        workloads=head.workloads(evidence.work.plan, suite, evidence.prepared.request.challenge),
        processes=tuple(
            schema.Process(
                index=log.index,
                load_ns=log.load_ns,
                peak_rss_bytes=log.peak_rss_bytes,
                drift_ppm=log.drift_ppm,
                **{name: log.clock[name] for name in ("stamp_cost_ps", "resolution_ns", "gap_p999_ns")},
            )
            for log in complete
        ),
        results=measured,
        process_results=_process_results(evidence, complete),
        derived=_derived(evidence, measured),
        probe=_probe(evidence),
        checks=tuple(schema.Check(**{**asdict(check), "code": str(check.code)}) for check in checks),
        findings=findings_of(
            evidence.outcome,
            [workload.id for workload in evidence.work.plan.workloads],
            suite.headline,
            measured,
            Instrument.of(complete, trials),
            _beside(evidence),
            checks,
            facts,
            prepared.identity.remarks,
        )
        + unused_gpu(prepared)
        + departures(prepared)
        + split_of(evidence)
        + drafts_of(evidence)
        + _busy_gpus(evidence),
        samples=schema.Samples(file=SAMPLES_FILE, sha256=samples_sha256, rows=len(trials)),
        operator=head.operator(prepared.signers, evidence.work.rig_run),
        outcome=COMPLETED,
    )


def _beside(evidence: Evidence) -> Between:
    """What ran beside the run. A server's own work can't be told from other programs': then their share is not known."""
    found = between(evidence.machine.load_before, evidence.machine.load_after)
    return replace(found, others_ppm=0) if evidence.at_server else found


def _environment(evidence: Evidence) -> dict[str, Any]:
    found = head.coarse(evidence.machine.environment.to_json())
    if not evidence.elsewhere:
        return gpus_used.marked(found, evidence.machine.environment.gpu, evidence.device_ids, evidence.on_cpu)
    return {name: {"value": None, "reason": "the server's machine is not known"} for name in found}


def _run(evidence: Evidence) -> schema.Run:
    work, outcome, machine = evidence.work, evidence.outcome, evidence.machine
    begun = head.Begun(work.started_utc, work.seed, work.budget_s)
    ended = head.Ended(outcome.decision.rule, outcome.decision.detail, outcome.decision.precise, outcome.failures)
    beside = ({}, {}) if evidence.elsewhere else head.loads(machine.load_before, machine.load_after)
    return head.run(evidence.prepared, begun, ended, beside)


def _runtime(evidence: Evidence) -> schema.Runtime:
    facts, prepared = evidence.facts, evidence.prepared
    hello = next(log.hello for log in evidence.outcome.logs if log.complete)
    return schema.Runtime(
        name=prepared.adapter.name,
        engine=facts["engine"],
        version=facts["version"],
        package=facts["package"],
        commit=facts["commit"],
        build=facts["build"],
        settings={
            **facts["settings"],
            **second_models.settings(prepared.beside),
            "computed_on": device_kinds.text_of(evidence.computed_on),
        },
        options={name: head.public_value(value) for name, value in prepared.given.items()},
        variables=head.engine_variables(prepared.engine.interpreter.secrets),
        devices=tuple(schema.Device(**device) for device in facts["devices"]),
        python=hello["python"],
        packages=head.packages(prepared, hello["packages"]),
        environment=head.build_of(prepared),
        clock=facts["clock"],
        vocab_size=facts["vocab_size"],
        context_tokens=facts["context_tokens"],
        model=facts["model"],
    )


def _busy_gpus(evidence: Evidence) -> tuple[schema.Finding, ...]:
    """What GPUs that were not used were doing."""
    found = [] if evidence.at_server else gpus_used.busy_others(evidence.machine.environment.gpu, evidence.device_ids)
    return tuple(schema.Finding(**{**asdict(one), "severity": one.severity.value}) for one in found)


def _derived(evidence: Evidence, measured: tuple[schema.WorkloadResult, ...]) -> dict[str, Any]:
    """What follows from the numbers and the machine; bandwidth use is of the headline workload."""
    headline = evidence.prepared.suite.suite.headline
    per_token = bytes_per_token(evidence, headline)
    if evidence.elsewhere:
        reason = {"value": None, "reason": "the server's machine is not known"}
        return {"bytes_per_token": per_token, "energy_per_token": reason, "peak_device_memory": reason}
    rates = {
        r.workload: m.estimate.point for r in measured for m in r.metrics if m.metric == "decode_rate" and m.estimate
    }
    ceiling, use, bandwidth = bandwidth_ceiling(evidence), None, evidence.machine.bandwidth
    if headline in rates and per_token and ceiling.value is not None:
        use = int(rates[headline] * per_token / tokens_a_pass(evidence, headline) // ceiling.value)
    return {
        "measured_bandwidth": {"value": None, "reason": ceiling.source} if bandwidth is None else asdict(bandwidth),
        "bytes_per_token": per_token,
        "bandwidth_use_ppm": use,
        "bandwidth_source": ceiling.source,
        "peak_arithmetic": asdict(evidence.machine.peak),
        "energy_per_token": energy_per_token(headline, evidence.trials),
        "peak_device_memory": peak_device_memory(evidence.on_cpu or evidence.at_server, evidence.trials),
        "telemetry": telemetry(evidence.trials),
        **telemetry_of_each(evidence.trials, evidence.facts["devices"]),
    }


def _process_results(evidence: Evidence, complete: Sequence[ProcessLog]) -> tuple[schema.MetricResult, ...]:
    """Load time and memory of the engine's process; a server's are not those of its client."""
    if evidence.at_server:
        return ()
    return (
        process_result("load_time", "ns", [log.load_ns for log in complete], "host"),
        process_result("peak_rss", "bytes", [log.peak_rss_bytes for log in complete], "the kernel's account"),
    )


def _probe(evidence: Evidence) -> schema.Probe | None:
    scored = next((log.probe for log in evidence.outcome.logs if log.probe is not None), None)
    if scored is None:
        return None
    ids = evidence.work.ids["probe"]
    return schema.Probe(ids_sha256=digest_of(ids), tokens=len(ids), mean_nll_micronats=scored["mean_nll_micronats"])
