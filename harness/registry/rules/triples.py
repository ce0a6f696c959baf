"""Records of one subject and device outlive their rows: when the next row of both is approved, those of closed rows come along.

A row closes when its own record is withdrawn or rejected. What others measured against it is not its owner's to take away.
Pure, and from the log alone (docs/decisions/0038): a submission names its device by a digest, as it names its subject.
"""

from __future__ import annotations

from typing import Any

from harness.registry.rules.base import Fact, Place, View, known, refuse_unless
from harness.tlog.event import HEX, Event

OPEN = ("pending", "accepted", "sent-back")


def named(event: Event, place: Place, view: View) -> list[Fact]:
    """That the record is of its subject and device. Once a log names devices, every submission must."""
    device = event.detail.get("device_sha256")
    before = view.get("triple", "")
    if device is None:
        refuse_unless(
            before is None, "does not name its device", event.subject[:12], "update repro-harness, and submit it again"
        )
        return []
    refuse_unless(HEX.fullmatch(device) is not None, "its device_sha256 must be 64 hexadecimal digits", "submission")
    first: list[Fact] = [("triple", "", {"since": place.index})] if before is None else []
    return [*first, ("triple", _name(event.detail) + event.subject, {})]


def _name(detail: Any) -> str:
    # Hexadecimal digits alone: they sort alike in every database, whatever its language.
    return f"{detail['subject_sha256']}{detail['device_sha256']}"


def waiting(hub: str, record: dict[str, Any], view: View) -> dict[str, dict[str, Any]]:
    """The facts of the records of the hub's subject and device that are in closed rows and not out themselves, by id.

    None of a log from before devices were named: an editor moves those.
    """
    if "device_sha256" not in record:
        return {}
    found = {}
    for name in view.of_triple(_name(record)):
        one = known(view, "record", name)
        elsewhere = one["row"] not in (name, hub) and one["status"] in OPEN
        if elsewhere and known(view, "record", one["row"])["status"] not in OPEN:
            found[name] = one
    return found


def taken_along(hub: str, record: dict[str, Any], place: Place, view: View) -> list[Fact]:
    """The records of the hub's subject and device that are in closed rows: in its row from here on.

    An approved one stays approved: it counts at once, whatever it says of the hub. One that waits is decided here.
    """
    facts: list[Fact] = []
    for name, one in waiting(hub, record, view).items():
        approvals = one["approvals"] if one["status"] == "accepted" else []
        earlier = [*one.get("came_from", []), one["row"]]
        facts.append(
            ("record", name, {**one, "row": hub, "changed": place.index, "approvals": approvals, "came_from": earlier})
        )
    return facts


def open_row(view: View, row: str, subject_sha256: str, closed: str, other: str) -> None:
    """Raises `BadInput` unless it is an open row of that subject; `closed` and `other` say what to do about it."""
    hub = known(view, "record", row)
    refuse_unless(hub["row"] == row, "names a record that is no row", "row", "name the row's own record")
    refuse_unless(hub["status"] in OPEN, f"the row is {hub['status']}", "row", closed)
    refuse_unless(
        hub["subject_sha256"] == subject_sha256,
        "differs from the row in model, quantisation, engine, workload or a setting that changes the computation",
        "row",
        other,
    )
