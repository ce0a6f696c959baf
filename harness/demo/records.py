"""Records of operators who do not exist, for a demonstration registry, tests and benchmarks.

Each says that it is synthetic; no registry but a demonstration takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness import __version__
from harness.catalog.suites import challenge_seed
from harness.device_kinds import DeviceKind
from harness.measure.trial import Mode, Purpose, Trial
from harness.record import envelope, schema
from harness.record.samples import encode
from harness.record.statement import payload_of
from harness.record.store import SAMPLES_FILE
from harness.verify.checks import CHECKS
from harness.verify.findings import findings_of_workload
from harness.verify.summary import results
from harness.verify.token_ids import digest_of
from harness.verify.trials import columns_of

WORKLOAD = "decode-16"
_CLOCK = "host"
SUITE = sha256(b"synthetic suite").hexdigest()


@dataclass(frozen=True, slots=True)
class Person:
    """An operator who does not exist, with keys made from a seed: the same name gives the same keys."""

    handle: str
    operator: Ed25519PrivateKey
    following: Ed25519PrivateKey
    rig: Ed25519PrivateKey


def person(handle: str, rig: str = "") -> Person:
    """By handle; `rig` names another machine, or one that several share."""

    def key(role: str) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(sha256(f"synthetic:{role}".encode()).digest())

    return Person(handle, key(f"operator:{handle}"), key(f"next:{handle}"), key(f"rig:{rig or handle}"))


@dataclass(frozen=True, slots=True)
class Setup:
    """What was supposedly measured, on what."""

    rate: float = 100.0  # tokens/s
    scatter: float = 0.004  # sd of a process about the rate, relative
    processes: int = 5
    trials: int = 3
    tokens: int = 16
    seed: int = 0
    model: str = "synthetic-1b"
    quantisation: str = "Q4_K_M"
    engine: str = "llama.cpp"
    version: str = "0.3.36"
    sku: str = "Synthetic GPU A"
    generation: str = "Synthetic"
    os: str = "Linux"
    driver: str = "600.10"
    started: datetime = datetime(2026, 11, 1, 12, 0, 0)
    settings: Mapping[str, Any] = field(default_factory=dict)  # of the runtime
    failed: tuple[str, ...] = ()
    challenge: str | None = None
    synthetic: bool = True
    more: Mapping[str, Any] = field(default_factory=dict)  # other fields of the record


def trials_of(setup: Setup) -> list[Trial]:
    """Timed trials of the one workload, with a KV slope, noise, and now and then a late token."""
    draw = np.random.default_rng(setup.seed)
    found = []
    for process in range(setup.processes):
        level = 1e9 / setup.rate * np.exp(draw.normal(0, setup.scatter))
        for order in range(setup.trials):
            slope = 1 + 0.0005 * np.arange(setup.tokens)
            gaps = level * slope * np.exp(draw.normal(0, 0.002, setup.tokens)) / slope.mean()
            gaps = gaps + level * 0.2 * (draw.random(setup.tokens) < 0.01)
            stamps = np.cumsum(np.maximum(gaps, 1)).astype(np.int64)
            ids = tuple(range(setup.tokens))
            found.append(
                Trial(process, order, WORKLOAD, Purpose.TIMED, Mode.GREEDY, 8, setup.tokens,
                      order * 2_000_000_000, stamps, np.zeros(0, np.int64), ids)
            )  # fmt: skip
    return found


def sealed(who: Person, setup: Setup, number: int | None = None, previous: str | None = None) -> tuple[bytes, bytes]:
    """(envelope, samples) of a signed record."""
    return resealed(who, setup, trials_of(setup), number, previous)


def resealed(
    who: Person, setup: Setup, trials: Sequence[Trial], number: int | None = None, previous: str | None = None
) -> tuple[bytes, bytes]:
    """As `sealed`, of these trials."""
    samples = encode(columns_of(trials))
    record = _record(who, setup, trials, sha256(samples).hexdigest(), number, previous)
    subjects = [(SAMPLES_FILE, record.samples.sha256), (f"{setup.model}.gguf", str(record.model["sha256"]))]
    sealed = envelope.sign(payload_of(record, subjects), [who.operator, who.rig])
    return sealed.to_bytes(), samples


def _record(
    who: Person, setup: Setup, trials: Sequence[Trial], digest: str, number: int | None, previous: str | None
) -> schema.Record:
    ended = setup.started + timedelta(minutes=5)
    record = schema.Record(
        schema_version=schema.SCHEMA_VERSION,
        harness=schema.Harness(version=__version__, commit=None, dirty=None, worker_sha256="0" * 64),
        run=schema.Run(
            started_utc=setup.started.strftime("%Y-%m-%dT%H:%M:%SZ"),
            finished_utc=ended.strftime("%Y-%m-%dT%H:%M:%SZ"),
            seed=setup.seed if setup.challenge is None else challenge_seed(setup.challenge),
            synthetic=setup.synthetic,
            resumed=False,
            budget_s=None,
            stop_rule="fixed",
            stop_detail=f"{setup.processes} processes as asked",
            precise=True,
            failed_processes=(),
            command="",
            load_before={},
            load_after={},
            challenge=setup.challenge,
        ),
        model={
            "name": setup.model,
            "family": setup.model,
            "quantisation": setup.quantisation,
            "sha256": sha256(f"{setup.model} {setup.quantisation}".encode()).hexdigest(),
            "bytes_per_token": 600_000_000,
            "parameters": 1_000_000_000,
        },
        runtime=_runtime(setup),
        environment={
            "host": {name: {"value": value} for name, value in (("os", setup.os), ("os_family", setup.os), ("kernel", "6.12"))},
            "gpu": {"nvidia": {"value": [{"driver": {"value": setup.driver}}]}},
        },
        suite=schema.Suite(
            name="synthetic",
            version=1,
            sha256=SUITE,
            headline=WORKLOAD,
            warmup_trials=0,
            timed_trials=setup.trials,
        ),
        tokenization=schema.Tokenization(bos_id=None, add_bos=False, template="none", tokenizer_sha256=None),
        workloads=(
            schema.Workload(
                id=WORKLOAD, title="Sixteen tokens", mode="greedy", prompt_tokens=8, output_tokens=setup.tokens,
                prompt_sha256=digest_of(tuple(range(8))), forced_sha256=None,
            ),
        ),
        processes=tuple(
            schema.Process(index=i, load_ns=0, peak_rss_bytes=0, stamp_cost_ps=0, resolution_ns=1, gap_p999_ns=0, drift_ppm=0)
            for i in range(setup.processes)
        ),
        results=results([WORKLOAD], trials, _CLOCK),
        process_results=(),
        derived={"telemetry": {"temperature_mc_max": 65_000}},
        probe=None,
        checks=tuple(
            schema.Check(code=code, status="fail" if code in setup.failed else "pass", text="", evidence={})
            for code in dict.fromkeys((*CHECKS, *setup.failed))
        ),
        findings=tuple(findings_of_workload(WORKLOAD, trials)),
        samples=schema.Samples(file=SAMPLES_FILE, sha256=digest, rows=len(trials)),
        operator=schema.Operator(
            handle=who.handle,
            operator_key=who.operator.public_key().public_bytes_raw().hex(),
            rig_key=who.rig.public_key().public_bytes_raw().hex(),
            run_number=number,
            previous=previous,
        ),
    )  # fmt: skip
    return record.model_copy(update=dict(setup.more)) if setup.more else record


def _runtime(setup: Setup) -> schema.Runtime:
    return schema.Runtime(
        name=setup.engine,
        engine=setup.engine,
        version=setup.version,
        package=f"synthetic {setup.version}",
        commit="",
        build={},
        settings=dict(setup.settings),
        options={},
        variables={},
        devices=(
            schema.Device(name=setup.sku, kind=DeviceKind.GPU.value, description=setup.generation, memory_bytes=None),
        ),
        python="3.11",
        packages={},
        environment={},
        clock=_CLOCK,
        vocab_size=1000,
        context_tokens=64,
        model={},
    )


def later(setup: Setup, days: int, **changes: Any) -> Setup:
    """The same, measured days later, with changes."""
    return replace(setup, started=setup.started + timedelta(days=days), **changes)
