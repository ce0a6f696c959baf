"""An operator's submissions to a registry: what each is worth now, why, and what its operator can do."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import BadInput
from harness.registry.db import rows
from harness.registry.db.elsewhere import Elsewhere
from harness.registry.db.reader import Reader
from harness.registry.facts import OperatorFact, PolicyFact, RecordFact

_WORDS = {
    "pending": "waits for an editor",
    "accepted": "approved",
    "sent-back": "sent back",
    "rejected": "rejected",
    "withdrawn": "withdrawn",
}
_NEXT = {
    "sent-back": "mend what the editor asks for and measure again, then submit the new record",
    "rejected": "measure again, and submit the new record",
    "withdrawn": "a record enters once: measure again, and submit the new record",
}


@dataclass(frozen=True, slots=True)
class Submitted:
    """One record of an operator at a registry."""

    id: str
    operator: str
    status: str  # pending, accepted, sent-back, rejected, withdrawn
    dropped: bool  # its bytes were taken down
    why: str  # the newest reason that was given
    row: str
    row_status: str  # of its row's own record
    entry: int  # that took it
    submitted: str  # UTC
    approvals: int
    needed: int
    others: int  # records in the row that it opened

    @property
    def words(self) -> str:
        """Its status with the reason, in a line."""
        said = _WORDS.get(self.status, self.status) + (" (bytes dropped)" if self.dropped else "")
        if self.status == "pending" and self.needed > 1:
            said += f", {self.approvals} of {self.needed} approvals"
        if self.status in ("pending", "accepted") and self.row_status not in ("pending", "accepted", "sent-back"):
            said += f"; its row was {self.row_status}: it goes to the next row of its device, or an editor can move it"
        return f"{said}: {self.why}" if self.why and self.status != "pending" else said

    @property
    def next(self) -> str:
        """What its operator can do; "" where nothing is to be done."""
        return _NEXT.get(self.status, "")


def of(reader: Reader, record: str) -> Submitted | None:
    """By its whole id; None where the registry does not have it."""
    if isinstance(reader, Elsewhere):
        return reader.submitted_record(record)
    fact = reader.get(RecordFact, record)
    return None if fact is None else _made(reader, record, fact)


def listing(reader: Reader, handle: str) -> list[Submitted]:
    """All of an operator's, in the order in which the registry took them."""
    if isinstance(reader, Elsewhere):
        return reader.submitted(handle)
    facts = {name: fact for name, fact in reader.all(RecordFact).items() if fact.operator == handle}
    return sorted((_made(reader, name, fact) for name, fact in facts.items()), key=lambda one: one.entry)


def is_known(reader: Reader, handle: str) -> bool:
    """Whether an operator of that name has joined, records or none."""
    return reader.get(OperatorFact, handle) is not None


def still_open(known: Submitted) -> None:
    """Raises `BadInput` for a record that is out, with what its operator can do: submitting it again does nothing."""
    if known.next:
        raise BadInput(
            f"is at the registry already, {known.words}; nothing was sent", where=known.id[:12], fix=known.next
        )


def _made(reader: Reader, record: str, fact: RecordFact) -> Submitted:
    return Submitted(
        id=record,
        operator=fact.operator,
        status=fact.status.value,
        dropped=fact.dropped,
        why=fact.why,
        row=fact.row,
        row_status=(reader.get(RecordFact, fact.row) or fact).status.value,
        entry=fact.index,
        submitted=fact.submitted,
        approvals=len(fact.approvals),
        needed=reader.need(PolicyFact).approvals,
        others=rows.others(reader, record),
    )
