"""What a reader of a stored record may believe of it: its signatures, its samples and its summary, checked in one place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness.errors import BadInput, RecordInvalid
from harness.record import store
from harness.record.store import Stored
from harness.run import recompute
from harness.run.signatures import signed_by


class Verified(StrEnum):
    """The answer in a word, as tables and exports show it."""

    YES = "yes"  # signed by the keys that it names, and every number follows from its samples
    NO = "no"  # something is false
    NOT_CHECKED = "not checked"  # nothing is false, and something could not be checked


@dataclass(frozen=True, slots=True)
class Checked:
    """A record with what was found; `signer` is its operator's handle where the signatures hold, `reason` says why not *yes*."""

    stored: Stored
    verified: Verified
    signer: str
    reason: str

    @property
    def note(self) -> str:
        """`signed by eva`, `not checked: …`, `INVALID: …`."""
        if self.verified is Verified.YES:
            return f"signed by {self.signer}"
        return f"{'INVALID' if self.verified is Verified.NO else 'not checked'}: {self.reason}"


def check(stored: Stored) -> Checked:
    """Signatures over the stored bytes, the samples' digest, and the summary against the samples. Never raises for a bad record."""
    signer = ""
    try:
        operator, data = stored.record.operator, stored.envelope()
        if data is not None or operator is not None:
            if data is None:
                return Checked(stored, Verified.NO, "", "it names an operator, and no signature is beside it")
            signer = signed_by(stored, None)
        if not stored.has_samples():
            why = "its samples are not there, so its numbers can't be derived again"
            return Checked(stored, Verified.NOT_CHECKED, signer, why if signer else f"not signed, and {why}")
        recompute.verify(stored)
    except BadInput as error:
        return Checked(stored, Verified.NO, signer, error.what)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError, ArithmeticError) as error:
        return Checked(stored, Verified.NO, signer, f"is malformed ({type(error).__name__}: {error})")
    if not signer:
        return Checked(stored, Verified.NOT_CHECKED, "", "not signed; its numbers follow from its samples")
    return Checked(stored, Verified.YES, signer, "")


def trusted(path: Path) -> Checked:
    """The record at `path`, for who computes with it. Raises `RecordInvalid` where something about it is false."""
    found = check(store.read(path))
    return believed(found)


def believed(found: Checked) -> Checked:
    """Itself. Raises `RecordInvalid` where something about it is false."""
    if found.verified is Verified.NO:
        where = str(found.stored.path)
        raise RecordInvalid(
            f"does not hold: {found.reason}", where=where, fix="take the original; repro show prints it as it is"
        )
    return found
