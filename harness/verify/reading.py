"""What a reader of a stored record may believe of it: signatures, samples, summary and the suite's work, checked in one place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from harness import notebook
from harness.errors import BadInput, RecordInvalid
from harness.record import store, words
from harness.record.outcome import line
from harness.record.store import Stored
from harness.verify import failure, recompute
from harness.verify.signatures import signed_by
from harness.verify.work import refuse_other_work


class Verified(StrEnum):
    """The answer in a word, as tables and exports show it."""

    YES = "yes"  # signed by the keys that it names; every number follows from its samples, and these are of the suite's work
    NO = "no"  # something is false
    NOT_CHECKED = "not checked"  # nothing is false, and something could not be checked


@dataclass(frozen=True, slots=True)
class Checked:
    """A record with what was found; `signer` is its operator's handle where the signatures hold, `reason` says why not *yes*,
    and `part` what that is about: `signature` or `samples`.
    """

    stored: Stored
    verified: Verified
    signer: str
    reason: str
    part: str

    @property
    def note(self) -> str:
        """`signed by eva`, `not checked: …`, `INVALID: …`."""
        if self.verified is Verified.YES:
            return f"signed by {self.signer}"
        return f"{'INVALID' if self.verified is Verified.NO else 'not checked'}: {self.reason}"

    def _repr_html_(self) -> str:
        """For a notebook."""
        record = self.stored.record
        warnings = [f"{self.note}; do not use its numbers"] if self.verified is Verified.NO else []
        lines = [words.rates(record), f"id {self.stored.id}", *([] if warnings else [self.note])]
        return notebook.block(
            words.subject(record), [*warnings, *words.spoilt(record)], lines, words.HEAD, words.table(record)
        )


def verified(stored: Stored, public_file: Path | None = None) -> Checked:
    """As `repro verify`: the signatures (of the keys in the public file, where one is given), then `follow`.

    Raises `RecordInvalid` with the first thing that is wrong, a missing signature included; `BadInput` for a file.
    """
    signer = signed_by(stored, public_file)
    follow(stored)
    return Checked(stored, Verified.YES, signer, "", "")


def follow(stored: Stored) -> None:
    """Raises `RecordInvalid` unless the samples are those that the record names, every number follows from them, and they are of
    the work that it names: its suite, the plan of its run, the checks that they decide.
    """
    where = str(stored.path)
    with well_formed(where):
        if stored.record.failure is not None:
            failure.follows(stored.record, stored.samples(), where)
            return
        refuse_other_work(stored.record, recompute.follows(stored, stored.samples()), where)


def check(stored: Stored) -> Checked:
    """The same questions as `verified`, answered in a value. Never raises for a bad record."""
    signer, part = "", "signature"
    try:
        operator, data = stored.record.operator, stored.envelope()
        if operator is not None and data is None:
            return Checked(stored, Verified.NO, "", "it names an operator, and no envelope is beside it", part)
        if data is not None:
            signer = signed_by(stored, None)
        part = "samples"
        if not stored.has_samples():
            why = "its samples are not there, so its numbers can't be derived again"
            return Checked(stored, Verified.NOT_CHECKED, signer, why if signer else f"not signed, and {why}", part)
        follow(stored)
    except BadInput as error:
        return Checked(stored, Verified.NO, signer, error.what, part)
    if not signer:
        failed = stored.record.failure is not None
        held = "its samples are empty, as they must be" if failed else "its numbers follow from its samples"
        return Checked(stored, Verified.NOT_CHECKED, "", f"not signed; {held}", "signature")
    return Checked(stored, Verified.YES, signer, "", "")


@contextmanager
def well_formed(where: str) -> Iterator[None]:
    """What fails inside on the free parts of a foreign record is that record's fault. Raises `RecordInvalid`."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError, ArithmeticError, StopIteration) as error:
        raise RecordInvalid(f"is malformed ({type(error).__name__}: {error})", where=where) from error


def trusted(path: Path) -> Checked:
    """The record at `path`, for who computes with it. Raises `RecordInvalid` where something about it is false."""
    return believed(check(store.read(path)))


def refuse_failed(stored: Stored) -> None:
    """Raises `BadInput` for the record of a run that failed: there is nothing to compute with."""
    outcome = stored.record.failure
    if outcome is not None:
        raise BadInput(
            f"holds no number: it {line(outcome)}",
            where=str(stored.path),
            fix="name a record of a run that completed; repro show prints this one",
        )


def believed(found: Checked) -> Checked:
    """Itself. Raises `RecordInvalid` where something about it is false, `BadInput` where its run failed: it holds no number."""
    refuse_failed(found.stored)
    if found.verified is Verified.NO:
        raise RecordInvalid(
            f"does not hold: {found.part}: {found.reason}",
            where=str(found.stored.path),
            fix="take the original; repro show prints it as it is",
        )
    return found
