"""The one real run of the committed demonstration: its record and its trials."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.measure.trial import Trial
from harness.record import envelope
from harness.record.samples import decode
from harness.record.schema import Record
from harness.record.statement import record_of
from harness.verify.trials import trials_of

RECORDS = Path(__file__).parents[3] / "results" / "demo-registry" / "records"


@dataclass(frozen=True)
class Real:
    record: Record
    trials: tuple[Trial, ...]


@pytest.fixture(scope="session")
def real() -> Real:
    for folder in sorted(RECORDS.iterdir()):
        record, _ = record_of(
            envelope.read((folder / "record.dsse.json").read_bytes(), folder.name).payload, folder.name
        )
        if not record.run.synthetic:
            samples = decode((folder / "samples.parquet").read_bytes(), record.samples.sha256, folder.name)
            return Real(record, tuple(trials_of(samples, folder.name)))
    raise AssertionError("the demonstration holds no real run")
