"""What goes into a transaction of the log, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.tlog.entry import Entry
from harness.tlog.event import Event

if TYPE_CHECKING:
    from harness.registry.intake.failures import FailedRun
    from harness.registry.intake.ingest import Submission


@dataclass(frozen=True, slots=True)
class Item:
    """An event's envelope, and the checked record that it brings along."""

    envelope: bytes
    submission: Submission | None = None
    failure: FailedRun | None = None
    at: str = ""  # when the registry first took it, in a replay
    dropped: bool = False  # the body was taken down later: only a replay of the log may say so
    note: bytes | None = None  # the device note of a record that goes to another machine
    # What will be asked of the log: how long it was when the event was signed, and the payload's digest. Asked anew where wrong.
    hint: tuple[int, str] | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """An event that is in the log now."""

    entry: Entry
    event: Event
