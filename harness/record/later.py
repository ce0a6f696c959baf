"""A record that was measured before its operator had keys, signed afterwards, which it says of itself."""

from __future__ import annotations

from typing import Any

from harness.errors import RecordInvalid
from harness.record import envelope
from harness.record.canonical import canonical, parse
from harness.record.keys import Signers
from harness.record.store import Stored

CODE = "signed_later"  # of the finding that says so
TEXT = "signed after it was measured: it has no number among the runs of its machine"


def signed(stored: Stored, signers: Signers) -> envelope.Envelope:
    """The record with its operator and the note, signed by operator and rig; its id is another one. Pure.

    Nothing else of the payload changes. Raises `RecordInvalid` for one that must not be signed: it is already, it is
    synthetic, or a check of it failed.
    """
    where, record = str(stored.path), stored.record
    if record.operator is not None:
        whose = "you" if record.operator.operator_key == signers.public.operator_key else record.operator.handle
        raise RecordInvalid(f"names its operator already: {whose}", where=where, fix="see: repro verify")
    if record.run.synthetic:
        raise RecordInvalid("is synthetic: it was never a measurement", where=where, fix="measure with a real runtime")
    failed = [check.code for check in record.checks if check.status == "fail"]
    if failed:
        raise RecordInvalid(
            f"failed its checks ({', '.join(failed)})", where=where, fix="see repro show, mend the cause, measure again"
        )
    value: Any = parse(stored.payload, where)
    predicate = value["predicate"]
    predicate["operator"] = {
        "handle": signers.public.handle,
        "operator_key": signers.public.operator_key,
        "rig_key": signers.public.rig_key,
        "run_number": None,
        "previous": None,
    }
    note = {"code": CODE, "severity": "note", "workload": "", "metric": "", "text": TEXT, "evidence": {}}
    predicate["findings"] = [*predicate["findings"], note]
    return envelope.sign(canonical(value), [signers.operator, signers.rig])


def half_done(stored: Stored, data: bytes) -> bool:
    """Whether the envelope beside an unsigned record is of this very record: signing was interrupted. Raises `RecordInvalid`."""
    where = str(stored.path)
    theirs: Any = parse(envelope.read(data, where).payload, where)
    ours: Any = parse(stored.payload, where)
    for value in (theirs, ours):
        predicate = value["predicate"] if isinstance(value, dict) and isinstance(value.get("predicate"), dict) else {}
        predicate.pop("operator", None)
        predicate["findings"] = [one for one in predicate.get("findings", []) if one.get("code") != CODE]
    return bool(theirs == ours)
