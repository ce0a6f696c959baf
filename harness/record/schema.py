"""Version 1 of a record, the predicate of its in-toto statement. Integers only: the unit is in a name or a `unit` field.

History
- 1.6: `run.experiment`.
- 1.5: `workloads[].text_sha256`.
- 1.4: `workloads[].depth`.
- 1.3: `outcome`: a run in which the engine failed is a record, too, without a number (`harness.record.outcome`).
- 1.2: `run.challenge`; `operator.run_number`, `operator.previous`.
- 1.1: `operator`; `workloads[].concurrency`; more counters in the samples (device meters, batches); more in `derived`, `model`.
- 1.0: the first. Readers accept any 1.x and keep the fields that they do not know; a 2.x is refused.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

SCHEMA_VERSION = "1.6"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "urn:repro-harness:record:v1"

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Unit = Literal["micro_tokens_per_s", "ns", "bytes"]


class Part(BaseModel):
    """Base of all parts: immutable, strictly typed, unknown fields kept."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True)


class Harness(Part):
    """The program that measured."""

    version: str
    commit: str | None
    dirty: bool | None
    worker_sha256: Sha256


class FailedProcess(Part):
    """A worker that died, hung or was stopped; its finished trials are in the samples, never in an estimate."""

    index: Count
    reason: str = Field(description="a code, never an engine's own words")


class Experiment(Part):
    """Runs that were declared together before the first of them began: their processes took turns on one machine."""

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$", description="as the declaration calls it")
    id: Sha256 = Field(description="of the declaration: the same in each member's record")
    member: Count = Field(description="which of the members this run is, from 0, in the declaration's order")
    members: Annotated[int, Field(ge=2)]
    processes: Annotated[int, Field(ge=1)] = Field(description="declared of each member: one a round")
    seed: Count = Field(
        description="draws the members' order in each two rounds; the second is the reverse of the first"
    )


class Run(Part):
    """How the run was led and why it ended."""

    started_utc: str
    finished_utc: str
    seed: Count
    synthetic: bool = Field(description="made by a simulated runtime: never a measurement")
    resumed: bool
    budget_s: Count | None
    stop_rule: str
    stop_detail: str
    precise: bool
    failed_processes: tuple[FailedProcess, ...]
    command: str = Field(description="what repeats the run, from its settings; never the command line as typed")
    load_before: dict[str, Any]
    load_after: dict[str, Any]
    challenge: Sha256 | None = Field(
        default=None, description="a registry's single-use number, issued before the run; it made the seed"
    )
    experiment: Experiment | None = Field(default=None, description="null: measured by itself")


class Device(Part):
    """A device that the engine used."""

    name: str
    kind: str
    description: str
    memory_bytes: Count | None


class Runtime(Part):
    """The engine as it ran: settings are resolved values, never requests."""

    name: str
    engine: str
    version: str
    package: str
    commit: str
    build: dict[str, str | int | bool | None]
    settings: dict[str, str | int | bool | None]
    options: dict[str, str | int | bool | None] = Field(description="what the operator asked for")
    variables: dict[str, str] = Field(description="environment variables that the engine heeds")
    devices: tuple[Device, ...]
    python: str
    packages: dict[str, str] = Field(description="name → version and sha256 of its file list")
    environment: dict[str, Any] = Field(description="lock, backend and build flags, or that the operator gave a Python")
    clock: str
    vocab_size: Count
    context_tokens: Count
    model: dict[str, str | int | bool | None] = Field(description="what the engine says that it loaded")


class Suite(Part):
    """The suite, named by the digest of its file."""

    name: str
    version: Count
    sha256: Sha256
    headline: str
    warmup_trials: Count
    timed_trials: Count


class Workload(Part):
    """One workload as it was run: `prompt_sha256` covers the ids as little-endian 64-bit integers, those of the depth first."""

    id: str
    title: str
    mode: Literal["greedy", "forced"]
    prompt_tokens: Count
    output_tokens: Count
    prompt_sha256: Sha256
    forced_sha256: Sha256 | None
    concurrency: Count | None = Field(default=None, description="requests at once; null: one, timed as such")
    depth: Count | None = Field(
        default=None, description="tokens in the cache when the clock starts, not among the prompt's; null: none"
    )
    text_sha256: Sha256 | None = Field(
        default=None,
        description="of the text that the challenge drew for the prompt: it is fresh; null: the suite's own",
    )


class Tokenization(Part):
    """How text became ids, once for the model."""

    bos_id: int | None
    add_bos: bool
    template: str
    tokenizer_sha256: Sha256 | None


class Process(Part):
    """One measuring process."""

    index: Count
    load_ns: Count
    peak_rss_bytes: Count
    stamp_cost_ps: Count
    resolution_ns: Count
    gap_p999_ns: Count
    drift_ppm: Count


class Percentile(Part):
    """In the metric's unit, or null with the reason."""

    percent: Count
    value: int | None
    reason: str


class Distribution(Part):
    """A sample; all but counts and `cv_ppm` in the metric's unit."""

    n: Count
    n_eff_milli: Count
    mean: int
    sd: int | None
    cv_ppm: int | None
    min: int
    max: int
    percentiles: tuple[Percentile, ...]


class Estimate(Part):
    """Geometric mean of the process medians with the Student t interval of their logs, in the metric's unit."""

    point: int
    low: int | None
    high: int | None
    half_width_ppm: int | None
    level_ppm: int
    process_medians: tuple[int, ...]
    n_trials: Count
    cv_within_ppm: int | None
    cv_between_ppm: int | None
    reason: str


class MetricResult(Part):
    """One metric of one workload."""

    metric: str
    unit: Unit
    higher_is_better: bool
    clock: str
    estimate: Estimate | None
    trials: Distribution | None
    tokens: Distribution | None


class Depth(Part):
    """How a token's time grows with the KV cache, t = a + b·k: medians over the trials."""

    intercept_ns: int
    slope_ps: int = Field(description="picoseconds a cached token")
    residual_cv_ppm: int


class WorkloadResult(Part):
    """What a workload gave; everything here is recomputed from the samples by `repro recompute`."""

    workload: str
    warmup: Count
    timed: Count
    invalid: Count
    deterministic: bool | None
    output_sha256: Sha256 | None
    output_ids: tuple[int, ...]
    metrics: tuple[MetricResult, ...]
    depth: Depth | None


class Probe(Part):
    """Teacher-forced likelihood of the suite's probe text."""

    ids_sha256: Sha256
    tokens: Count
    mean_nll_micronats: int | None


class Check(Part):
    """A truth check: `unknown` says what could not be known, in `text`."""

    code: str
    status: Literal["pass", "fail", "unknown"]
    text: str
    evidence: dict[str, int]


class Finding(Part):
    """Something that a reader of the number should know."""

    code: str
    severity: Literal["note", "warning", "invalid"]
    workload: str
    metric: str
    text: str
    evidence: dict[str, int]


class Samples(Part):
    """The Parquet file beside the record."""

    file: str
    sha256: Sha256
    rows: Count


class Operator(Part):
    """Who answers for the record: public Ed25519 keys in hexadecimal; the envelope beside it is signed by both."""

    handle: str = Field(description="a pseudonym")
    operator_key: Sha256
    rig_key: Sha256
    run_number: Count | None = Field(default=None, description="of this rig's signed records, counted from 1")
    previous: Sha256 | None = Field(default=None, description="id of the rig's signed record before this one")


class Outcome(Part):
    """How the run ended. Of a failed one nothing was measured: results, processes, checks and samples are empty."""

    status: Literal["completed", "failed"]
    reason: (
        Literal[
            "out_of_memory",
            "unsupported_architecture",
            "unsupported_quantisation",
            "driver_or_library",
            "tokenizer",
            "timed_out",
            "engine_crashed",
            "killed",
            "engine_failed",
        ]
        | None
    ) = Field(description="why it failed, as far as that is shown; engine_failed: not known; null: it completed")
    stage: Literal["load", "warm-up", "measured"] | None = Field(
        description="how far it came; load: until the model is loaded and the prompts are token ids"
    )
    error: str = Field(
        pattern=r"^[ -~]{0,500}$",
        description="the engine's own words in ASCII, without paths and names; empty: it said none",
    )
    loaded: bool = Field(
        description="whether the model was loaded; else tokenization, and of runtime settings, devices, clock, vocab_size, "
        "context_tokens and model, are empty, 0 or false, and say nothing"
    )
    given: dict[str, str | int | bool | None] = Field(
        description="settings that the engine was given, defaults filled in; what it made of them may be unknown"
    )
    devices: tuple[Device, ...] | None = Field(
        description="what the engine's build could use, asked in a process without the model; null: not told"
    )
    evidence: dict[str, int] = Field(
        description="what shows the reason: attempts, signal, exit_status, waited_s, oom_kills of the control group"
    )


class Record(Part):
    """One run of one (model, hardware, runtime) triple."""

    schema_version: str
    harness: Harness
    run: Run
    model: dict[str, Any]
    runtime: Runtime
    environment: dict[str, Any]
    suite: Suite
    tokenization: Tokenization
    workloads: tuple[Workload, ...]
    processes: tuple[Process, ...]
    results: tuple[WorkloadResult, ...]
    process_results: tuple[MetricResult, ...]
    derived: dict[str, Any]
    probe: Probe | None
    checks: tuple[Check, ...]
    findings: tuple[Finding, ...]
    samples: Samples
    operator: Operator | None = Field(default=None, description="null: not signed")
    outcome: Outcome | None = Field(default=None, description="null: it completed")

    def result(self, workload: str, metric: str) -> MetricResult | None:
        """The metric of a workload, if it was measured."""
        for entry in self.results:
            if entry.workload == workload:
                return next((m for m in entry.metrics if m.metric == metric), None)
        return None

    @property
    def failure(self) -> Outcome | None:
        """How it failed; None for a run that completed."""
        return self.outcome if self.outcome is not None and self.outcome.status == "failed" else None

    @property
    def headline(self) -> MetricResult | None:
        """The decode rate of the suite's headline workload."""
        return self.result(self.suite.headline, "decode_rate")
