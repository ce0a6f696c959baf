"""The functions of the Python API, each thin over what the commands use. `import harness` gives them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import harness.errors as errors
from harness.compare.stored import agree, compare
from harness.errors import BadInput
from harness.progress import SILENT, Progress
from harness.record import store
from harness.record.store import Stored
from harness.run import bench as running
from harness.run.loading import load_records
from harness.run.request import Request
from harness.verify.reading import Checked, believed, check, verified

if TYPE_CHECKING:
    from harness.reports.document import Report

__all__ = [
    "Request",
    "agree",
    "bench",
    "compare",
    "errors",
    "load_records",
    "read_record",
    "report",
    "verify_record",
]

_CHALLENGE = re.compile(r"[0-9a-f]{64}")


def bench(request: Request, progress: Progress = SILENT) -> Stored:
    """Measure as asked, write the record below `request.results`, and give it back: `.path`, `.id` (sha256, hex), `.record`.

    Takes minutes: `request.budget_s` is in seconds. `progress` is told of each step (`harness.progress.Progress`); by default the
    run is silent. A record whose checks failed is written and given back, too: `record.checks` says so. Raises `BadInput` before
    anything is measured, `RuntimeUnavailable`, `RunFailed`, and `Interrupted` on Ctrl-C; what was measured until then is kept for
    `resume=True`.
    """
    return store.read(running.bench(_checked(request), progress))


def _checked(request: Request) -> Request:
    """What the command line refuses is refused here, too, before minutes are spent."""
    for name, least, most in (("processes", 1, 1000), ("budget_s", 1, 31_536_000), ("seed", 0, 2**32)):
        value = getattr(request, name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most):
            raise BadInput(
                f"must be a whole number from {least} to {most}", where=name, fix="give one, or leave it out"
            )
    if request.challenge is not None:
        if not isinstance(request.challenge, str) or _CHALLENGE.fullmatch(request.challenge) is None:
            raise BadInput("must be 64 hexadecimal digits", where="challenge", fix="take what the registry gave")
        if request.seed is not None:
            raise BadInput("a challenge makes the seed", where="seed", fix="leave it out")
    settings: object = request.settings
    if isinstance(settings, str):
        raise BadInput("must be a list of NAME=VALUE", where="settings", fix=f"give ({settings!r},)")
    against: object = request.against
    if isinstance(against, str | Path):
        raise BadInput("must be a record", where="against", fix=f"give harness.read_record({str(against)!r})")
    if request.against is not None:
        believed(check(request.against))
    python = None if request.python is None else Path(request.python)
    return replace(request, results=Path(request.results), python=python)


def read_record(path: str | Path) -> Stored:
    """The record at `path`, its folder or its record.json: `.id` (sha256, hex), `.record`, `.path`, `.samples()` (bytes).

    Numbers are integers in the unit that a name or a field `unit` tells: `load_ns`, `micro_tokens_per_s`. Only the record's own
    form is checked: see `verify_record`. Raises `NotFound`; `BadInput` where it cannot be read; `RecordInvalid` where it is not a
    record, or one of a newer schema.
    """
    return store.read(Path(path))


def verify_record(record: str | Path | Stored, public_file: str | Path | None = None) -> Checked:
    """As `repro verify`: both signatures, the samples' digest, every number again from the samples, and the suite's work.

    `.signer` is the operator's handle. Without `public_file` (what `repro keys show` prints) the keys that the record itself
    names are believed: that shows that it is whole, not who its operator is. Raises `RecordInvalid` with the first thing that is
    wrong, a missing signature included; `BadInput` where a file cannot be read.
    """
    stored = record if isinstance(record, Stored) else read_record(record)
    return verified(stored, None if public_file is None else Path(public_file))


def report(*records: str | Path | Stored | Checked) -> Report:
    """As `repro report`: `.html` is the bytes of one HTML file, `.picture` an SVG file, which a notebook shows.

    Each record is verified; a false one is shown as false, a failed run as failed, and neither is compared. Raises `BadInput` for
    no record or too many, `NotFound`, `RecordInvalid` for one that is malformed.
    """
    from harness.reports import document  # templates and drawings: only who asks for a report loads them

    found = [
        one if isinstance(one, Checked) else check(one if isinstance(one, Stored) else read_record(one))
        for one in records
    ]
    return document.report(found)
