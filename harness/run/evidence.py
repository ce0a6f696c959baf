"""The values that travel through a run: what was asked, what is in place, and everything that was learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.capture.bandwidth import Bandwidth
from harness.capture.load import Load
from harness.capture.peaks import Peak
from harness.capture.snapshot import Environment
from harness.catalog.identity import Identity
from harness.catalog.suites import Loaded
from harness.device_kinds import PROCESSOR, SERVERS, DeviceKind, of_facts
from harness.measure.trial import Trial
from harness.record import store
from harness.record.keys import Signers
from harness.record.rig_runs import RigRun
from harness.run.execute.launcher import Deadlines, Interpreter
from harness.run.execute.loop import Outcome
from harness.run.execute.plan import Ids
from harness.run.prepare import environments
from harness.run.prepare.backend import Choice
from harness.worker.plan import Plan
from runtimes.interface import Runtime, Scalar


@dataclass(frozen=True, slots=True)
class Request:
    """What the operator asked for."""

    model: str
    runtime: str
    suite: str
    settings: tuple[str, ...] = ()
    results: Path = Path("results")
    backend: str = "auto"
    python: Path | None = None
    processes: int | None = None
    budget_s: int | None = None
    against: store.Stored | None = None
    seed: int | None = None
    challenge: str | None = None  # a registry's single-use number: it makes the seed and the forced ids
    resume: bool = False
    or_new: bool = False  # where there is nothing to resume, begin
    signers: Signers | None = None  # the operator's open keys
    deadlines: Deadlines = field(default_factory=Deadlines)


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything checked and in place; nothing measured yet."""

    request: Request
    suite: Loaded
    adapter: Runtime
    identity: Identity
    model_path: Path
    given: Mapping[str, Scalar]
    options: Mapping[str, Scalar]
    interpreter: Interpreter
    installed: environments.Installed | None
    bundle_sha256: str
    cores: int
    choice: Choice
    signers: Signers | None = None
    files: Mapping[str, str] = field(default_factory=dict)  # the model's files as they were hashed: name → state


@dataclass(frozen=True, slots=True)
class Evidence:
    """All the ingredients."""

    prepared: Prepared
    outcome: Outcome
    ids: Ids
    plan: Plan
    environment: Environment
    load_before: Load
    load_after: Load
    bandwidth: Bandwidth
    peak: Peak
    started_utc: str
    seed: int
    rig_run: RigRun | None
    budget_s: int | None

    @property
    def trials(self) -> list[Trial]:
        """Of every process, those that failed included."""
        return [trial for log in self.outcome.logs for trial in log.trials]

    @property
    def on_cpu(self) -> bool:
        """Whether the processor computed, and nothing else; a library may have helped it (BLAS)."""
        return self.computed_on <= PROCESSOR

    @property
    def at_server(self) -> bool:
        """Whether a server computed, here or elsewhere."""
        return bool(self.computed_on & SERVERS)

    @property
    def elsewhere(self) -> bool:
        """Whether what computed may be another machine: a server's speed is never booked on its client."""
        return DeviceKind.SERVER in self.computed_on

    @property
    def computed_on(self) -> frozenset[DeviceKind]:
        """As the adapter states it."""
        return of_facts(self.facts)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the runtime said when it was loaded."""
        return next(log.facts for log in self.outcome.logs if log.complete)
