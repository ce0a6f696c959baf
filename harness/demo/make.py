"""A demonstration as exported files: real runs, signed by the demonstration's workshop, among operators who do not exist."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from harness.demo.registry import REAL, build, key
from harness.errors import BadInput
from harness.progress import Progress
from harness.record import store
from harness.record.envelope import key_id
from harness.record.keys import PublicKeys, Signers
from harness.registry.exchange import files
from harness.registry.intake.ingest import Submission, checked
from harness.run.request import Request


@dataclass(frozen=True, slots=True)
class RealRuns:
    """What the real runs measure."""

    model: str
    runtimes: tuple[str, ...]
    suite: str
    processes: int


def demonstration(
    folder: Path,
    runs: RealRuns,
    measure: Callable[[Request], Path],
    writing: Callable[[], AbstractContextManager[Progress]],
) -> int:
    """Write it to `folder`, which appears whole or not at all; the number of its entries. Takes minutes.

    `measure` runs the harness and gives the record's folder; what `writing` opens is told of each entry.
    Raises `BadInput` where the folder exists; `RunFailed`.
    """
    if folder.exists():
        raise BadInput("exists already", where=str(folder), fix="remove it, or name a new folder")
    with tempfile.TemporaryDirectory() as scratch:
        real = [_measured(Path(scratch), runs, runtime, measure) for runtime in runs.runtimes]
        made = build(str(Path(scratch) / "registry"), real)
        with writing() as progress:
            return files.export(made.registry, folder, progress)


def _measured(place: Path, runs: RealRuns, runtime: str, measure: Callable[[Request], Path]) -> Submission:
    operator, rig = key("workshop"), key("workshop rig")
    public = PublicKeys(
        REAL,
        operator.public_key().public_bytes_raw().hex(),
        key_id(key("next workshop").public_key()),
        rig.public_key().public_bytes_raw().hex(),
    )
    signers = Signers(public, operator, rig, place)
    request = Request(
        runs.model, runtime, runs.suite, results=place / "results", processes=runs.processes, signers=signers
    )
    stored = store.read(measure(request))
    return checked(stored.envelope() or b"", stored.samples(), runtime)
