"""What the operator asked for, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from harness.record import store
from harness.record.keys import RigSigner, Signers
from harness.record.schema import Experiment
from harness.run.execute.launcher import Deadlines
from runtimes.releases import Named, split


@dataclass(frozen=True, slots=True)
class Request:
    """One run: what to measure, by what, how long, and where the record goes."""

    model: str
    runtime: str  # its name, or with a release of its engine: llama.cpp@0.3.30
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
    signers: Signers | RigSigner | None = None  # the operator's open keys, or a machine's alone
    experiment: Experiment | None = None  # that the run is a member of
    deadlines: Deadlines = field(default_factory=Deadlines)

    @property
    def named(self) -> Named:
        """Name and release of the runtime. Raises `BadInput` for a release that is not written as one."""
        return split(self.runtime)
