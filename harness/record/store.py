"""Records as folders: `record.json` (the payload), `samples.parquet`, and `record.dsse.json` where it is signed; written whole
or not at all.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness import notebook
from harness.errors import BadInput, NotFound
from harness.files import let_all_read, read_if_there, read_limited, refusal, sync, write_bytes
from harness.record import envelope, words
from harness.record.canonical import SIZE_LIMIT
from harness.record.schema import Record
from harness.record.statement import record_of

RECORD_FILE = "record.json"
SAMPLES_FILE = "samples.parquet"
ENVELOPE_FILE = "record.dsse.json"  # only beside a signed record
_SAMPLES_LIMIT = 128 << 20  # twice what a registry takes


@dataclass(frozen=True, slots=True)
class Stored:
    """A record read from disk, its bytes checked; the samples are read when asked for."""

    path: Path  # of record.json
    id: str
    record: Record = field(repr=False)
    payload: bytes = field(repr=False)

    def envelope(self) -> bytes | None:
        """The bytes of the envelope beside it; None where it is not signed. Raises `BadInput`."""
        return read_if_there(self.path.parent / ENVELOPE_FILE, envelope.SIZE_LIMIT, "the envelope")

    def samples(self) -> bytes:
        """The bytes of the samples beside it; their digest is checked by whoever decodes them. Raises `BadInput`."""
        return read_limited(self.path.parent / SAMPLES_FILE, _SAMPLES_LIMIT, "the file of samples")

    def has_samples(self) -> bool:
        """Whether there is something under their name, readable or not."""
        return os.path.lexists(self.path.parent / SAMPLES_FILE)

    def _repr_html_(self) -> str:
        """For a notebook. It says nothing of signatures and samples: `harness.verify_record` does."""
        lines = [words.rates(self.record), f"id {self.id}; only its form was checked: see harness.verify_record"]
        return notebook.block(
            words.subject(self.record), words.spoilt(self.record), lines, words.HEAD, words.table(self.record)
        )


def write(folder: Path, name: str, payload: bytes, samples: bytes, envelope: bytes | None = None) -> Path:
    """Make `folder/name` with its files; the folder appears whole. Returns the path of its record.json."""
    target = folder / name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=folder, prefix=".writing-"))
    except OSError as error:
        raise refusal(error, folder) from error
    try:
        write_bytes(scratch / RECORD_FILE, payload)
        write_bytes(scratch / SAMPLES_FILE, samples)
        if envelope is not None:
            write_bytes(scratch / ENVELOPE_FILE, envelope)
        let_all_read(scratch)
        os.replace(scratch, target)
        sync(folder)
    except OSError as error:
        raise refusal(error, target) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target / RECORD_FILE


def folder_name(started_utc: str, model: str, runtime: str, suite: str, sha256: str) -> str:
    """What a run's folder is called: when, what, by what, and the first digits of its record's id; ASCII without spaces or
    slashes, whatever the model is called.
    """
    parts = (re.sub(r"[-:]", "", started_utc), model, runtime, suite, sha256[:8])
    return re.sub(r"[^A-Za-z0-9._-]", "-", "_".join(parts))


def refuse_long_name(folder: Path, name: str, called: str) -> None:
    """Find out before an hour of measuring whether `folder/name` could hold a record. `called`: whose name makes it long.

    Raises `BadInput` where the file system, or the system for a whole path, takes none that long.
    """
    path = folder.absolute() / name / ENVELOPE_FILE
    try:
        there = next(one for one in (folder.absolute(), *folder.absolute().parents) if one.exists())
        for one in (path, there / name):  # of a folder that is not there yet no name is looked at
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                os.lstat(one)
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            return  # `writable` asks the rest
        length = len(os.fsencode(path))
        raise BadInput(
            f"a name of {len(name)} bytes for its record's folder, in a path of {length}, is too long for the file system",
            where=called,
            fix="give the model's file or folder a shorter name, or name a shorter --results",
        ) from error


def replace_payload(stored: Stored, payload: bytes, envelope: bytes) -> None:
    """Put another payload in a record's folder, with its envelope. Stopped in between, the old record stands unsigned."""
    folder = stored.path.parent
    write_bytes(folder / ENVELOPE_FILE, envelope)
    write_bytes(folder / RECORD_FILE, payload)


def writable(folder: Path) -> None:
    """Find out before an hour of measuring whether the result could be written; nothing is left there. Raises `BadInput`."""
    made: list[Path] = []
    try:
        made += [one for one in (folder, *folder.parents) if not one.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 65536)
            file.flush()
    except OSError as error:
        raise refusal(error, folder) from error
    finally:
        for one in made:
            with contextlib.suppress(OSError):  # somebody else may have put a record there
                one.rmdir()


def read(path: Path) -> Stored:
    """The record at `path` (its folder or its record.json). Raises `NotFound`, `BadInput` or `RecordInvalid`."""
    file = path / RECORD_FILE if _is_folder(path) else path
    payload = read_if_there(file, SIZE_LIMIT, "the record")
    if payload is None:
        raise NotFound("there is no record", where=str(path), fix="name a folder under results/, or its record.json")
    record, identity = record_of(payload, str(file))
    return Stored(file, identity, record, payload)


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, a folder that may not be searched: reading says so
        return False


def find(paths: Sequence[Path], unread: list[BadInput] | None = None) -> list[Stored]:
    """All records at or below the paths, in order of path; one that is named in several ways, once.

    Raises for the first that can't be read; with `unread`, what was wrong with each that a folder holds is put there, as long as
    one can be read.
    """
    found: list[Path] = []
    named: set[Path] = set()
    for path in paths:
        if _is_folder(path) and not os.path.lexists(path / RECORD_FILE):
            inside = below(path)
            if not inside:
                raise NotFound("there is no record below it", where=str(path), fix="name a folder that holds records")
            found += inside
        else:
            found.append(path / RECORD_FILE if _is_folder(path) else path)
            named.add(found[-1])
    places: dict[str, Path] = {}
    for path in found:
        places.setdefault(os.path.realpath(path), path)
    stored: list[Stored] = []
    wrong: list[BadInput] = []
    for path in places.values():
        try:
            stored.append(read(path))
        except BadInput as error:
            if unread is None or path in named:
                raise
            wrong.append(error)
    if wrong and not stored:
        raise wrong[0]
    if unread is not None:
        unread += wrong
    return stored


def below(folder: Path) -> list[Path]:
    """What is called record.json below a folder, in order of path; nothing in hidden folders. Raises `NotFound`."""
    if not _is_folder(folder):
        raise NotFound("there is no such folder", where=str(folder), fix="name a folder that holds records")
    return sorted(
        path
        for path in folder.rglob(RECORD_FILE)
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )
