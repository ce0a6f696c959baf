"""The truth checks of a run, put together from its evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from harness.catalog import model_folder, weights
from harness.measure.metrics import Metric
from harness.measure.trial import Trial
from harness.record import schema
from harness.record.samples import decode
from harness.run.evidence import Evidence
from harness.verify import check_rules, drafts
from harness.verify.check_rules import Ceiling, CheckResult, Code
from harness.verify.checks import CHECKS, About, Rule
from harness.verify.summary import results
from harness.verify.trials import trials_of

FLOAT_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "half": 2}  # an engine's dtype → bytes of a weight


def truth_checks(evidence: Evidence, samples: bytes, measured: Sequence[schema.WorkloadResult]) -> list[CheckResult]:
    """Every check of the table, in its order."""
    headline = evidence.prepared.suite.suite.headline
    own = [trial for trial in evidence.trials if trial.workload == headline]
    made = []
    for code, check in CHECKS.items():
        if check.rule is None:
            made.append(BY_EVIDENCE[code](evidence, samples, measured))
        else:
            found = check.rule(evidence.trials)
            made.append(_placed(found, check.rule, own) if check.about is About.EVIDENCE else found)
    return made


def _placed(found: CheckResult, rule: Rule, headline: Sequence[Trial]) -> CheckResult:
    """A check over all trials; where it fails, its evidence says whether the headline's alone fail, too (1) or pass (0)."""
    if found.status != "fail":
        return found
    return replace(found, evidence=found.evidence | {"headline_fails": int(rule(headline).status != "pass")})


def _decode(evidence: Evidence, _samples: bytes, measured: Sequence[schema.WorkloadResult]) -> CheckResult:
    headline = evidence.prepared.suite.suite.headline
    rate = _rate(measured, headline, Metric.DECODE_RATE)
    passes = tokens_a_pass(evidence, headline)
    return check_rules.decode_physics(rate, bytes_per_token(evidence, headline), bandwidth_ceiling(evidence), passes)


def tokens_a_pass(evidence: Evidence, workload: str) -> float:
    """Decode tokens that a pass over the weights gave, with drafts that the engine's settings declare; else 1."""
    return drafts.of(evidence.trials, workload).tokens_a_pass if evidence.facts["settings"].get("speculative") else 1.0


def _prefill(evidence: Evidence, _samples: bytes, measured: Sequence[schema.WorkloadResult]) -> CheckResult:
    """Where the prompt is longest."""
    prefills = {p.id: len(p.prompt) for p in evidence.work.plan.workloads}
    rate = _rate(measured, max(prefills, key=lambda name: prefills[name]), Metric.PREFILL_RATE)
    operations = evidence.prepared.identity.prefill_operations_per_token
    return check_rules.prefill_physics(rate, operations, _peak_ceiling(evidence))


def bandwidth_ceiling(evidence: Evidence) -> Ceiling:
    """The memory bandwidth that bounds decode here, or why none does."""
    if evidence.prepared.adapter.capabilities.synthetic:
        return Ceiling(None, "a simulation has no physics")
    if evidence.at_server:
        return Ceiling(None, "a server computes, and its device is not known")
    if not evidence.on_cpu:
        return Ceiling(None, "the engine has a GPU and its bandwidth is not measured by this version")
    cached = evidence.machine.environment.cpu.l3_bytes.value or 0
    size = bytes_per_token(evidence, evidence.prepared.suite.suite.headline)
    if size is None:
        return Ceiling(None, "what a token of this model reads is not known")
    if size < cached:
        return Ceiling(None, "the weights fit into the last-level cache: main memory is no bound")
    bandwidth = evidence.machine.bandwidth
    if bandwidth is None:
        return Ceiling(None, "the memory's bandwidth was not measured")
    return Ceiling(bandwidth.most_bytes_per_s, "the most that was measured here")


def _peak_ceiling(evidence: Evidence) -> Ceiling:
    if evidence.prepared.adapter.capabilities.synthetic:
        return Ceiling(None, "a simulation has no physics")
    if evidence.at_server:
        return Ceiling(None, "a server computes, and its device is not known")
    if not evidence.on_cpu:
        return Ceiling(None, "the engine has a GPU and its peak is not known by this version")
    return Ceiling(evidence.machine.peak.operations_per_s, evidence.machine.peak.formula)


def bytes_per_token(evidence: Evidence, workload: str) -> int | None:
    """Weights and KV cache read by a decode step at the workload's mean depth; None where one of them is not known."""
    prepared = evidence.prepared
    plan = next(p for p in evidence.work.plan.workloads if p.id == workload)
    settings = evidence.facts["settings"]
    header = model_folder.header(prepared.model.path)
    depth = len(plan.history) + len(plan.prompt) + plan.output_tokens // 2
    cache = weights.kv_bytes_read(header, depth, settings.get("type_k", "f16"), settings.get("type_v", "f16"))
    if header.scheme is None and settings.get("quantization") not in (None, "none"):
        return None  # the engine quantised what it loaded
    read = weights.bytes_per_token(header, FLOAT_BYTES.get(str(settings.get("dtype"))))
    return None if cache is None or read is None else read + cache


def _rate(measured: Sequence[schema.WorkloadResult], workload: str, name: str) -> float | None:
    """The point estimate of a rate, tokens/s."""
    for result in measured:
        for metric in result.metrics:
            if (result.workload, metric.metric) == (workload, name) and metric.estimate is not None:
                return metric.estimate.point / 1e6
    return None


def _arithmetic(evidence: Evidence, samples: bytes, measured: Sequence[schema.WorkloadResult]) -> CheckResult:
    """The stored samples, read back, give the same numbers."""
    again = trials_of(decode(samples, sha256(samples).hexdigest(), "samples"), "samples")
    same = results([result.workload for result in measured], again, evidence.facts["clock"]) == tuple(measured)
    text = "the summary follows from the stored samples to the last digit"
    return CheckResult(Code.ARITHMETIC, "pass" if same else "fail", text if same else f"not so: {text}")


# The checks that ask for more than samples; a test holds that there is one for each such row of the table.
BY_EVIDENCE: Mapping[Code, Callable[[Evidence, bytes, Sequence[schema.WorkloadResult]], CheckResult]] = {
    Code.PHYSICS_DECODE: _decode,
    Code.PHYSICS_PREFILL: _prefill,
    Code.ARITHMETIC: _arithmetic,
}
