"""The editors' queue as it is listed: its records examined, as many as that takes, and what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import RecordInvalid, ReproError, one_line
from harness.progress import SILENT, Progress
from harness.registry.queries import believed
from harness.registry.queries.alike import Seen
from harness.registry.queries.believed import Doubt
from harness.registry.queries.coming import rows_of
from harness.registry.queries.review import MOST_EXAMINED, Dossier, Waiting, dossier, first_examined, glance, queue
from harness.registry.store import Registry


@dataclass(frozen=True, slots=True)
class Queue:
    """The waiting records, oldest first."""

    found: tuple[Dossier | Waiting, ...]
    unreadable: tuple[tuple[str, str], ...]  # (id, why it cannot be examined)
    left_out: tuple[Doubt, ...]  # records of their rows that do not hold
    waiting: int
    unread: int  # that were not examined


def listed(
    registry: Registry, *, examine_all: bool = False, most: int = MOST_EXAMINED, progress: Progress = SILENT
) -> Queue:
    """Of a long queue the first of every operator are examined, `most` in all, unless all are to be."""
    with registry.reading() as reader:
        waiting = queue(reader)
        wanted = set(waiting) if examine_all else first_examined(reader, waiting, most)
    return _looked_at(registry, waiting, wanted, len(waiting), progress)


def examined(registry: Registry, chosen: Sequence[str]) -> Queue:
    """These alone of the waiting records, in their order, each examined."""
    with registry.reading() as reader:
        waiting = set(queue(reader))
    own = [identity for identity in chosen if identity in waiting]
    return _looked_at(registry, own, set(own), len(waiting), SILENT)


def _looked_at(registry: Registry, ids: Sequence[str], wanted: set[str], waiting: int, progress: Progress) -> Queue:
    """`wanted`: those that are examined, of the others the table's line is told."""
    with registry.reading() as reader:
        homes, queued = rows_of(reader, wanted), set(queue(reader))
    found: list[Dossier | Waiting] = []
    unreadable: list[tuple[str, str]] = []
    with believed.reading(registry, homes, progress, keep=queued) as (reader, left_out):
        seen = Seen()
        broken = {one.record: one for one in left_out if not one.readable}
        for identity in ids:
            try:
                _whole(broken.get(identity))
                found.append(dossier(reader, identity, seen) if identity in wanted else glance(reader, identity))
            except ReproError as error:
                what = error.what if error.what.startswith("cannot") else f"cannot be examined: {error.what}"
                unreadable.append((identity, one_line(what)))
        doubts = tuple(one for one in left_out if one.record not in queued)
    return Queue(tuple(found), tuple(unreadable), doubts, waiting, waiting - len(wanted))


def shown(registry: Registry, record: str) -> tuple[Dossier, tuple[Doubt, ...]]:
    """All that is known of the record whose id begins so, and the records of its row that do not hold. Raises `BadInput`."""
    with registry.reading() as reader:
        identity = reader.id_of(record)
        homes = rows_of(reader, [identity])
    with believed.reading(registry, homes, keep=[identity]) as (reader, left_out):
        doubts = tuple(one for one in left_out if one.record != identity)
        _whole(next((one for one in left_out if one.record == identity and not one.readable), None))
        return dossier(reader, identity), doubts


def _whole(broken: Doubt | None) -> None:
    """Raises `RecordInvalid` for a record whose line of the table nobody can read."""
    if broken is not None:
        what = f"cannot be examined: the table's line of it holds no measurement; {broken.what}"
        raise RecordInvalid(what, where=broken.record[:12], fix="run: repro audit")
