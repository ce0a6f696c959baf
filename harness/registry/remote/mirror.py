"""A copy of what is public of a registry, fetched from its service or from any server that has its public export.

Nothing is believed: lines, tree, checkpoint, signatures, rules and digests are checked as of files that anybody sent. Nothing is
fetched twice; what was fetched stays, however the fetching ends. The copy is a database, as a folder's is.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from harness import __version__
from harness.errors import LogInconsistent, NotFound, RecordInvalid, ReproError
from harness.files import locked
from harness.paths import mirrors_folder
from harness.progress import SILENT, Progress
from harness.record import envelope
from harness.registry.db import databases
from harness.registry.db.databases import HEAD
from harness.registry.exchange import last_seen, public
from harness.registry.exchange.files import LINE_LIMIT, MARK_LIMIT
from harness.registry.exchange.public import CHECKPOINT, Mark, PublicFiles
from harness.registry.facts import RegistryFact
from harness.registry.intake.ingest import ENVELOPE_LIMIT, SAMPLES_LIMIT
from harness.registry.opening import open_database
from harness.registry.remote.address import address
from harness.registry.remote.client import Client
from harness.registry.rules.apply import Facts
from harness.registry.store import Registry
from harness.tlog import checkpoint, entry, merkle, tiles
from harness.tlog import event as events
from harness.tlog.entry import Entry

AT_ONCE = 8  # requests
TRIES = 3  # while the registry changes under the copy
_DATABASE = "database-"


@dataclass(slots=True)
class Copy:
    """What is fetched into `folder`. `fetched`: how many files came this time."""

    client: Client
    folder: Path
    progress: Progress
    fetched: int = 0
    lines: list[Entry] = field(default_factory=list)
    tree: merkle.Tree = field(default_factory=merkle.Tree)

    def get(self, name: str, limit: int) -> bytes:
        """A file of the registry's."""
        return self.client.fetch(f"/{name}", limit)

    def keep(self, name: str, data: bytes) -> None:
        """In the folder, whole or not at all. It is checked whenever it is read: no disk need be waited for."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}.{os.getpid()}.{len(data)}")
        scratch.write_bytes(data)
        scratch.replace(path)

    def missing(self, names: Iterable[str]) -> list[str]:
        """Those that are not in the folder."""
        return [name for name in names if not (self.folder / name).is_file()]


def mirrored(place: str, progress: Progress = SILENT) -> Registry:
    """The public part of the registry at the URL, as it is now.

    Raises `BadInput`: not reached, or no registry; `LogInconsistent`: it shows another past than before; `RecordInvalid`:
    something of it does not hold.
    """
    client = Client(address(place))
    try:
        with _folder(client.base) as folder:
            for left in range(TRIES - 1, -1, -1):
                try:
                    return _renewed(Copy(client, folder, progress))
                except _Moved as error:
                    if not left:
                        raise RecordInvalid(
                            f"lacks what it says is public: {error.name}", where=client.base, fix="try again later"
                        ) from error
        raise AssertionError
    finally:
        client.close()


class _Moved(Exception):
    """A file is gone that was promised: the registry went on."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


@contextmanager
def _folder(base: str) -> Iterator[Path]:
    """Where the copy lies, this process's alone meanwhile; one that goes with the process where the cache can't be written."""
    folder = mirrors_folder() / sha256(base.encode()).hexdigest()[:16]
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o755)
        writable = os.access(folder, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        folder = Path(tempfile.mkdtemp(prefix="repro-mirror-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with locked(folder / "lock", "another command fetches this registry"):
        yield folder


def _renewed(copy: Copy) -> Registry:
    data = copy.get(databases.MARK, MARK_LIMIT << 8)
    mark = public.parsed(data, f"{copy.client.base}/{databases.MARK}")
    try:
        _lines(copy, mark)
        _remembered(copy, mark)
    except LogInconsistent:
        if not _demonstration(copy, mark.origin):
            raise
        _forget(copy)  # each demonstration that is served begins anew
        return _renewed(Copy(copy.client, copy.folder, copy.progress))
    _events(copy, mark)
    if mark.checkpoint is not None:
        _note(copy, mark.checkpoint)
        for size in set(mark.cosigned) - {mark.checkpoint}:
            copy.keep(f"checkpoints/{size}", copy.get(f"checkpoints/{size}", checkpoint.NOTE_LIMIT))
    copy.keep(databases.MARK, data)
    source = PublicFiles(copy.folder)
    with _named(copy):
        facts = public.fold(source, copy.progress)
        _remembered(copy, mark, facts)
        there = _records(copy, facts)
        return _database(copy, mark, data, there, facts)


def _lines(copy: Copy, mark: Mark) -> None:
    """Every line of the log, in the tree that the registry names. Raises `LogInconsistent`."""
    bundles = [one for one in tiles.layout(mark.size) if one.level is None]
    wanted = {one.path: one.width for one in bundles}
    where = copy.client.base

    def proper(name: str, data: bytes) -> None:
        for payload in tiles.read_bundle(data, wanted[name], f"{where}/{name}"):
            entry.read(payload, f"{where}/{name}")

    _fetch(copy, "fetching the log", copy.missing(wanted), tiles.WIDTH * LINE_LIMIT, proper=proper)
    for one in bundles:
        data = (copy.folder / one.path).read_bytes()
        for payload in tiles.read_bundle(data, one.width, f"{where}/{one.path}"):
            line = entry.read(payload, f"entry {len(copy.lines)}")
            entry.follows(line, copy.lines[-1] if copy.lines else None, where)
            copy.lines.append(line)
            copy.tree.append(merkle.leaf_hash(payload))
    if copy.tree.root() != mark.root:
        raise LogInconsistent(
            "its lines are not those of the tree that it names, or another history than it showed before",
            where=where,
            fix=f"trust neither before you know why; then remove {copy.folder}",
        )


def _remembered(copy: Copy, mark: Mark, facts: Facts | None = None) -> None:
    """Raises `LogInconsistent` where this user has seen another log of this name. A demonstration has no past to hold it to.

    `facts`: what the log says, once it was folded: whether it announced its present key. Before, no key is compared.
    """
    if _demonstration(copy, mark.origin):
        return

    def follows(old: str, new: str) -> bool:
        registry = None if facts is None else facts.get(RegistryFact, "")
        known = [] if registry is None else [public.vkey_of(registry, one.until) for one in registry.earlier]
        return old in known and new == mark.vkey

    key = "" if facts is None else mark.vkey
    seen = last_seen.Seen(mark.origin, mark.size, mark.root, mark.checkpoint or 0, key)
    last_seen.compare(seen, lambda old: _proof(copy, old), copy.client.base, last_seen.folder(), follows)


def _proof(copy: Copy, old: int) -> Sequence[bytes]:
    return merkle.consistency_proof(old, copy.tree.size, copy.tree.node) if old <= copy.tree.size else []


def _demonstration(copy: Copy, origin: str) -> bool:
    """Whether its first event founds one; that event is signed by its editors, which `fold` sees to."""
    if not copy.lines or last_seen.real(origin, last_seen.folder()):
        return False
    name = public.event_path(copy.lines[0].envelope_sha256)
    _fetch(copy, "fetching events", copy.missing([name]), envelope.SIZE_LIMIT, {name: copy.lines[0].envelope_sha256})
    data = (copy.folder / name).read_bytes()
    return bool(events.read(envelope.read(data, name).payload, name).detail.get("demonstration"))


def _forget(copy: Copy) -> None:
    for path in copy.folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)


def _events(copy: Copy, mark: Mark) -> None:
    """Every event that is public. Raises `LogInconsistent` where one is withheld that was public before."""
    hidden = [line for line in copy.lines if line.index in mark.withheld]
    for line in hidden:
        if (copy.folder / public.event_path(line.envelope_sha256)).exists():
            raise LogInconsistent(
                f"withholds entry {line.index}, which was public before",
                where=copy.client.base,
                fix=f"trust none of its tiers before you know why; to read it all the same, remove {copy.folder}",
            )
    digests = {
        public.event_path(line.envelope_sha256): line.envelope_sha256
        for line in copy.lines
        if line.index not in mark.withheld
    }
    _fetch(copy, "fetching events", copy.missing(digests), envelope.SIZE_LIMIT, digests)


def _note(copy: Copy, size: int) -> None:
    note = copy.get(f"checkpoints/{size}", checkpoint.NOTE_LIMIT)
    copy.keep(f"checkpoints/{size}", note)
    copy.keep(CHECKPOINT, note)


def _records(copy: Copy, facts: Facts) -> list[str]:
    """Fetch each record that is public, drop each that is not any more; the names of those that are here."""
    may = public.allowed(facts)
    folder = copy.folder / "records"
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name not in may:
            shutil.rmtree(path, ignore_errors=True)
    digests: dict[str, str] = {}
    for name, (fact, _) in may.items():
        body, samples = public.record_paths(name)
        digests |= {samples: fact.samples_sha256, body: fact.envelope_sha256}
    optional = {path for name, (_, must) in may.items() if not must for path in public.record_paths(name)}
    wanted = copy.missing(digests)
    _fetch(copy, "fetching records", wanted, max(ENVELOPE_LIMIT, SAMPLES_LIMIT), digests, optional)
    there = []
    for name in may:
        if copy.missing(public.record_paths(name)):
            shutil.rmtree(folder / name, ignore_errors=True)
        else:
            there.append(name)
    return there


def _fetch(
    copy: Copy,
    text: str,
    names: Sequence[str],
    limit: int,
    digests: dict[str, str] | None = None,
    optional: Iterable[str] = (),
    proper: Callable[[str, bytes], None] | None = None,
) -> None:
    """Several at once, each kept as it comes. Raises `_Moved` for one that is not there, `RecordInvalid` for other bytes, and
    what `proper` raises: what is nothing of a registry's is not kept.
    """

    def one(name: str) -> None:
        try:
            data = copy.get(name, limit)
        except NotFound:
            if name in optional:
                return
            raise _Moved(name) from None
        if digests is not None and sha256(data).hexdigest() != digests[name]:
            raise RecordInvalid(
                "was changed: its digest is not the one that the log names", where=_at(copy, name), fix="trust neither"
            )
        if proper is not None:
            proper(name, data)
        copy.keep(name, data)

    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        waiting = [pool.submit(one, name) for name in names]
        for done, future in enumerate(as_completed(waiting), 1):
            future.result()
            copy.fetched += 1
            copy.progress.advance(text, done, len(names))
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _at(copy: Copy, name: str) -> str:
    return f"{copy.client.base}/{name}"


@contextmanager
def _named(copy: Copy) -> Iterator[None]:
    """What does not hold is the registry's: it is called by its address, not by the folder of the copy."""
    try:
        yield
    except ReproError as error:
        if str(copy.folder) not in error.where:
            raise
        where = error.where.replace(str(copy.folder), copy.client.base)
        raise type(error)(error.what, where=where, fix=error.fix) from error


def _database(copy: Copy, mark: Mark, data: bytes, there: Sequence[str], facts: Facts) -> Registry:
    """The copy as a database, made once for each state."""
    stamp = sha256("\n".join([__version__, HEAD, *sorted(there)]).encode() + data).hexdigest()[:16]
    place = copy.folder / f"{_DATABASE}{stamp}"
    if not (place / databases.FILE).is_file():
        for path in copy.folder.glob(f"{_DATABASE}*"):
            shutil.rmtree(path, ignore_errors=True)
        with databases.made(str(place)) as database:
            public.replay(PublicFiles(copy.folder), facts, Registry(database, str(place), mark.withheld), copy.progress)
    return Registry(open_database(str(place)).engine, str(place), mark.withheld)
