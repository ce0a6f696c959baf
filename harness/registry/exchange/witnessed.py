"""Which witnesses a reader asks for, and how far they have signed a log: of a database, an export or a copy alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from harness.errors import BadInput, RecordInvalid
from harness.registry.db import checkpoints, cosignatures
from harness.registry.db.reader import Reader
from harness.registry.facts import WitnessFact
from harness.registry.rules.apply import Facts
from harness.tlog import cosignature
from harness.tlog.cosignature import Cosigner

MOST_BEHIND = timedelta(hours=1)  # for which the newest entries may lack the signatures that are asked for


@dataclass(frozen=True, slots=True)
class Quorum:
    """The witnesses whose word a reader takes, and how many of them must have signed."""

    witnesses: tuple[Cosigner, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class Cosigned:
    """The largest tree that enough of them signed: entries below it, who, and the earliest of their times (UTC)."""

    size: int
    names: tuple[str, ...]
    at: str


def quorum(keys: Sequence[str], threshold: int | None) -> Quorum | None:
    """Of verifier keys; `threshold` None: all of them. None where none is asked for. Raises `BadInput`."""
    found = tuple(cosignature.parse_vkey(one, "--witness") for one in keys)
    if threshold is not None and not 1 <= threshold <= len(found):
        raise BadInput(
            f"{threshold} of {len(found)} witnesses can't be asked for",
            where="--threshold",
            fix="name more witnesses",
        )
    if len({one.key.public_bytes_raw() for one in found}) < len(found):
        raise BadInput("names one key twice", where="--witness", fix="a witness counts once")
    return Quorum(found, threshold or len(found)) if found else None


def newest(
    notes: Iterable[tuple[int, bytes]], asked: Quorum, now: datetime
) -> tuple[Cosigned | None, list[tuple[int, str]]]:
    """The largest of the notes (size, bytes) that enough witnesses signed, and what is false of any (size, what)."""
    found: Cosigned | None = None
    wrong: list[tuple[int, str]] = []
    for size, note in notes:
        try:
            times = cosignature.times(note, asked.witnesses, f"checkpoint {size}")
        except RecordInvalid as error:
            wrong.append((size, error.what))
            continue
        late = [name for name, at_s in times.items() if at_s > now.timestamp() + cosignature.MOST_AHEAD_S]
        wrong += [(size, f"the cosignature of {name} is from the future") for name in late]
        if len(times) - len(late) >= asked.threshold and (found is None or size > found.size):
            good = sorted(set(times) - set(late))
            found = Cosigned(size, tuple(good), _utc(min(times[name] for name in good)))
    return found, wrong


def lacking(found: Cosigned | None, asked: Quorum, size: int, first_after: str, now: datetime) -> str:
    """What is wrong where a log of `size` entries is not signed as far as it should be; "" where nothing is.

    `first_after`: when the registry took the first entry that they did not sign, UTC; "" where there is none.
    """
    wanted = f"{asked.threshold} of the {len(asked.witnesses)} witnesses that were asked for"
    if found is None:
        return f"no checkpoint is signed by {wanted}"
    if found.size < size and first_after and datetime.fromisoformat(first_after) < now - MOST_BEHIND:
        return f"entry {found.size} is of {first_after}, and {wanted} have signed up to entry {found.size - 1} only"
    return ""


def look(reader: Reader, asked: Quorum, now: datetime) -> tuple[Cosigned | None, list[tuple[str, str]]]:
    """How far they have signed this log, and what is wrong with it. Where, what."""
    lines: dict[int, bytes] = {}
    for size, line in cosignatures.told(reader):
        lines[size] = lines.get(size, b"") + line
    found, wrong = newest(((size, note + lines.get(size, b"")) for size, note in checkpoints.told(reader)), asked, now)
    faults = [(f"checkpoint {size}", what) for size, what in wrong]
    size = reader.size()
    after = reader.entry(found.size) if found is not None and found.size < size else None
    what = lacking(found, asked, size, "" if after is None else after.at, now)
    return found, [*faults, *([("witnesses", what)] if what else [])]


def false_lines(reader: Reader, facts: Facts) -> list[tuple[str, str]]:
    """Stored cosignatures that do not hold: of no checkpoint, or false of a witness that the log names. Where, what."""
    known = []
    for name, one in facts.all(WitnessFact).items():
        known.append(cosignature.parse_vkey(one.key, name))
    notes = dict(checkpoints.told(reader))
    found = []
    for size, line in cosignatures.told(reader):
        where = f"cosignature {size}"
        if size not in notes:
            found.append((where, "is of a checkpoint that is not there"))
            continue
        try:
            cosignature.times(notes[size] + line, known, where)
        except RecordInvalid as error:
            found.append((where, error.what))
    return found


def _utc(at_s: int) -> str:
    try:
        return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return ""
