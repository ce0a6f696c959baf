"""The end of a run: its record, signed where there are keys, written whole."""

from __future__ import annotations

from pathlib import Path

from harness.record import envelope, private, rig_runs, store
from harness.record.canonical import digest
from harness.record.keys import Signers
from harness.run.conclude.assemble import assemble
from harness.run.evidence import Evidence


def conclude(evidence: Evidence) -> Path:
    """Write the record and what belongs beside it; returns its path."""
    prepared, rig_run = evidence.prepared, evidence.work.rig_run
    installed = prepared.engine.installed
    build = "" if installed is None else installed.built_wheel_sha256
    note = private.make(tuple(evidence.facts.get("device_ids") or ()), build)
    payload, samples, name = assemble(evidence, note)
    path = store.write(prepared.request.results, name, payload, samples, _signed(payload, prepared.signers))
    private.write(path.parent, note)
    if prepared.signers is not None and rig_run is not None:
        rig_runs.note(prepared.signers.place, rig_run, digest(payload))
    return path


def _signed(payload: bytes, signers: Signers | None) -> bytes | None:
    return None if signers is None else envelope.sign(payload, [signers.operator, signers.rig]).to_bytes()
