"""A hub as plain files, and back: nothing is lost, and what comes back is byte for byte the same log.

hub.json                       format, origin, size
log/entries.jsonl              the leaves of the Merkle tree, a line each
events/SHA256.json             the signed events, named by the digest of their bytes
records/ID/record.dsse.json    the signed records, and
records/ID/samples.parquet     their samples
sources/SHA256                 logs of other tools
checkpoints/SIZE               signed notes
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import select

from harness.errors import BadInput, RecordInvalid, ReproError
from harness.files import let_all_read, refusal, sync, write_bytes
from harness.hub import checkpoint, engine, entry, merkle, tables
from harness.hub import event as events
from harness.hub.batch import Item
from harness.hub.entry import Entry
from harness.hub.event import Event
from harness.hub.ingest import checked
from harness.hub.reader import Reader
from harness.hub.rules.base import public
from harness.hub.store import Hub, open_hub
from harness.record import envelope
from harness.record.store import ENVELOPE_FILE, SAMPLES_FILE

FORMAT = 1
BATCH = 256
LOG = "log/entries.jsonl"
Tell = Callable[[int, int], None]  # (done, of)


def export(hub: Hub, target: Path, tell: Tell) -> int:
    """Write the hub below `target`, which appears whole or not at all. Returns the number of entries. Raises `BadInput`."""
    if target.exists():
        raise BadInput("is there already", where=str(target), fix="name a new folder")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise refusal(error, target) from error
    try:
        count = _write(hub, scratch, tell)
        let_all_read(scratch)
        scratch.rename(target)
        sync(target.parent)
    except OSError as error:
        raise refusal(error, target) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return count


def _write(hub: Hub, folder: Path, tell: Tell) -> int:
    for name in ("log", "events", "records", "checkpoints"):
        (folder / name).mkdir()
    with hub.reading() as reader:
        fact, size = reader.get("hub", "") or {}, reader.size()
        lines = []
        for index, payload in reader.payloads():
            lines.append(payload)
            line = entry.read(payload, f"entry {index}")
            data = reader.body(line.envelope_sha256)
            if data is None:
                raise RecordInvalid("its event is gone", where=f"entry {index}", fix="run: repro audit")
            write_bytes(folder / "events" / f"{line.envelope_sha256}.json", data)
            for name, digest in _bodies(reader, events.read(envelope.read(data, name_of(line)).payload, name_of(line))):
                body = reader.body(digest)
                if body is not None:
                    path = folder / name
                    path.parent.mkdir(exist_ok=True)
                    write_bytes(path, body)
            tell(index + 1, size)
        write_bytes(folder / LOG, b"".join(line + b"\n" for line in lines))
        for number, note in reader.connection.execute(select(tables.checkpoints.c.size, tables.checkpoints.c.note)):
            write_bytes(folder / "checkpoints" / str(number), bytes(note))
        mark = {"format": FORMAT, "origin": fact.get("origin", ""), "size": size}
        write_bytes(folder / engine.MARK, (json.dumps(mark, indent=1) + "\n").encode())
    return size


def name_of(line: Entry) -> str:
    """How a line of the log is called in messages."""
    return f"entry {line.index}"


def _bodies(reader: Reader, event: Event) -> Iterator[tuple[str, str]]:
    """(path, digest) of what an event brought along."""
    if event.kind == "record-submitted":
        fact = reader.get("record", event.subject)
        if fact is None or fact["dropped"]:
            return
        yield f"records/{event.subject}/{ENVELOPE_FILE}", event.detail["envelope_sha256"]
        yield f"records/{event.subject}/{SAMPLES_FILE}", event.detail["samples_sha256"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A folder of exported files."""

    folder: Path

    def lines(self) -> list[bytes]:
        """The log. Raises `BadInput` or `RecordInvalid`."""
        path = self.folder / LOG
        data = self._read(path)
        found = data.split(b"\n")
        if found.pop() != b"":
            raise RecordInvalid("ends in the middle of a line", where=str(path), fix="export it again")
        return found

    def item(self, line: Entry) -> tuple[Event, Item]:
        """An event with what it brought along, read from files that only their digests name. Raises `RecordInvalid`."""
        path = self.folder / "events" / f"{line.envelope_sha256}.json"
        data = self._read(path)
        event = events.read(envelope.read(data, str(path)).payload, str(path))
        if event.kind == "record-submitted":
            if events.HEX.fullmatch(event.subject) is None:
                raise RecordInvalid("names no record", where=str(path))
            place = self.folder / "records" / event.subject
            if place.is_symlink() or not (place / ENVELOPE_FILE).exists():
                return event, Item(data, dropped=True)
            found = checked(self._read(place / ENVELOPE_FILE), self._read(place / SAMPLES_FILE), str(place))
            return event, Item(data, submission=found)
        return event, Item(data)

    def checkpoints(self) -> list[tuple[int, bytes]]:
        """Every signed note, by size."""
        found = [
            path for path in (self.folder / "checkpoints").glob("*") if path.name.isdecimal() and len(path.name) < 16
        ]
        return [(int(path.name), self._read(path)) for path in sorted(found, key=lambda path: int(path.name))]

    def _read(self, path: Path) -> bytes:
        try:
            if path.is_symlink():
                raise RecordInvalid("is a link", where=str(path), fix="an export holds plain files only")
            return path.read_bytes()
        except OSError as error:
            raise RecordInvalid(f"can't be read ({error.strerror})", where=str(path), fix="export it again") from error


def replay(source: Exported, hub: Hub, tell: Tell) -> int:
    """Put an exported log into an empty database, event by event by the very rules. Raises at the first that does not hold."""
    lines = [entry.read(data, f"{source.folder / LOG}, line {number}") for number, data in enumerate(source.lines(), 1)]
    gone: set[str] = set()
    before: Entry | None = None
    for first in range(0, len(lines), BATCH):
        part, items = lines[first : first + BATCH], []
        for line in part:
            entry.follows(line, before, str(source.folder / LOG))
            event, item = source.item(line)
            if item.dropped:
                gone.add(event.subject)
            elif event.kind == "body-dropped":
                gone.discard(event.subject)
            items.append(replace(item, at=line.at))
            before = line
        for line, found in zip(part, hub.append(items, part[-1].at), strict=True):
            if isinstance(found, ReproError):
                raise found
            if found.entry != line:
                raise RecordInvalid(
                    f"entry {line.index} is not what its event makes",
                    where=str(source.folder),
                    fix="the log was edited",
                )
        tell(first + len(part), len(lines))
    if gone:
        raise RecordInvalid(
            "is missing, and the log does not say why", where=f"records/{min(gone)[:12]}", fix="export it again"
        )
    with hub.reading() as reader:
        fact, grown = reader.get("hub", "") or {}, reader.size()
        keys = {fact["origin"]: next(iter(public(fact["key"]).values()))}
        notes = source.checkpoints()
        for size, note in notes:
            where = f"checkpoints/{size}"
            signed = checkpoint.read(note, keys, where)
            if signed.size != size or size > grown or merkle.root(size, reader.node) != signed.root:
                raise RecordInvalid("is of another history than the log", where=where, fix="trust neither")
    for size, note in notes:
        hub.keep_checkpoint(size, note)
    return len(lines)


def into(source: Path, target: str, tell: Tell) -> Hub:
    """A database from exported files. Raises `BadInput` or `RecordInvalid`; a file is there whole or not at all.

    A server's database keeps what was appended: there the files are tried in memory first.
    """
    if not engine.url_of(target).startswith("sqlite"):
        in_memory(source)
    with engine.made(target) as database:
        replay(Exported(source), Hub(database, target), tell)
    return open_hub(target)


def in_memory(source: Path) -> Hub:
    """Exported files as a hub that can be read, and forgets what is written to it."""
    database = engine.connect("sqlite://")
    engine.upgrade(database)
    hub = Hub(database, str(source))
    replay(Exported(source), hub, lambda _done, _of: None)
    return hub
