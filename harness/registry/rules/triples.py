"""Records of one subject and device outlive their rows: when the next row of both is approved, those of closed rows come along.

A row closes when its own record is withdrawn or rejected. What others measured against it is not its owner's to take away.
Pure, and from the log alone (docs/decisions/0038): a submission names its device by a digest, as it names its subject.
"""

from __future__ import annotations

from dataclasses import replace

from harness.registry.facts import Named, RecordFact, TripleFact
from harness.registry.rules.base import Place, View, known, refuse_unless
from harness.tiers.values import Status
from harness.tlog.event import HEX, Event

OPEN = (Status.PENDING, Status.ACCEPTED, Status.SENT_BACK)


def named(event: Event, place: Place, view: View) -> list[Named]:
    """That the record is of its subject and device. Once a log names devices, every submission must."""
    device = event.detail.get("device_sha256")
    before = view.get(TripleFact, "")
    if device is None:
        refuse_unless(
            before is None, "does not name its device", event.subject[:12], "update repro-harness, and submit it again"
        )
        return []
    refuse_unless(HEX.fullmatch(device) is not None, "its device_sha256 must be 64 hexadecimal digits", "submission")
    first: list[Named] = [("", TripleFact(since=place.index))] if before is None else []
    return [*first, (_name(event.detail["subject_sha256"], device) + event.subject, TripleFact())]


def _name(subject_sha256: str, device_sha256: str) -> str:
    # Hexadecimal digits alone: they sort alike in every database, whatever its language.
    return f"{subject_sha256}{device_sha256}"


def waiting(hub: str, record: RecordFact, view: View) -> dict[str, RecordFact]:
    """The facts of the records of the hub's subject and device that are in closed rows and not out themselves, by id.

    None of a log from before devices were named: an editor moves those.
    """
    if record.device_sha256 is None:
        return {}
    found = {}
    for name in view.of_triple(_name(record.subject_sha256, record.device_sha256)):
        one = known(view, RecordFact, name)
        elsewhere = one.row not in (name, hub) and one.status in OPEN
        if elsewhere and known(view, RecordFact, one.row).status not in OPEN:
            found[name] = one
    return found


def free(hub: str, record: RecordFact, view: View) -> bool:
    """Whether no other accepted row is of this row's subject and device: one that waits is not everybody's to know, and can be
    moved. Not known of a log from before devices were named.
    """
    if record.device_sha256 is None:
        return False
    others = set(view.of_triple(_name(record.subject_sha256, record.device_sha256))) - {hub}
    found = {name: known(view, RecordFact, name) for name in others}
    return not any(one.row == name and one.status is Status.ACCEPTED for name, one in found.items())


def taken_along(hub: str, record: RecordFact, place: Place, view: View) -> list[Named]:
    """The records of the hub's subject and device that are in closed rows: in its row from here on.

    An approved one stays approved: it counts at once, whatever it says of the hub. One that waits is decided here.
    """
    facts: list[Named] = []
    for name, one in waiting(hub, record, view).items():
        approvals = one.approvals if one.status is Status.ACCEPTED else ()
        earlier = (*one.came_from, one.row)
        facts.append((name, replace(one, row=hub, changed=place.index, approvals=approvals, came_from=earlier)))
    return facts


def open_row(view: View, row: str, subject_sha256: str, closed: str, other: str) -> None:
    """Raises `BadInput` unless it is an open row of that subject; `closed` and `other` say what to do about it."""
    hub = known(view, RecordFact, row)
    refuse_unless(hub.row == row, "must name a row", "row", "name the row's own record")
    refuse_unless(hub.status in OPEN, f"the row is {hub.status}", "row", closed)
    refuse_unless(
        hub.subject_sha256 == subject_sha256,
        "differs from the row in model, quantisation, engine, workload or a setting that changes the computation",
        "row",
        other,
    )
