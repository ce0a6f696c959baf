"""The values that travel through a run: what is in place, what is to be done, and everything that was learned."""

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
from harness.record.keys import RigSigner, Signers
from harness.record.rig_runs import RigRun
from harness.run.execute.launcher import Interpreter
from harness.run.execute.loop import Outcome
from harness.run.execute.plan import Ids
from harness.run.execute.telemetry import ids_of
from harness.run.prepare import environments
from harness.run.prepare.backend import Choice
from harness.run.prepare.depths import LeftOut
from harness.run.request import Request
from harness.worker.plan import Plan
from runtimes.interface import Runtime, Scalar

__all__ = ["Engine", "Evidence", "Machine", "ModelHere", "Prepared", "Request", "Work"]


@dataclass(frozen=True, slots=True)
class Engine:
    """What computes: the adapter, the build that was chosen for it, and the interpreter that runs both."""

    adapter: Runtime
    choice: Choice
    interpreter: Interpreter
    installed: environments.Installed | None  # None: an interpreter that the user named, or our own
    bundle_sha256: str  # of the worker's code


@dataclass(frozen=True, slots=True)
class ModelHere:
    """The model as it lies on this machine, and what it is."""

    path: Path
    identity: Identity
    files: Mapping[str, str]  # as they were hashed: name → state


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything checked and in place; nothing measured yet."""

    request: Request
    suite: Loaded
    engine: Engine
    model: ModelHere
    given: Mapping[str, Scalar]  # settings as they were asked for
    options: Mapping[str, Scalar]  # all of them, defaults filled in
    cores: int
    signers: Signers | RigSigner | None = None
    left_out: tuple[LeftOut, ...] = ()  # of the suite, for want of room
    beside: Mapping[str, ModelHere] = field(default_factory=dict)  # option → a second model, such as a draft

    @property
    def models(self) -> tuple[ModelHere, ...]:
        """All that are loaded."""
        return (self.model, *self.beside.values())

    @property
    def adapter(self) -> Runtime:
        """Of the engine."""
        return self.engine.adapter

    @property
    def identity(self) -> Identity:
        """Of the model."""
        return self.model.identity


@dataclass(frozen=True, slots=True)
class Work:
    """What a run does, as it was fixed before its first process."""

    ids: Ids
    plan: Plan
    seed: int
    budget_s: int | None
    started_utc: str
    rig_run: RigRun | None
    unchecked_split: bool = False  # the prompts' ids are the engine's own, and were held against nothing


@dataclass(frozen=True, slots=True)
class Machine:
    """The machine around the run: what it is, what else ran, and what bounds it."""

    environment: Environment
    load_before: Load
    load_after: Load
    bandwidth: Bandwidth | None  # None: another machine computed, or none at all
    peak: Peak


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a record is made of."""

    prepared: Prepared
    work: Work
    outcome: Outcome
    machine: Machine

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
    def in_memory(self) -> bool:
        """Whether this machine's memory was read for the tokens: neither a simulation nor a server elsewhere reads it."""
        return not (self.prepared.adapter.capabilities.synthetic or self.elsewhere)

    @property
    def device_ids(self) -> list[str]:
        """The GPUs used, by UUID or PCI place; never recorded."""
        return ids_of(self.facts)

    @property
    def computed_on(self) -> frozenset[DeviceKind]:
        """As the adapter states it."""
        return of_facts(self.facts)

    @property
    def facts(self) -> Mapping[str, Any]:
        """What the runtime said when it was loaded."""
        return next(log.facts for log in self.outcome.logs if log.complete)
