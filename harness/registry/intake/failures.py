"""The record of a run that failed, before a registry takes it: who signed it, that it holds nothing measured, what it is of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from harness.errors import BadInput, RecordInvalid
from harness.names import flaw
from harness.record.canonical import canonical
from harness.record.schema import Outcome, Record
from harness.registry.intake.facts_told import part_of, value_of
from harness.registry.intake.hardware import hardware_of
from harness.registry.intake.ingest import (
    Claims,
    claims_of,
    refuse_others,
    refuse_synthetic,
    signed_record,
    well_formed,
)
from harness.registry.intake.projection import device_digest
from harness.tiers.values import UNKNOWN
from harness.tlog.event import Event
from harness.verify import failure

SAMPLES_LIMIT = 64 << 10  # a file without rows
_NAME_LIMIT = 256  # characters, as in the table of records


@dataclass(frozen=True, slots=True)
class Failure:
    """What is shown of it."""

    model: str  # digest of the weights
    model_name: str
    quantisation: str
    engine: str
    version: str
    device: str  # what was to compute; "unknown" where nobody told
    memory: str  # of the machine, and the limit on it
    settings: str  # that the operator asked for
    reason: str
    stage: str
    error: str
    measured: str  # day
    synthetic: bool

    @property
    def subject(self) -> tuple[str, str, str]:
        """Model, quantisation and engine: the rows that it is shown at are of these."""
        return self.model, self.quantisation, self.engine


@dataclass(frozen=True, slots=True)
class FailedRun:
    """The record of a run that failed, and holds."""

    id: str
    claims: Claims
    failure: Failure
    envelope: bytes
    samples: bytes

    @property
    def subject_sha256(self) -> str:
        """As its submission's event names what failed."""
        return sha256(canonical(["failure", *self.failure.subject])).hexdigest()

    @property
    def device_sha256(self) -> str:
        """As its submission's event names what was to compute."""
        return device_digest(self.failure.device)


def checked(data: bytes, samples: bytes, where: str) -> FailedRun:
    """Raises `RecordInvalid` or `BadInput` with the first thing that does not hold."""
    found, record = _opened(data, samples, where)
    with well_formed(where):
        failure.follows(record, samples, where)
    return found


@lru_cache(maxsize=1024)  # a build of a site asks several times
def read(data: bytes, samples: bytes, where: str) -> FailedRun:
    """As `checked`, of one that was taken in: its samples, of which nothing is shown, are held against their digest alone."""
    found, record = _opened(data, samples, where)
    if sha256(samples).hexdigest() != record.samples.sha256:
        raise RecordInvalid("its samples are not those of the record", where=where)
    return found


def _opened(data: bytes, samples: bytes, where: str) -> tuple[FailedRun, Record]:
    if len(samples) > SAMPLES_LIMIT:
        raise RecordInvalid(f"failed, and its samples have {len(samples)} bytes", where=where)
    stored, operator, _ = signed_record(data, samples, where)
    record, outcome = stored.record, stored.record.failure
    if outcome is None:
        raise BadInput("did not fail", where=where, fix="submit it as the measurement that it is")
    with well_formed(where):
        found = shown(record, outcome, where)
    return FailedRun(stored.id, claims_of(record, operator), found, data, samples), record


def shown(record: Record, outcome: Outcome, where: str) -> Failure:
    """Raises `RecordInvalid` for a name that is not printable, or too long; `KeyError` or `TypeError` where a part is missing."""
    version = " ".join(filter(None, (record.runtime.package or record.runtime.engine, record.runtime.version)))
    options = {**record.runtime.options}
    found = Failure(
        model=str(record.model["sha256"]),
        model_name=str(record.model.get("name") or record.model.get("family") or ""),
        quantisation=str(record.model["quantisation"]),
        engine=record.runtime.engine,
        version=version,
        device=device_of(record, outcome, where),
        memory=_memory(record),
        settings=" ".join(f"{name}={value}" for name, value in sorted(options.items())),
        reason=str(outcome.reason),
        stage=str(outcome.stage),
        error=outcome.error,
        measured=record.run.started_utc[:10],
        synthetic=record.run.synthetic,
    )
    for name in ("model_name", "quantisation", "engine", "device"):
        said = flaw(getattr(found, name))
        if said is not None:
            raise RecordInvalid(f"its {name} {said}", where=where, fix="measure it under a plain name")
    for name in ("model", "model_name", "quantisation", "engine", "version", "device", "settings"):
        value = getattr(found, name)
        if len(value) > (4 * _NAME_LIMIT if name == "settings" else _NAME_LIMIT) or not value.isprintable():
            raise RecordInvalid(f"its {name} is longer than {_NAME_LIMIT} characters or not printable", where=where)
    return found


def device_of(record: Record, outcome: Outcome, where: str) -> str:
    """The class's device: of a model that was loaded what computed; else what the engine could use; *unknown* where it did not
    tell, for a machine's processor is not what a build for its GPU failed on.
    """
    if outcome.loaded:
        return hardware_of(record, where).sku
    if record.runtime.environment.get("backend") == "cpu" or outcome.given.get("gpu_layers") == 0:
        return hardware_of(_with(record, ()), where).sku
    if outcome.devices is None:
        return UNKNOWN
    return hardware_of(_with(record, outcome.devices), where).sku


def _with(record: Record, devices: tuple[object, ...]) -> Record:
    runtime = record.runtime.model_copy(update={"devices": devices, "settings": {"layers_on": ""}})
    return record.model_copy(update={"runtime": runtime})


def _memory(record: Record) -> str:
    memory = part_of(record, "memory")
    tier, limit = value_of(memory, "tier_gib"), value_of(memory, "limit_bytes")
    said = [f"{tier} GiB"] if isinstance(tier, int) else []
    said += [f"limited to {limit / 2**30:.3g} GiB"] if isinstance(limit, int) else []
    listed = part_of(record, "gpu").get("nvidia", {}).get("value") or []
    sizes = [one.get("memory_bytes", {}) for one in listed if isinstance(one, dict)]
    held = [size.get("value") for size in sizes if isinstance(size, dict)]
    said += [f"GPU {size / 2**30:.3g} GiB" for size in held if isinstance(size, int)]
    return ", ".join(said) or UNKNOWN


def taken_by(found: FailedRun, *, demonstration: bool) -> None:
    """Raises `BadInput` for a synthetic one, unless the registry is a demonstration."""
    refuse_synthetic(found.id, found.claims, demonstration=demonstration)


def agrees(event: Event, found: FailedRun) -> None:
    """Raises `BadInput` unless the submission's event speaks of this very record."""
    claims, detail = found.claims, event.detail
    pairs = {
        "id": (event.subject, found.id),
        "operator": (event.by, claims.handle),
        "operator's key": (detail["operator_key"], claims.operator_key),
        "rig key": (detail["rig_key"], claims.rig_key),
        "envelope": (detail["envelope_sha256"], sha256(found.envelope).hexdigest()),
        "samples": (detail["samples_sha256"], claims.samples_sha256),
        "subject": (detail["subject_sha256"], found.subject_sha256),
        "reason": (detail["outcome_reason"], found.failure.reason),
        "start": (detail["started"], claims.started),
        "end": (detail["finished"], claims.finished),
        "challenge": (detail["challenge"], claims.challenge),
    }
    refuse_others(pairs, found.id)


def names_device(event: Event, found: FailedRun) -> None:
    """Raises `BadInput` unless a submission that is new names its record's device as it is called today: a device that is listed
    later is called otherwise then, and its log holds.
    """
    refuse_others({"device": (event.detail["device_sha256"], found.device_sha256)}, found.id)
