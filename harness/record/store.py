"""Records as folders: `record.json` (the payload), `samples.parquet`, and `record.dsse.json` where it is signed; written whole
or not at all.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness.errors import BadInput, RecordInvalid
from harness.files import refusal, sync, write_bytes
from harness.record.canonical import SIZE_LIMIT
from harness.record.schema import Record
from harness.record.statement import record_of

RECORD_FILE = "record.json"
SAMPLES_FILE = "samples.parquet"
ENVELOPE_FILE = "record.dsse.json"  # only beside a signed record


@dataclass(frozen=True, slots=True)
class Stored:
    """A record read from disk, its bytes checked; the samples are read when asked for."""

    path: Path  # of record.json
    id: str
    record: Record
    payload: bytes

    def envelope(self) -> bytes | None:
        """The bytes of the envelope beside it; None where it is not signed."""
        path = self.path.parent / ENVELOPE_FILE
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RecordInvalid(f"can't read the envelope ({error.strerror})", where=str(path)) from error

    def samples(self) -> bytes:
        """The bytes of the samples beside it; their digest is checked by whoever decodes them."""
        path = self.path.parent / SAMPLES_FILE
        try:
            return path.read_bytes()
        except OSError as error:
            raise RecordInvalid(f"can't read the samples ({error.strerror})", where=str(path)) from error


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
        scratch.chmod(0o755)
        os.replace(scratch, target)
        sync(folder)
    except OSError as error:
        raise refusal(error, target) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return target / RECORD_FILE


def writable(folder: Path) -> None:
    """Find out before an hour of measuring whether the result could be written. Raises `BadInput`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b"\0" * 65536)
            file.flush()
    except OSError as error:
        raise refusal(error, folder) from error


def read(path: Path) -> Stored:
    """The record at `path` (its folder or its record.json). Raises `BadInput` or `RecordInvalid`."""
    file = path / RECORD_FILE if path.is_dir() else path
    try:
        if file.stat().st_size > SIZE_LIMIT:
            raise RecordInvalid(f"is larger than {SIZE_LIMIT} bytes", where=str(file))
        payload = file.read_bytes()
    except FileNotFoundError as error:
        raise BadInput(
            "there is no record", where=str(path), fix="name a folder under results/, or its record.json"
        ) from error
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(file)) from error
    record, identity = record_of(payload, str(file))
    return Stored(file, identity, record, payload)


def find(paths: list[Path]) -> list[Stored]:
    """All records at or below the paths, in order of path."""
    found: list[Path] = []
    for path in paths:
        if path.is_dir() and not (path / RECORD_FILE).exists():
            below = sorted(
                p
                for p in path.rglob(RECORD_FILE)
                if not any(part.startswith(".") for part in p.relative_to(path).parts)
            )
            if not below:
                raise BadInput("there is no record below it", where=str(path), fix="name a folder that holds records")
            found += below
        else:
            found.append(path)
    return [read(path) for path in dict.fromkeys(found)]
