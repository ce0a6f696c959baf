"""A record in the shape of the table `records`; `harness.registry.db.columns` is the way back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

from harness.measure.logs import logs_of
from harness.record.canonical import canonical
from harness.record.schema import Record
from harness.record.store import Stored
from harness.registry.intake.hardware import hardware_of
from harness.registry.intake.measurement import measurement_of, versions_of
from harness.tiers.values import Measurement, Subject


@dataclass(frozen=True, slots=True)
class Measured:
    """What the table keeps of a record, as its samples give it; `logs` saves the logarithms of the medians at scoring."""

    measurement: Measurement
    versions: Mapping[str, str]
    model_name: str
    samples_sha256: str
    unlisted: str  # its device as one that is in no table: what it was called before it was listed

    def row(self, place: Mapping[str, Any]) -> dict[str, Any]:
        """The table's row; `place` says where it stands: row, idx, status, key."""
        one = self.measurement
        logs = logs_of(one.medians)
        return {
            **place,
            "id": one.id,
            "operator": one.operator,
            "rig": one.rig,
            "model": one.subject.model,
            "quantisation": one.subject.quantisation,
            "engine": one.subject.engine,
            "workload": one.subject.workload,
            "sku": one.hardware.sku,
            "generation": one.hardware.generation,
            "os_family": one.hardware.os_family,
            "runtime_series": one.hardware.runtime_series,
            "processes": logs.n,
            "log_mean": logs.mean,
            "log_variance": logs.variance,
            "medians": ",".join(str(round(median * 1e6)) for median in one.medians),
            "measured": one.measured.isoformat(),
            "fixed_number": int(one.fixed_number),
            "missing": "; ".join(one.missing),
            "failed": "; ".join(one.failed),
            "versions": json.dumps(self.versions, sort_keys=True),
            "model_name": self.model_name,
            "samples_sha256": self.samples_sha256,
        }


def measured_of(stored: Stored) -> Measured:
    """Of a record that was checked. Raises `BadInput` where the rules can't take it. A synthetic one passes here: only a
    demonstration registry takes it.
    """
    record: Record = stored.record
    name = str(record.model.get("name") or record.model.get("family") or "")
    measured = measurement_of(stored, synthetic=True)
    unlisted = hardware_of(record, str(stored.path.parent), listed=False).sku
    return Measured(measured, versions_of(record), name, record.samples.sha256, unlisted)


def parts_of(subject: Subject) -> tuple[str, str, str, str]:
    """Model, quantisation, engine, workload, in the order of the table's columns."""
    return subject.model, subject.quantisation, subject.engine, subject.workload


@lru_cache(maxsize=1024)  # a submission asks several times
def subject_digest(subject: Subject) -> str:
    """What a submission names, so that the rules need no record to see that two are of one subject."""
    return sha256(canonical(list(parts_of(subject)))).hexdigest()


@lru_cache(maxsize=1024)
def device_digest(sku: str) -> str:
    """What a submission names of its device, so that the rules see which records are of one row's subject and device."""
    return sha256(canonical(["device", sku])).hexdigest()


@lru_cache(maxsize=1024)
def earlier_digest(subject: Subject) -> str:
    """What submissions named before a subject held its settings (docs/decisions/0019): logs keep these for ever."""
    return subject_digest(replace(subject, workload=subject.workload.partition(" ")[0]))


def differing(one: Subject, row: tuple[str, ...]) -> list[str]:
    """What of a subject is not the row's (`parts_of` of it), in words for whoever submits."""
    ours = parts_of(one)
    found = [name for name, a, b in zip(("model", "quantisation", "engine"), ours, row, strict=False) if a != b]
    (suite, settings), (theirs, other) = (text.partition(" ")[::2] for text in (ours[3], row[3]))
    found += ["workload"] if suite != theirs else []
    if settings != other:
        found.append(
            f"settings that change the computation ({settings or 'the usual ones'}; the row: {other or 'the usual ones'})"
        )
    return found
