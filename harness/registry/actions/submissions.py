"""What operators do with records: submit, withdraw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import BadInput, Conflict
from harness.names import says_something
from harness.registry.actions.acts import Actor, Wish, act, submit
from harness.registry.db import device_digests
from harness.registry.db.transaction import Item
from harness.registry.intake.ingest import Submission
from harness.registry.queries import submissions
from harness.registry.queries.requests import id_of
from harness.registry.queries.submissions import Submitted
from harness.registry.store import Registry


@dataclass(frozen=True, slots=True)
class Sent:
    """A record that waits in the queue."""

    record: str
    row: str  # its own id: it opens a row
    entry: int

    @property
    def opens(self) -> bool:
        """Whether it opens a row of its own."""
        return self.row == self.record


def already(registry: Registry, actor: Actor, found: Submission, note: bytes | None) -> Submitted | None:
    """What the registry says of this operator's very record; None where it does not have it. Raises `BadInput` if it is out.

    `note`: the device note beside the record, which is kept: an earlier try may have ended before that.
    """
    with registry.reading() as reader:
        known = submissions.of(reader, found.id)
    if known is None or known.operator != actor.handle:
        return None
    submissions.still_open(known)
    device_digests.note(registry, found, note)
    return known


def send(
    registry: Registry, actor: Actor, found: Submission, note: bytes | None, wish: Wish, first: Sequence[Item] = ()
) -> Sent:
    """Put the record into the queue, after `first`, and keep its device note; `wish.request` may be the beginning of an id.

    Raises why it may not be; nothing is written then.
    """
    if wish.request:
        with registry.reading() as reader:
            wish = Wish(wish.row, wish.idempotency, id_of(reader, wish.request))
    taken = submit(registry, actor, found, wish, first, note)
    if taken is None:
        raise Conflict(
            "was submitted at the same time by somebody else", where=found.id[:12], fix="see: repro submissions"
        )
    device_digests.note(registry, found, note)
    return Sent(found.id, str(taken.event.detail["row"]), taken.entry.index)


def own_record(registry: Registry, actor: Actor, record: str, reason: str) -> Submitted:
    """The operator's record whose id begins so, which may be withdrawn. Raises `BadInput`: another's, out already, no reason."""
    with registry.reading() as reader:
        identity = reader.id_of(record)
        known = submissions.of(reader, identity)
    if known is None or known.operator != actor.handle:
        raise BadInput("is somebody else's record", where=identity[:12], fix="withdraw your own: repro submissions")
    if known.status == "withdrawn":
        raise BadInput(f"is {known.words} already", where=identity[:12], fix="there is nothing to do")
    if not says_something(reason):
        raise BadInput("a withdrawal needs a reason", where="--reason", fix="add --reason TEXT; it is public")
    return known


def withdraw(registry: Registry, actor: Actor, record: str, reason: str) -> Sent:
    """For ever. Raises as `own_record`, and why it may not be."""
    known = own_record(registry, actor, record, reason)
    taken = act(registry, actor, "record-withdrawn", known.id, reason=reason)
    return Sent(known.id, known.row, taken.entry.index)
