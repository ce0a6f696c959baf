"""Everything that a run learned, as one record with its samples. The only place that knows run, capture and catalogue."""

from __future__ import annotations

import os
import re
import shlex
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from hashlib import sha256
from typing import Any

import harness
from harness import device_kinds
from harness.capture.facts import to_plain
from harness.capture.load import Between, Load, between
from harness.catalog.suites import Suite
from harness.device_ids import names_a_device
from harness.record import private, schema
from harness.record.keys import Signers
from harness.record.rig_runs import RigRun
from harness.record.samples import encode
from harness.record.statement import payload_of
from harness.record.store import SAMPLES_FILE, folder_name
from harness.run.conclude import gpus_used
from harness.run.conclude.departures import departures, drafts_of, unused_gpu
from harness.run.conclude.energy import energy_per_token, peak_device_memory, telemetry, telemetry_of_each
from harness.run.conclude.findings import Instrument, findings_of
from harness.run.conclude.truth import bandwidth_ceiling, bytes_per_token, tokens_a_pass, truth_checks
from harness.run.evidence import Evidence, Prepared
from harness.run.execute.collect import ProcessLog
from harness.run.execute.launcher import ENGINE_VARIABLES
from harness.run.prepare.gate import refuse_identifiers
from harness.verify.check_rules import CheckResult
from harness.verify.summary import process_result, results
from harness.verify.token_ids import digest_of
from harness.verify.trials import columns_of
from harness.worker.plan import Plan
from runtimes.interface import Scalar

# A number, a list of them, or one word: a device may be named by its serial number, a library by its path.
_NAMES_A_KEY = re.compile(r"KEY|TOKEN|SECRET|PASS|CREDENTIAL", re.IGNORECASE)
_ADDRESS = re.compile(r"https?://(?:[^/@]*@)?(?P<host>\[[^\]]*\]|[^/:?#]*).*", re.IGNORECASE)
_STEP = 256 << 20  # bytes
COMPLETED = schema.Outcome(
    status="completed", reason=None, stage=None, error="", loaded=True, given={}, devices=None, evidence={}
)
_PLAIN_VALUE = re.compile(r"\d+(,\d+)*|[A-Za-z]{1,16}")


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
    subjects = [
        (SAMPLES_FILE, record.samples.sha256),
        (prepared.identity.file, prepared.identity.sha256),
        (f"{prepared.suite.label}.toml", prepared.suite.sha256),
    ]
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
    software, suite = evidence.machine.environment.software, prepared.suite.suite
    complete = [log for log in outcome.logs if log.complete]
    trials = evidence.trials
    return schema.Record(
        schema_version=schema.SCHEMA_VERSION,
        harness=schema.Harness(
            version=harness.__version__,
            commit=software.commit.value,
            dirty=software.dirty.value,
            worker_sha256=prepared.engine.bundle_sha256,
        ),
        run=_run(evidence),
        model=prepared.identity.to_json(),
        runtime=_runtime(evidence),
        environment=_environment(evidence),
        suite=suite_of(prepared),
        tokenization=schema.Tokenization(
            bos_id=facts["bos_id"],
            add_bos=facts["add_bos"],
            template="none",
            tokenizer_sha256=prepared.identity.tokenizer_sha256,
        ),
        workloads=workloads(evidence.work.plan, suite),
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
        + drafts_of(evidence)
        + _busy_gpus(evidence),
        samples=schema.Samples(file=SAMPLES_FILE, sha256=samples_sha256, rows=len(trials)),
        operator=operator(prepared.signers, evidence.work.rig_run),
        outcome=COMPLETED,
    )


def suite_of(prepared: Prepared) -> schema.Suite:
    """The suite, named by the digest of its file."""
    suite = prepared.suite.suite
    return schema.Suite(
        name=suite.name,
        version=suite.version,
        sha256=prepared.suite.sha256,
        headline=suite.headline,
        warmup_trials=suite.warmup_trials,
        timed_trials=suite.timed_trials,
    )


def _beside(evidence: Evidence) -> Between:
    """What ran beside the run. A server's own work can't be told from other programs': then their share is not known."""
    found = between(evidence.machine.load_before, evidence.machine.load_after)
    return replace(found, others_ppm=0) if evidence.at_server else found


def operator(signers: Signers | None, run: RigRun | None) -> schema.Operator | None:
    """Who answers for it, and its place among the machine's runs."""
    if signers is None or run is None:
        return None
    public = signers.public
    return schema.Operator(
        handle=public.handle,
        operator_key=public.operator_key,
        rig_key=public.rig_key,
        run_number=run.number,
        previous=run.previous,
    )


def _environment(evidence: Evidence) -> dict[str, Any]:
    found = coarse(evidence.machine.environment.to_json())
    if not evidence.elsewhere:
        return gpus_used.marked(found, evidence.machine.environment.gpu, evidence.device_ids, evidence.on_cpu)
    return {name: {"value": None, "reason": "the server's machine is not known"} for name in found}


def _run(evidence: Evidence) -> schema.Run:
    prepared, outcome = evidence.prepared, evidence.outcome
    return schema.Run(
        started_utc=evidence.work.started_utc,
        finished_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        seed=evidence.work.seed,
        synthetic=prepared.adapter.capabilities.synthetic,
        resumed=prepared.request.resume,
        budget_s=evidence.work.budget_s,
        stop_rule=outcome.decision.rule.value,
        stop_detail=outcome.decision.detail,
        precise=outcome.decision.precise,
        failed_processes=tuple(schema.FailedProcess(index=f.index, reason=f.error.code) for f in outcome.failures),
        command=command(prepared, evidence.work.budget_s, evidence.work.seed),
        load_before={} if evidence.elsewhere else loads(evidence.machine.load_before, evidence.machine.load_after)[0],
        load_after={} if evidence.elsewhere else loads(evidence.machine.load_before, evidence.machine.load_after)[1],
        challenge=prepared.request.challenge,
    )


def loads(before: Load, after: Load) -> tuple[dict[str, Any], dict[str, Any]]:
    """Both readings as a record holds them: of what counts since boot, only what the run added, in the second.

    The totals themselves would tell that two records, under whatever names, are of one machine and one boot.
    """
    first, second = _plain(before), _plain(after)
    for name in sorted(first.keys() - {"load1_milli"}):
        old, new = first.pop(name), second[name]
        if isinstance(old.get("value"), int) and isinstance(new.get("value"), int):
            second[name] = {"value": max(new["value"] - old["value"], 0)}
    return first, second


def coarse(environment: dict[str, Any]) -> dict[str, Any]:
    """Sizes of memory in steps of 256 MiB: to the byte, what is free names the moment, and swap and limits name the machine."""
    memory = dict(environment.get("memory", {}))
    for name in ("available_bytes", "limit_bytes", "swap_total_bytes", "swap_used_bytes"):
        told = memory.get(name, {})
        if isinstance(told.get("value"), int):
            # Of swap a little is not none.
            up = _STEP - 1 if name.startswith("swap") else 0
            memory[name] = {"value": (told["value"] + up) // _STEP * _STEP}
    return {**environment, "memory": memory}


def _plain(value: Any) -> dict[str, Any]:
    plain = to_plain(value)
    assert isinstance(plain, dict)  # noqa: S101 - a dataclass becomes an object
    return plain


def command(prepared: Prepared, budget_s: int | None, seed: int) -> str:
    """What repeats the run."""
    request = prepared.request
    parts = [
        "repro bench",
        f"--model {shlex.quote(prepared.identity.reference)}",
        f"--runtime {shlex.quote(request.runtime)}",
    ]
    parts.append(f"--suite {prepared.suite.label}")
    parts += [
        f"-o {shlex.quote(f'{name}={_option(public_value(value))}')}" for name, value in sorted(prepared.given.items())
    ]
    if request.processes is not None:
        parts.append(f"--processes {request.processes}")
    if prepared.engine.installed is not None and request.backend != "auto":
        parts.append(f"--backend {prepared.engine.installed.backend}")
    if request.python is not None:
        parts.append("--python PATH")
    if budget_s is not None:
        parts.append(f"--budget {budget_s}")
    return " ".join([*parts, f"--seed {seed}"])


def _shown(name: str, value: str) -> str:
    """An engine's variable as it may be published: plain values, and none of a key."""
    plain = _PLAIN_VALUE.fullmatch(value) and not _NAMES_A_KEY.search(name)
    return value if plain else "set, not recorded"


def public_value(value: Scalar) -> Scalar:
    """An option's value; of another machine's address no host, of a file no name, of a card neither its id nor its place."""
    if not isinstance(value, str):
        return value
    if value.startswith("/") or names_a_device(value):
        return "a file of this machine" if value.startswith("/") else "named by id"
    if (found := _ADDRESS.fullmatch(value)) is None:
        return value
    own = found["host"] in ("localhost", "[::1]") or re.fullmatch(r"127(\.\d{1,3}){3}", found["host"])
    return value if own else "http://another-machine"


def _option(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def engine_variables(secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment variables that engines heed, as a record holds them. `secrets`: a key's own variable may be one of them."""
    hidden = set(secrets.values())
    found = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(ENGINE_VARIABLES) and value.strip() not in hidden
    }
    return {name: _shown(name, value) for name, value in sorted(found.items())}


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
        settings={**facts["settings"], "computed_on": device_kinds.text_of(evidence.computed_on)},
        options={name: public_value(value) for name, value in prepared.given.items()},
        variables=engine_variables(prepared.engine.interpreter.secrets),
        devices=tuple(schema.Device(**device) for device in facts["devices"]),
        python=hello["python"],
        packages=packages(prepared, hello["packages"]),
        environment=build_of(prepared),
        clock=facts["clock"],
        vocab_size=facts["vocab_size"],
        context_tokens=facts["context_tokens"],
        model=facts["model"],
    )


def build_of(prepared: Prepared) -> dict[str, Any]:
    """Lock, source, backend and flags, and why `auto` took this backend; or that the operator gave a Python."""
    if prepared.engine.installed is None:
        return {"given_by_operator": True}
    chosen = {"chosen": prepared.engine.choice.reason} if prepared.engine.choice.reason else {}
    return _plain(prepared.engine.installed.public()) | chosen


def packages(prepared: Prepared, told: Mapping[str, str]) -> dict[str, str]:
    """As the worker tells them; of what was compiled here, the version alone."""
    built = "" if prepared.engine.installed is None else prepared.engine.installed.built
    return {name: text.split(" ")[0] if name == built else text for name, text in told.items()}


def _busy_gpus(evidence: Evidence) -> tuple[schema.Finding, ...]:
    """What GPUs that were not used were doing."""
    found = [] if evidence.at_server else gpus_used.busy_others(evidence.machine.environment.gpu, evidence.device_ids)
    return tuple(schema.Finding(**{**asdict(one), "severity": one.severity.value}) for one in found)


def workloads(planned: Plan, suite: Suite) -> tuple[schema.Workload, ...]:
    """As they were to be run."""
    titles = {workload.id: workload.title for workload in suite.workloads}
    return tuple(
        schema.Workload(
            id=plan.id,
            title=titles[plan.id],
            mode="forced" if plan.mode == "forced" else "greedy",
            prompt_tokens=len(plan.prompt),
            output_tokens=plan.output_tokens,
            prompt_sha256=digest_of((*plan.history, *plan.prompt)),
            forced_sha256=None if plan.forced is None else digest_of(plan.forced),
            concurrency=plan.concurrency,
            depth=len(plan.history) or None,
        )
        for plan in planned.workloads
    )


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
    ceiling, use = bandwidth_ceiling(evidence), None
    if headline in rates and per_token and ceiling.value is not None:
        use = int(rates[headline] * per_token / tokens_a_pass(evidence, headline) // ceiling.value)
    return {
        "measured_bandwidth": asdict(evidence.machine.bandwidth),
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
