"""What of a registry anybody may read: which events of the log, and which records. Lines and tree are everybody's, whole.

An event that speaks of a record or a request is public once an editor has accepted that record or request, and stays so; what
waits or was refused is a line of digests. A record's bytes are public as long as it is accepted (docs/decisions/0076).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from harness.errors import NotFound, RecordInvalid
from harness.record import envelope
from harness.record.store import ENVELOPE_FILE, SAMPLES_FILE
from harness.registry.db import checkpoints, cosignatures, log
from harness.registry.db.reader import Reader as Reader
from harness.registry.facts import ChallengeFact, FailureFact, RecordFact, RegistryFact, RequestFact, TieFact
from harness.registry.rules.base import public
from harness.tiers.values import Status
from harness.tiers.voices import persons_of
from harness.tlog import event as events
from harness.tlog import merkle, tiles
from harness.tlog.checkpoint import vkey
from harness.tlog.tiles import Tile

FORMAT = 2  # of `registry.json`; a full export has 1
SUBMISSIONS = ("record-submitted", "failure-submitted")
_NAMES_A_REQUEST = ("request-marked-duplicate",)
Digests = tuple[str, str]  # of a record's envelope and of its samples


@dataclass(frozen=True, slots=True)
class Act:
    """An event, as far as it says whether it is public. `named`: the row or request of its detail, or ""."""

    index: int
    kind: str
    by: str
    subject: str
    named: str
    rig: str
    envelope_sha256: str


@dataclass(frozen=True, slots=True)
class Published:
    """Of one state of a registry."""

    size: int
    withheld: tuple[tuple[int, int], ...]  # entries whose events are not public: the first and the last of each stretch
    events: Mapping[str, int]  # digest of an envelope that is public → its entry
    bodies: Mapping[str, Digests]  # of each record that is public, by its id


@dataclass(frozen=True, slots=True)
class _Public:
    """Ids of the records and requests whose events are public, of challenges that they used, of evidence beside such rows."""

    records: Collection[str]
    requests: Collection[str]
    challenges: Collection[str]
    evidence: Collection[str]


def _always(_act: Act, _public: _Public) -> bool:
    return True


def _of_record(act: Act, public: _Public) -> bool:
    return act.subject in public.records


def _moved(act: Act, public: _Public) -> bool:
    return act.subject in public.records and act.named in public.records


def _of_request(act: Act, public: _Public) -> bool:
    return act.subject in public.requests


def _used(act: Act, public: _Public) -> bool:
    return act.subject in public.challenges


def _beside(act: Act, public: _Public) -> bool:
    return act.subject in public.evidence


# Of each kind, when it is public. Who acts, with which key, and by which rules is everybody's: each reader checks by them.
WHEN: Mapping[str, Callable[[Act, _Public], bool]] = {
    **dict.fromkeys(
        (
            "registry-created", "policy-adopted", "editors-changed", "operator-joined", "operator-rotated", "key-revoked",
            "operator-verified", "operator-unverified", "operators-tied", "operators-untied",
            "passkeys-allowed", "witness-added", "witness-removed", "key-unrevoked",
            "registry-key-announced", "registry-key-rotated", "limits-raised", "limits-ended",
        ),
        _always,
    ),
    **dict.fromkeys(
        ("record-submitted", "record-withdrawn", "record-approved", "record-rejected", "record-sent-back", "body-dropped",
         "row-reported", "report-withdrawn", "reports-closed"),
        _of_record,
    ),
    "record-moved": _moved,
    **dict.fromkeys((kind for kind in events.KINDS if kind.startswith("failure-")), _of_record),
    **dict.fromkeys((kind for kind in events.KINDS if kind.startswith("request-")), _of_request),
    "challenge-issued": _used,
    "evidence-imported": _beside,
    "evidence-removed": _beside,
}  # fmt: skip


class PublicLog:
    """What is public of one registry, from state to state: each event is read once."""

    def __init__(self, withheld: Collection[int] = ()) -> None:
        self._withheld = withheld  # of a copy that is public itself: what it does not have
        self._acts: list[Act] = []
        self._read = 0
        self._found: Published | None = None
        self._again_s = 0.0  # when it may be computed again, by this process's clock
        self._lock = Lock()

    def of(self, reader: Reader) -> Published:
        """Of this state, or of one a moment ago where the log is long. Raises `RecordInvalid` where an event is gone."""
        with self._lock:
            size, found, now = reader.size(), self._found, time.monotonic()
            if found is not None and (found.size == size or (found.size < size and now < self._again_s)):
                return found
            if size > self._read:
                self._acts += _acts(reader, self._read, size, self._withheld)
                self._read = size
            found = _published(reader, [act for act in self._acts if act.index < size], size)
            ended = time.monotonic()
            self._found, self._again_s = found, ended + 2 * (ended - now)
            return found


def about(reader: Reader, found: Published) -> dict[str, Any]:
    """`registry.json` of a public export. Nothing of it is believed: lines, tree, signatures and rules bear it out."""
    registry = reader.need(RegistryFact)
    return {
        "format": FORMAT,
        "origin": registry.origin,
        "vkey": vkey(registry.origin, next(iter(public(registry.key).values()))),
        "size": found.size,
        "root": merkle.root(found.size, reader.node).hex(),
        "checkpoint": checkpoints.newest_size(reader, found.size) or None,
        "withheld": [list(one) for one in found.withheld],
        "cosigned": {name: size for name, size in cosignatures.recent(reader).items() if size <= found.size},
    }


def note(reader: Reader, size: str | None) -> bytes:
    """The newest checkpoint, or the one of a log of that size. Raises `NotFound`."""
    if size is not None and (not size.isascii() or not size.isdecimal() or len(size) > 16 or str(int(size)) != size):
        raise NotFound("must be a number of entries", where=size[:40], fix="see: registry.json")
    found = reader.checkpoint() if size is None else checkpoints.of_size(reader, int(size))
    if found is None:
        raise NotFound("there is no such checkpoint", where=size or "checkpoint", fix="see: registry.json")
    return found


def event(reader: Reader, found: Published, digest: str) -> bytes:
    """A public event's envelope. Raises `NotFound`, of one that is withheld, too: that it is there is told by nobody."""
    data = reader.body(digest) if digest in found.events else None
    if data is None:
        raise NotFound("there is no such public event", where=digest[:12], fix="see: registry.json")
    return data


def record(reader: Reader, found: Published, name: str, file: str) -> tuple[str, bytes]:
    """A file of a public record, with its digest. Raises `NotFound`."""
    digests = found.bodies.get(name)
    which = {ENVELOPE_FILE: 0, SAMPLES_FILE: 1}.get(file)
    digest = "" if digests is None or which is None else digests[which]
    data = reader.body(digest) if digest else None
    if data is None:
        raise NotFound("there is no such public record", where=name[:12], fix="see: registry.json")
    return digest, data


def tile(reader: Reader, path: str, limit: int | None = None) -> tuple[Tile, bytes]:
    """A tile or bundle of the log below `limit` entries, by its path in C2SP's layout. Raises `NotFound`."""
    found = tiles.parse_path(path)
    size = reader.size() if limit is None else limit
    if found is None or found.index * tiles.WIDTH + found.width > size >> (tiles.HEIGHT * (found.level or 0)):
        raise NotFound("there is no such tile of this log", where=path[:80], fix="see: checkpoint, registry.json")
    first = found.index * tiles.WIDTH
    if found.level is None:
        parts = log.lines(reader, first, found.width)
    else:
        parts = log.hashes(reader, tiles.HEIGHT * found.level, first, found.width)
    if len(parts) != found.width:
        raise RecordInvalid(f"has {len(parts)} of {found.width} parts", where=path, fix="run: repro audit")
    return found, tiles.bundle(parts) if found.level is None else b"".join(parts)


def _acts(reader: Reader, first: int, end: int, withheld: Collection[int]) -> list[Act]:
    found = []
    for index, line, data in reader.signed(first, end):
        if index in withheld:
            continue
        where = f"entry {index}"
        if data is None:
            raise RecordInvalid("its event is gone", where=where, fix="run: repro audit")
        act = events.read(envelope.read(data, where).payload, where)
        named = next((str(act.detail[name]) for name in ("row", "of") if name in act.detail), "")
        rig = str(act.detail["rig_key"]) if act.kind in SUBMISSIONS else ""
        found.append(Act(index, act.kind, act.by, act.subject, named, rig, line.envelope_sha256))
    return found


def _published(reader: Reader, acts: Sequence[Act], size: int) -> Published:
    records: dict[str, RecordFact | FailureFact] = {**reader.all(RecordFact), **reader.all(FailureFact)}
    known = _public(reader, acts, records)
    shown = [act for act in acts if WHEN.get(act.kind, _always)(act, known)]
    bodies = {
        name: (one.envelope_sha256, one.samples_sha256)
        for name, one in records.items()
        if one.status is Status.ACCEPTED and not one.dropped
    }
    withheld = stretches(sorted(set(range(size)) - {act.index for act in shown}))
    return Published(size, withheld, {act.envelope_sha256: act.index for act in shown}, bodies)


def _public(reader: Reader, acts: Sequence[Act], records: Mapping[str, RecordFact | FailureFact]) -> _Public:
    shown = {name for name, one in records.items() if one.public_from is not None}
    submissions = [act for act in acts if act.kind in SUBMISSIONS]
    shown |= _links(submissions, shown, reader.all(TieFact).values())
    # The row that a submission names must be known, though its own record may have been turned down.
    shown |= {act.named for act in submissions if act.subject in shown and act.named}
    requests = {name for name, one in reader.all(RequestFact).items() if one.public_from is not None}
    while more := {act.named for act in acts if act.kind in _NAMES_A_REQUEST and act.subject in requests} - requests:
        requests |= more
    challenges = {name for name, one in reader.all(ChallengeFact).items() if one.used in shown}
    evidence = {act.subject for act in acts if act.kind == "evidence-imported" and act.named in shown}
    return _Public(shown, requests, challenges, evidence)


def _links(submissions: Sequence[Act], shown: Collection[str], ties: Iterable[TieFact]) -> set[str]:
    """Submissions that are not public and make one person of operators who have public records: tiers rest on them.

    A tie that was taken back counts here, too: what was public stays so.
    """
    tied = [(handle, f"tie {'|'.join(tie.operators)}") for tie in ties for handle in tie.operators]
    person = persons_of([*tied, *((act.by, act.rig) for act in submissions)])
    operators: dict[str, set[str]] = {}
    shared: dict[str, set[str]] = {}
    for act in submissions:
        shared.setdefault(act.rig, set()).add(act.by)
        if act.subject in shown:
            operators.setdefault(person[act.by], set()).add(act.by)
    known = {(act.by, act.rig) for act in submissions if act.subject in shown}
    found = set()
    for act in submissions:
        several = len(operators.get(person[act.by], ())) > 1 and len(shared[act.rig]) > 1
        if several and (act.by, act.rig) not in known:
            known.add((act.by, act.rig))
            found.add(act.subject)
    return found


def stretches(indices: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Sorted numbers as stretches without a gap: the first and the last of each."""
    found: list[list[int]] = []
    for index in indices:
        if found and index == found[-1][1] + 1:
            found[-1][1] = index
        else:
            found.append([index, index])
    return tuple((first, last) for first, last in found)
