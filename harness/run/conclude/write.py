"""The end of a run: its record, signed where there are keys, written whole."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from harness.record import envelope, private, rig_runs, schema, store
from harness.record.canonical import digest
from harness.record.keys import RigSigner, Signers
from harness.record.rig_runs import RigRun
from harness.record.statement import payload_of
from harness.run.conclude.assemble import assemble
from harness.run.evidence import Evidence, Prepared


def conclude(evidence: Evidence) -> Path:
    """Write the record and what belongs beside it; returns its path."""
    prepared = evidence.prepared
    note = _note(prepared, tuple(evidence.facts.get("device_ids") or ()))
    payload, samples, name = assemble(evidence, note)
    return _write(prepared, evidence.work.rig_run, name, payload, samples, note)


def written(
    prepared: Prepared,
    rig_run: RigRun | None,
    record: schema.Record,
    subjects: Sequence[tuple[str, str]],
    samples: bytes,
    device_ids: tuple[str, ...],
) -> Path:
    """Write a record that was assembled elsewhere, with its device note; returns its path."""
    note = _note(prepared, device_ids)
    bound = [*subjects, *([] if note is None else [(private.FILE, private.digest(note))])]
    payload = payload_of(record, bound)
    name = store.folder_name(
        record.run.started_utc,
        prepared.identity.name,
        prepared.adapter.name,
        prepared.suite.label,
        sha256(payload).hexdigest(),
    )
    return _write(prepared, rig_run, name, payload, samples, note)


def _note(prepared: Prepared, device_ids: tuple[str, ...]) -> bytes | None:
    installed = prepared.engine.installed
    return private.make(device_ids, "" if installed is None else installed.built_wheel_sha256)


def _write(
    prepared: Prepared, rig_run: RigRun | None, name: str, payload: bytes, samples: bytes, note: bytes | None
) -> Path:
    path = store.write(prepared.request.results, name, payload, samples, _signed(payload, prepared.signers))
    private.write(path.parent, note)
    if prepared.signers is not None and rig_run is not None:
        rig_runs.note(prepared.signers.place, rig_run, digest(payload))
    return path


def _signed(payload: bytes, signers: Signers | RigSigner | None) -> bytes | None:
    return None if signers is None else envelope.sign(payload, signers.keys).to_bytes()
