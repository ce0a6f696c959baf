"""What a job leaves, as text in its output: outcomes and records, whole or not at all.

    -----BEGIN REPRO PARCEL <sha256 of the body> <its bytes>-----
    base64 of the body, zlib's, of JSON: {"outcomes": […], "files": {"<number>/<record>/<file>": base64}}
    -----END REPRO PARCEL-----

Other programs may print before and after. A parcel that lacks a line, or a letter, is none. What it names is held to the plan,
and to the four files of a record; each record appears by one rename, then the outcome that names it.
"""

from __future__ import annotations

import base64
import binascii
import re
import shutil
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from pydantic import Field, ValidationError

from harness.catalog.toml_file import Part
from harness.errors import BadInput, RecordInvalid
from harness.files import read_limited, refusal
from harness.fleet.outcome import Ending, Outcome
from harness.fleet.plan import Job
from harness.fleet.state import State
from harness.record import private
from harness.record.store import ENVELOPE_FILE, RECORD_FILE, SAMPLES_FILE
from harness.state_files import made

MOST = 512 << 20  # bytes of a body, and of the output that holds it
_FILES = (RECORD_FILE, SAMPLES_FILE, ENVELOPE_FILE, private.FILE)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_FRAME = re.compile(
    rb"^-----BEGIN REPRO PARCEL ([0-9a-f]{64}) (\d{1,10})-----\r?\n([A-Za-z0-9+/=\r\n]*)-----END REPRO PARCEL-----\r?$",
    re.MULTILINE,
)


class Parcel(Part):
    """Its body."""

    outcomes: list[Outcome] = Field(max_length=2)
    files: dict[str, str]


def packed(state: State, jobs: Sequence[Job]) -> bytes:
    """The parcel of jobs that are over. Raises `BadInput` where one is not, or its record can't be read."""
    outcomes, files = [], {}
    for job in jobs:
        outcome = state.outcome(job.number)
        if outcome is None:
            raise BadInput(f"job {job.number} is not over", where=str(state.folder))
        outcomes.append(outcome)
        if outcome.record is not None:
            folder = state.results(job.number) / outcome.record
            for name in _FILES:
                if (folder / name).exists():
                    data = read_limited(folder / name, MOST, "the record's file")
                    files[f"{job.number}/{outcome.record}/{name}"] = base64.b64encode(data).decode()
    body = Parcel(outcomes=outcomes, files=files).model_dump_json().encode()
    text = base64.encodebytes(zlib.compress(body, 6))
    head = f"-----BEGIN REPRO PARCEL {sha256(body).hexdigest()} {len(body)}-----\n".encode()
    return b"\n" + head + text + b"-----END REPRO PARCEL-----\n"


def opened(data: bytes, where: str) -> Parcel | None:
    """The last whole parcel in a job's output; None where there is none. Raises `RecordInvalid` for one that is none of ours."""
    for found in reversed(list(_FRAME.finditer(data))):
        if int(found[2]) > MOST:
            continue
        try:
            body = zlib.decompressobj().decompress(base64.b64decode(found[3]), int(found[2]) + 1)
        except (binascii.Error, zlib.error):
            continue
        if len(body) == int(found[2]) and sha256(body).hexdigest().encode() == found[1]:
            try:
                return Parcel.model_validate_json(body)
            except ValidationError:
                raise RecordInvalid(
                    "holds a parcel of another form", where=where, fix="install one release everywhere"
                ) from None
    return None


def take(state: State, jobs: Sequence[Job], data: bytes, where: str) -> bool:
    """Put what the jobs left into the state, under their locks; whether a whole parcel was there. Raises `RecordInvalid`."""
    parcel = opened(data, where)
    if parcel is None:
        return False
    by_number = {one.number: one for one in parcel.outcomes}
    if sorted(by_number) != [job.number for job in jobs] or any(by_number[job.number].node != job.node for job in jobs):
        raise RecordInvalid("is of other jobs", where=where, fix="run: repro fleet resume MATRIX")
    for job in jobs:
        _keep(state, job, by_number[job.number], parcel.files, where)
    for outcome in parcel.outcomes:
        if outcome.ending is Ending.DRAINED or outcome.spoilt:
            state.drain(outcome.node, outcome.reason or outcome.spoilt)
        if state.outcome(outcome.number) is None:
            state.conclude(outcome)
    return True


def _keep(state: State, job: Job, outcome: Outcome, files: Mapping[str, str], where: str) -> None:
    name, results = outcome.record, state.results(job.number)
    if name is None or (_NAME.fullmatch(name) is not None and (results / name).exists()):
        return
    texts = {file: files.get(f"{job.number}/{name}/{file}") for file in _FILES}
    if _NAME.fullmatch(name) is None or texts[RECORD_FILE] is None or texts[SAMPLES_FILE] is None:
        raise RecordInvalid("names a record that is not in it", where=where, fix="run: repro fleet resume MATRIX")
    try:
        own = {file: base64.b64decode(text) for file, text in texts.items() if text is not None}
    except ValueError:
        raise RecordInvalid(
            "has a file that is not base64", where=where, fix="run: repro fleet resume MATRIX"
        ) from None
    try:
        scratch = Path(tempfile.mkdtemp(dir=made(results), prefix=".arriving-"))
    except OSError as error:
        raise refusal(error, results) from error
    try:
        for file, data in own.items():
            (scratch / file).write_bytes(data)
        scratch.chmod(0o755)
        scratch.rename(results / name)
    except OSError as error:
        raise refusal(error, results / name) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
