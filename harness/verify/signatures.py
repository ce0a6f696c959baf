"""Who signed a record: the envelope, over the very bytes of the payload."""

from __future__ import annotations

from pathlib import Path

from harness.errors import RecordInvalid
from harness.files import read_text_limited
from harness.record import envelope, keys
from harness.record.schema import Operator
from harness.record.store import ENVELOPE_FILE, Stored

HOW_TO_SIGN = "run: repro keys new --handle NAME (once), then repro sign RECORD"


def signed_by(stored: Stored, public_file: Path | None) -> str:
    """The operator's handle. Raises `RecordInvalid`: not signed, changed, or signed by other keys than it should be.

    Both the operator's and the rig's key must have signed. Without a public file the keys that the record names are
    believed, which shows that it is whole, not who its operator is.
    """
    data, operator = stored.envelope(), stored.record.operator
    where = str(stored.path.parent / ENVELOPE_FILE)
    if data is not None and operator is None:
        what = "is not signed: it names no operator, though an envelope is beside it"
        raise RecordInvalid(what, where=where, fix="take its own")
    if data is None or operator is None:
        raise RecordInvalid("is not signed", where=str(stored.path), fix=HOW_TO_SIGN)
    found = envelope.read(data, where)
    if found.payload != stored.payload:
        raise RecordInvalid("is the envelope of another record", where=where, fix="take its own")
    signers(found, operator, where)
    if public_file is not None:
        _same(operator, public_file)
    return operator.handle


def signers(sealed: envelope.Envelope, operator: Operator, where: str) -> None:
    """Raises `RecordInvalid` unless both keys that the record names, the operator's and the rig's, have signed its bytes."""
    if keys.HANDLE.fullmatch(operator.handle) is None:
        raise RecordInvalid("its operator's handle is not valid", where=where)
    try:
        by = keys.by_id(operator.operator_key, operator.rig_key)
    except ValueError as error:
        raise RecordInvalid(f"names a key that is not valid ({error})", where=where) from None
    if len(by) != 2:
        raise RecordInvalid("names one key as operator and as rig", where=where)
    if set(envelope.verify(sealed, by, where)) != set(by):
        raise RecordInvalid("lacks the signature of the operator or of the rig", where=where)


def _same(named: Operator, public_file: Path) -> None:
    expected = keys.parse_public(read_text_limited(public_file, keys.FILE_LIMIT, "the public file"), str(public_file))
    for name in ("handle", "operator_key", "rig_key"):
        if getattr(named, name) != getattr(expected, name):
            what = name.replace("_", " ")
            raise RecordInvalid(
                f"its {what} is not that of the public file", where=str(public_file), fix="it is somebody else's record"
            )
