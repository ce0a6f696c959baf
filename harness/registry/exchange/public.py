"""A registry's public part as plain files, and a copy of it to read: every line of the log, and of the rest what is public.

registry.json                  format, origin, key, size, root, newest checkpoint, entries whose events are withheld
checkpoint                     the newest signed note (C2SP tlog-checkpoint)
checkpoints/SIZE               each of them
tile/…                         the tree and the lines of the log (C2SP tlog-tiles)
events/SHA256.json             signed events that are public, named by the digest of their bytes
records/ID/record.dsse.json    signed records that are accepted, and
records/ID/samples.parquet     their samples

A service shows the same files at the same addresses. A copy is folded by the rules that every registry obeys; an entry whose
event is withheld is skipped there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from harness.errors import LogInconsistent, RecordInvalid
from harness.files import write_bytes
from harness.inside import inside
from harness.progress import SILENT, Progress
from harness.record import envelope
from harness.record.store import ENVELOPE_FILE, SAMPLES_FILE
from harness.registry.db import checkpoints, databases
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item
from harness.registry.exchange import files
from harness.registry.exchange.derived_before import DerivedBefore
from harness.registry.exchange.files import BATCH, MARK_LIMIT, Exported
from harness.registry.facts import FailureFact, RecordFact, RegistryFact
from harness.registry.intake.ingest import ENVELOPE_LIMIT, SAMPLES_LIMIT
from harness.registry.queries import published
from harness.registry.queries.published import FORMAT, SUBMISSIONS, PublicLog
from harness.registry.rules import times
from harness.registry.rules.apply import Facts, applied
from harness.registry.rules.base import Place, public
from harness.registry.store import Registry
from harness.tiers.values import Status
from harness.tlog import checkpoint, entry, merkle, tiles
from harness.tlog import event as events
from harness.tlog.checkpoint import parse_vkey, vkey
from harness.tlog.entry import Entry
from harness.tlog.origin import ORIGIN
from harness.tlog.stretches import Stretches

CHECKPOINT = "checkpoint"
# Of a log that is copied: a few bytes may claim any number, and each costs room before it can be checked.
MOST_ENTRIES = 1 << 24
MOST_COSIGNED = 16  # checkpoints that are fetched beside the newest one
FACTS = (RecordFact, FailureFact)


@dataclass(frozen=True, slots=True)
class Mark:
    """What `registry.json` says."""

    origin: str
    vkey: str
    size: int
    root: bytes
    checkpoint: int | None  # entries below the newest one
    withheld: Stretches
    cosigned: tuple[int, ...]  # entries below the checkpoints that witnesses signed last


def event_path(digest: str) -> str:
    """Where an event lies, by the digest of its envelope."""
    return f"events/{digest}.json"


def record_paths(record: str) -> tuple[str, str]:
    """Where a record's envelope and samples lie."""
    return f"records/{record}/{ENVELOPE_FILE}", f"records/{record}/{SAMPLES_FILE}"


def export(registry: Registry, target: Path, progress: Progress) -> int:
    """Write what is public of the registry below `target`, which appears whole or not at all. Returns the number of entries."""
    return files.appear(target, lambda folder: _write(registry, folder, progress))


def _write(registry: Registry, folder: Path, progress: Progress) -> int:
    with registry.reading() as reader:
        found = PublicLog(registry.withheld or ()).of(reader)
        for one in tiles.layout(found.size):
            _put(folder, one.path, published.tile(reader, one.path, found.size)[1])
        for done, digest in enumerate(found.events, 1):
            _put(folder, event_path(digest), _body(reader, digest))
            progress.advance("writing events", done, len(found.events))
        for name, digests in found.bodies.items():
            bodies = [reader.body(digest) for digest in digests]
            for path, data in zip(record_paths(name), bodies, strict=True):
                if data is not None or registry.withheld is None:
                    _put(folder, path, _body(reader, digests[0]) if data is None else data)
        _notes(reader, folder)
        text = json.dumps(published.about(reader, found), indent=1) + "\n"
        write_bytes(folder / databases.MARK, text.encode())
    return found.size


def _body(reader: Reader, digest: str) -> bytes:
    data = reader.body(digest)
    if data is None:
        raise RecordInvalid("its bytes are gone", where=f"body {digest[:12]}", fix="run: repro audit")
    return data


def _notes(reader: Reader, folder: Path) -> None:
    note = b""
    for number, note in checkpoints.notes(reader):
        _put(folder, f"checkpoints/{number}", note)
    if note:
        _put(folder, CHECKPOINT, note)


def _put(folder: Path, name: str, data: bytes) -> None:
    path = inside(folder, name, "the registry")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)


def is_public(folder: Path) -> bool:
    """Whether the export in the folder is a public one. Raises `RecordInvalid` where it is no export."""
    return Exported(folder).format() == FORMAT


def parsed(data: bytes, where: str) -> Mark:
    """`registry.json`. Raises `RecordInvalid`."""
    try:
        told = json.loads(data)
        if told["format"] != FORMAT:
            raise ValueError(f"it must be of format {FORMAT}")
        size, newest = _count(told["size"]), told["checkpoint"]
        origin, key = str(told["origin"]), str(told["vkey"])
        if ORIGIN.fullmatch(origin) is None:
            raise ValueError(f"the origin {origin[:40]!r}")
        key.encode()  # halves of characters are in no key
        return Mark(
            origin,
            key,
            size,
            bytes.fromhex(told["root"]),
            None if newest is None else _count(newest),
            Stretches(_stretch(first, last, size) for first, last in told["withheld"]),
            tuple(sorted({_count(one) for one in told.get("cosigned", {}).values()})[-MOST_COSIGNED:]),
        )
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise RecordInvalid(
            f"does not describe a public export ({type(error).__name__}: {error})", where=where, fix="export it again"
        ) from error


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MOST_ENTRIES:
        raise ValueError(f"{value!r:.40} must be a number of entries, {MOST_ENTRIES} at most")
    return value


def _stretch(first: Any, last: Any, size: int) -> tuple[int, int]:
    if _count(first) > _count(last) or last >= size:
        raise ValueError("what it withholds must lie in the log")
    return first, last


class PublicFiles(Exported):
    """A folder of a public export."""

    @cached_property
    def told(self) -> Mark:
        """See `Mark`. Raises `RecordInvalid`."""
        path = self.folder / databases.MARK
        return parsed(self.read(path, MARK_LIMIT << 8), str(path))

    def lines(self) -> Iterator[bytes]:
        """The log, line by line, from the bundles of entries. Raises `RecordInvalid`."""
        for one in tiles.layout(self.told.size):
            if one.level is None:
                path = self.folder / one.path
                yield from tiles.read_bundle(self.read(path, tiles.WIDTH * files.LINE_LIMIT), one.width, str(path))

    def event(self, line: Entry) -> bytes:
        """A signed event. Raises `RecordInvalid`."""
        path = self.folder / event_path(line.envelope_sha256)
        data = self.read(path, envelope.SIZE_LIMIT)
        if sha256(data).hexdigest() != line.envelope_sha256:
            raise RecordInvalid("its event was changed", where=str(path), fix="fetch or export it again")
        return data

    def record(self, name: str) -> tuple[bytes, bytes] | None:
        """A record's envelope and samples; None where they are not here. Raises `RecordInvalid`."""
        body, samples = (self.folder / path for path in record_paths(name))
        self.plain(body)
        if not body.exists():
            return None
        return self.read(body, ENVELOPE_LIMIT), self.read(samples, SAMPLES_LIMIT)


def fold(source: PublicFiles, progress: Progress = SILENT) -> Facts:
    """What follows from the log, once every line, link, digest, signature and rule of it holds, but for what is withheld.

    Raises `LogInconsistent`, `RecordInvalid` and `BadInput` for the first thing that does not.
    """
    told, facts, tree = source.told, Facts(), merkle.Tree()
    before: Entry | None = None
    heads = {0: ""}
    where = str(source.folder)
    for number, data in enumerate(source.lines()):
        line = entry.read(data, f"entry {number}")
        entry.follows(line, before, where)
        tree.append(merkle.leaf_hash(data))
        heads[number + 1], before = line.digest(), line
        place = Place(line.index, line.at)
        if number in told.withheld:
            facts.take(times.withheld(place))
            continue
        _event, made, payload = applied(source.event(line), place, facts, heads.get)
        if sha256(payload).hexdigest() != line.event_sha256:
            raise LogInconsistent(f"entry {number} names another event", where=where, fix="trust neither")
        facts.take(made)
        progress.advance("checking entries", number + 1, told.size)
    if tree.size != told.size or tree.root() != told.root:
        raise LogInconsistent(f"is another log than {databases.MARK} names", where=where, fix="trust neither")
    signed(source, facts, tree)
    return facts


def signed(source: PublicFiles, facts: Facts, tree: merkle.Tree) -> None:
    """Raises `LogInconsistent` unless key and newest checkpoint are the log's own."""
    told, where = source.told, str(source.folder)
    registry = facts.get(RegistryFact, "")
    if registry is None or registry.origin != told.origin:
        raise LogInconsistent(f"is another log than {databases.MARK} names", where=where, fix="trust neither")
    if told.vkey != vkey_of(registry, tree.size):
        raise LogInconsistent("names another key than its log does", where=databases.MARK, fix="trust neither")
    if told.checkpoint is None:
        return
    note = source.read(source.folder / CHECKPOINT, checkpoint.NOTE_LIMIT)
    name, key = parse_vkey(vkey_of(registry, told.checkpoint), CHECKPOINT)
    found = checkpoint.read(note, {name: key}, CHECKPOINT)
    if found.origin != name or found.size != told.checkpoint or found.size > tree.size:
        raise LogInconsistent("is of another log, or of another length", where=CHECKPOINT, fix="trust neither")
    if merkle.root(found.size, tree.node) != found.root:
        raise LogInconsistent("is of another history than the log", where=CHECKPOINT, fix="trust neither")


def vkey_of(registry: RegistryFact, size: int) -> str:
    """The verifier key of who signs a tree of so many entries."""
    return vkey(registry.origin, next(iter(public(registry.key_of(size)).values())))


def allowed(facts: Facts) -> Mapping[str, tuple[RecordFact | FailureFact, bool]]:
    """The records whose bytes may be public, each with whether they must be there.

    One that is accepted in a closed row may have been moved since, by an act that is withheld as long as its new row waits.
    """
    found: dict[str, tuple[RecordFact | FailureFact, bool]] = {}
    for name, one in facts.all(RecordFact).items():
        if one.status is Status.ACCEPTED and not one.dropped:
            row = facts.get(RecordFact, one.row)
            found[name] = one, row is not None and row.status is Status.ACCEPTED
    for name, failed in facts.all(FailureFact).items():
        if failed.status is Status.ACCEPTED and not failed.dropped:
            found[name] = failed, True
    return found


def replay(source: PublicFiles, facts: Facts, registry: Registry, progress: Progress) -> None:
    """Put the log into an empty database. `facts`: what `fold` made of it.

    Raises `RecordInvalid` for a record that does not hold, is missing, or should not be here.
    """
    may = allowed(facts)
    numbered, before = enumerate(source.lines()), DerivedBefore.of(source.told.origin)
    while some := list(islice(numbered, BATCH)):
        lines = [entry.read(data, f"entry {number}") for number, data in some]
        found = registry.replay([_item(source, line, may, before) for line in lines])
        if found != lines:
            raise LogInconsistent("is not what its events make", where=str(source.folder), fix="the log was edited")
        progress.advance("reading entries", lines[-1].index + 1, source.told.size)
    for number, note in source.checkpoints():
        registry.keep_checkpoint(number, note)
    before.keep()


def _item(
    source: PublicFiles,
    line: Entry,
    may: Mapping[str, tuple[RecordFact | FailureFact, bool]],
    before: DerivedBefore,
) -> Item | Entry:
    if line.index in source.told.withheld:
        return line
    data = source.event(line)
    event = events.read(envelope.read(data, f"entry {line.index}").payload, f"entry {line.index}")
    if event.kind not in SUBMISSIONS:
        return Item(data, at=line.at)
    where, (fact, must) = f"record {event.subject[:12]}", may.get(event.subject, (None, False))
    bodies = source.record(event.subject)
    if bodies is None:
        if must:
            raise RecordInvalid("is accepted, and its bytes are missing", where=where, fix="fetch or export it again")
        return Item(data, at=line.at, dropped=True)
    if fact is None:
        raise RecordInvalid("is not public, and its bytes are here", where=where, fix="export it again")
    digests = tuple(sha256(one).hexdigest() for one in bodies)
    if digests != (fact.envelope_sha256, fact.samples_sha256):
        raise RecordInvalid("its bytes were changed", where=where, fix="fetch or export it again")
    if event.kind == "failure-submitted":
        return Item(data, failure=before.failure(*bodies, where), at=line.at)
    return Item(data, submission=before.submission(*bodies, where), at=line.at)


def in_memory(folder: Path, progress: Progress = SILENT) -> Registry:
    """A public export as a registry that can be read, and forgets what is written to it. Raises as `fold` and `replay`."""
    source = PublicFiles(folder)
    facts = fold(source, progress)
    database = databases.connect("sqlite://")
    databases.upgrade(database)
    registry = Registry(database, str(folder), source.told.withheld)
    replay(source, facts, registry, progress)
    return registry
