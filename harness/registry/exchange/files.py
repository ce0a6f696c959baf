"""A registry as plain files, and back: nothing is lost, and what comes back is byte for byte the same log.

registry.json                       format, origin, size, root, size of the newest checkpoint
log/entries.jsonl              the leaves of the Merkle tree, a line each
events/SHA256.json             the signed events, named by the digest of their bytes
records/ID/record.dsse.json    the signed records, and
records/ID/samples.parquet     their samples
sources/SHA256                 logs of other tools
checkpoints/SIZE               signed notes
"""

from __future__ import annotations

import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from harness.errors import BadInput, LogInconsistent, RecordInvalid, ReproError
from harness.files import let_all_read, read_limited, refusal, sync, write_bytes
from harness.inside import inside
from harness.measure.plural import count
from harness.progress import SILENT, Progress
from harness.record import envelope
from harness.record.store import ENVELOPE_FILE, SAMPLES_FILE
from harness.registry.db import checkpoints, databases
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item
from harness.registry.facts import FailureFact, RecordFact, RegistryFact
from harness.registry.intake import failures
from harness.registry.intake.ingest import ENVELOPE_LIMIT, SAMPLES_LIMIT, checked
from harness.registry.opening import open_database
from harness.registry.queries.published import FORMAT as PUBLIC
from harness.registry.queries.published import SUBMISSIONS
from harness.registry.rules.base import public
from harness.registry.store import Registry
from harness.tlog import checkpoint, entry, merkle
from harness.tlog import event as events
from harness.tlog.entry import Entry
from harness.tlog.event import Event

FORMAT = 1
BATCH = 256
LINE_LIMIT = 4 << 10  # an entry holds digests and a time
MARK_LIMIT = 64 << 10
LOG = "log/entries.jsonl"


def export(registry: Registry, target: Path, progress: Progress) -> int:
    """Write the registry below `target`, which appears whole or not at all. Returns the number of entries. Raises `BadInput`."""
    if registry.withheld is not None:
        raise BadInput(
            "is a public copy, which lacks what is not public", where=registry.target, fix="export it with --public"
        )
    return appear(target, lambda folder: _write(registry, folder, progress))


def appear(target: Path, write: Callable[[Path], int]) -> int:
    """A folder that `write` fills, whole or not at all; returns what it returns. Raises `BadInput`."""
    scratch = _scratch_beside(target)
    try:
        count = write(scratch)
        let_all_read(scratch)
        scratch.rename(target)
        sync(target.parent)
    except OSError as error:
        raise refusal(error, target) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return count


def refuse_target(target: Path) -> None:
    """Raises `BadInput` where nothing could be exported to `target`: it exists, or can't be made. Leaves nothing behind."""
    _scratch_beside(target).rmdir()


def _scratch_beside(target: Path) -> Path:
    try:
        if os.path.lexists(target):
            raise BadInput("exists already", where=str(target), fix="remove it, or name a new folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}-"))
    except OSError as error:
        raise refusal(error, target) from error


def _write(registry: Registry, folder: Path, progress: Progress) -> int:
    for name in ("log", "events", "records", "checkpoints"):
        (folder / name).mkdir()
    with registry.reading() as reader:
        fact, size = reader.get(RegistryFact, ""), reader.size()
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
                    path = inside(folder, name, name_of(line))
                    path.parent.mkdir(exist_ok=True)
                    write_bytes(path, body)
            progress.advance("writing entries", index + 1, size)
        write_bytes(folder / LOG, b"".join(line + b"\n" for line in lines))
        newest = None
        for number, note in checkpoints.notes(reader):
            if number < 0:
                raise RecordInvalid("names no size", where="checkpoints", fix="run: repro audit")
            write_bytes(folder / "checkpoints" / str(number), note)
            newest = number
        mark = {
            "format": FORMAT,
            "origin": "" if fact is None else fact.origin,
            "size": size,
            "root": reader.root().hex(),
            "checkpoint": newest,
        }
        write_bytes(folder / databases.MARK, (json.dumps(mark, indent=1) + "\n").encode())
    return size


def name_of(line: Entry) -> str:
    """How a line of the log is called in messages."""
    return f"entry {line.index}"


def _bodies(reader: Reader, event: Event) -> Iterator[tuple[str, str]]:
    """(path, digest) of what an event brought along."""
    if event.kind in SUBMISSIONS:
        if events.HEX.fullmatch(event.subject) is None:  # it becomes a folder's name
            raise RecordInvalid("names no record", where="a submission", fix="run: repro audit")
        failed = event.kind == "failure-submitted"
        fact: RecordFact | FailureFact | None = (
            reader.get(FailureFact, event.subject) if failed else reader.get(RecordFact, event.subject)
        )
        if fact is None or fact.dropped:
            return
        yield f"records/{event.subject}/{ENVELOPE_FILE}", event.detail["envelope_sha256"]
        yield f"records/{event.subject}/{SAMPLES_FILE}", event.detail["samples_sha256"]


@dataclass(frozen=True, slots=True)
class Exported:
    """A folder of exported files."""

    folder: Path

    def format(self) -> int:
        """Of its `registry.json`: 1 of a whole export, 2 of a public one; 0 of what is neither."""
        try:
            found = json.loads(self.read(self.folder / databases.MARK, MARK_LIMIT << 8))
            number = found.get("format") if isinstance(found, dict) else 0
        except (ValueError, RecursionError):
            return 0
        return number if type(number) is int else 0

    def mark(self) -> dict[str, Any]:
        """What it says of itself: format, origin, size; newer ones also root and newest checkpoint. Raises `RecordInvalid`."""
        path = self.folder / databases.MARK
        try:
            found = json.loads(self.read(path, MARK_LIMIT))
            if not isinstance(found, dict) or found.get("format") != FORMAT:
                raise ValueError(f"it must be of format {FORMAT}")
            size, newest = found.get("size"), found.get("checkpoint")
            if not isinstance(found.get("origin"), str) or type(size) is not int or size < 0:
                raise ValueError("it must name origin and size")
            if newest is not None and (type(newest) is not int or newest < 0):
                raise ValueError("its checkpoint must be a size")
        except (ValueError, RecursionError) as error:
            raise RecordInvalid(
                f"does not describe an export ({error})", where=str(path), fix="export it again"
            ) from error
        return found

    def lines(self) -> Iterator[bytes]:
        """The log, line by line. Raises `BadInput` or `RecordInvalid`."""
        path = self.folder / LOG
        self.plain(path)
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise RecordInvalid("must be a regular file", where=str(path), fix="export it again")
                while line := file.readline(LINE_LIMIT + 1):
                    if len(line) > LINE_LIMIT:
                        raise RecordInvalid(
                            f"holds a line of more than {LINE_LIMIT} bytes", where=str(path), fix="export it again"
                        )
                    if not line.endswith(b"\n"):
                        raise RecordInvalid("ends in the middle of a line", where=str(path), fix="export it again")
                    yield line[:-1]
        except OSError as error:
            raise RecordInvalid(f"can't be read ({error.strerror})", where=str(path), fix="export it again") from error

    def item(self, line: Entry) -> tuple[Event, Item]:
        """An event with what it brought along, read from files that only their digests name. Raises `RecordInvalid`."""
        path = self.folder / "events" / f"{line.envelope_sha256}.json"
        data = self.read(path, envelope.SIZE_LIMIT)
        event = events.read(envelope.read(data, str(path)).payload, str(path))
        if event.kind in SUBMISSIONS:
            if events.HEX.fullmatch(event.subject) is None:
                raise RecordInvalid("names no record", where=str(path))
            place = self.folder / "records" / event.subject
            self.plain(place / ENVELOPE_FILE)
            if not (place / ENVELOPE_FILE).exists():
                return event, Item(data, dropped=True)
            body = self.read(place / ENVELOPE_FILE, ENVELOPE_LIMIT)
            samples = self.read(place / SAMPLES_FILE, SAMPLES_LIMIT)
            if event.kind == "failure-submitted":
                return event, Item(data, failure=failures.checked(body, samples, str(place)))
            found = checked(body, samples, str(place))
            return event, Item(data, submission=found)
        return event, Item(data)

    def checkpoints(self) -> Iterator[tuple[int, bytes]]:
        """Every signed note, by size."""
        folder = self.folder / "checkpoints"
        self.plain(folder / "0")
        names = sorted(
            int(path.name)
            for path in folder.glob("*")
            if path.name.isascii() and path.name.isdecimal() and path.name == str(int(path.name[:20]))
        )
        for name in names:
            yield name, self.read(folder / str(name), checkpoint.NOTE_LIMIT)

    def plain(self, path: Path) -> None:
        """Raises `RecordInvalid` where the file, or a folder between the export's own and it, is a link."""
        for place in (path, *path.parents):
            if place == self.folder:
                return
            if place.is_symlink():
                raise RecordInvalid("is a link", where=str(place), fix="an export holds plain files and folders only")

    def read(self, path: Path, limit: int) -> bytes:
        """The bytes of one of its files. Raises `RecordInvalid`."""
        self.plain(path)
        try:
            return read_limited(path, limit, "the file")
        except BadInput as error:
            raise RecordInvalid(error.what, where=str(path), fix="export it again") from error


def replay(source: Exported, registry: Registry, progress: Progress) -> int:
    """Put an exported log into an empty database, event by event by the very rules. Raises at the first that does not hold."""
    told = source.mark()
    size = int(told["size"])
    gone: set[str] = set()
    before: Entry | None = None
    numbered = enumerate(source.lines(), 1)
    while some := list(islice(numbered, BATCH)):
        part = [entry.read(data, f"{source.folder / LOG}, line {number}") for number, data in some]
        if part[-1].index >= size:
            raise LogInconsistent(
                f"has more entries than the {size} that {databases.MARK} names", where=str(source.folder)
            )
        items = []
        for line in part:
            entry.follows(line, before, str(source.folder / LOG))
            event, item = source.item(line)
            if item.dropped:
                gone.add(event.subject)
            elif event.kind in ("body-dropped", "failure-dropped"):
                gone.discard(event.subject)
            items.append(replace(item, at=line.at))
            before = line
        for line, found in zip(part, registry.append(items, part[-1].at), strict=True):
            if isinstance(found, ReproError):
                raise found
            if found.entry != line:
                raise LogInconsistent(
                    f"entry {line.index} is not what its event makes",
                    where=str(source.folder),
                    fix="the log was edited",
                )
        progress.advance("importing entries", part[-1].index + 1, size)
    if gone:
        raise RecordInvalid(
            "is missing, and the log does not say why", where=f"records/{min(gone)[:12]}", fix="export it again"
        )
    with registry.reading() as reader:
        fact, grown = reader.get(RegistryFact, ""), reader.size()
        if grown != size:
            raise LogInconsistent(
                f"has {count(grown, 'entry', 'entries')}, and {databases.MARK} names {size}: its end was cut",
                where=str(source.folder),
                fix="export it again",
            )
        if told["origin"] != ("" if fact is None else fact.origin) or told.get("root") not in (
            None,
            reader.root().hex(),
        ):
            raise LogInconsistent(
                f"is another log than {databases.MARK} names", where=str(source.folder), fix="export it again"
            )
        newest = -1
        notes = []
        for number, note in source.checkpoints():
            where = f"checkpoints/{number}"
            keys = {} if fact is None else {fact.origin: next(iter(public(fact.key_of(number)).values()))}
            signed = checkpoint.read(note, keys, where)
            if signed.origin not in keys:
                raise LogInconsistent(f"is of the log {signed.origin!r}", where=where, fix="trust neither")
            if signed.size != number or number > grown or merkle.root(number, reader.node) != signed.root:
                raise LogInconsistent("is of another history than the log", where=where, fix="trust neither")
            notes.append((number, note))
            newest = number
        if told.get("checkpoint") is not None and told["checkpoint"] != newest:
            raise LogInconsistent(
                f"lacks the checkpoint {told['checkpoint']} that {databases.MARK} names",
                where=str(source.folder),
                fix="export it again",
            )
    for number, note in notes:
        registry.keep_checkpoint(number, note)
    return size


def into(source: Path, target: str, progress: Progress) -> Registry:
    """A database from exported files. Raises `BadInput` or `RecordInvalid`; a file is there whole or not at all.

    A server's database keeps what was appended: there the files are tried in memory first.
    """
    if Exported(source).format() == PUBLIC:
        raise BadInput(
            "holds what is public of a registry, which is for reading",
            where=str(source),
            fix="import a whole export: repro registry export FOLDER",
        )
    if not databases.url_of(target).startswith("sqlite"):
        in_memory(source, progress)
    with databases.made(target) as database:
        replay(Exported(source), Registry(database, target), progress)
    return open_database(target)


def in_memory(source: Path, progress: Progress = SILENT) -> Registry:
    """Exported files as a registry that can be read, and forgets what is written to it. Raises as `replay`."""
    database = databases.connect("sqlite://")
    databases.upgrade(database)
    registry = Registry(database, str(source))
    replay(Exported(source), registry, progress)
    return registry
