"""Several triples one after the other: what fails is noted and the rest goes on; an interrupted matrix can be resumed."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.catalog.matrices import Loaded, Triple
from harness.errors import BadInput, Interrupted, ReproError, one_line, visible
from harness.files import read_limited, refusal, write_text
from harness.progress import Progress
from harness.record.keys import Signers
from harness.run.request import Request

Bench = Callable[[Request, Progress], Path]
FOLDER = ".matrix"
_STATE_LIMIT = 16 << 20


@dataclass(frozen=True, slots=True)
class Entry:
    """How one triple ended: a record, or the error in one line."""

    triple: Triple
    record: Path | None
    error: str = ""


def _request(triple: Triple, results: Path, resume: bool, signers: Signers | None) -> Request:
    """What `repro bench` would make of it; a resume goes on with what was cut off, or begins."""
    return Request(
        model=triple.model,
        runtime=triple.runtime,
        suite=triple.suite,
        settings=triple.settings,
        results=results,
        backend=triple.backend,
        processes=triple.processes,
        budget_s=triple.budget_s,
        resume=resume,
        or_new=resume,
        signers=signers,
    )


def run_matrix(
    loaded: Loaded,
    results: Path,
    *,
    resume: bool,
    bench: Bench,
    progress: Progress,
    ended: Callable[[Entry], None],
    signers: Signers | None = None,
) -> list[Entry]:
    """Every triple in order; `ended` hears of each at once. Raises `Interrupted` when the user stops it.

    The state lies under `results/.matrix/` until every triple has a record: a resume skips those, goes on with the one
    that was cut off, and tries again what failed.
    """
    state = results / FOLDER / f"{loaded.matrix.name}-{loaded.sha256[:16]}.json"
    done = _read(state) if resume else {}
    entries = []
    for index, triple in enumerate(loaded.matrix.triples, 1):
        kept = done.get(triple.key)
        if kept is not None and (results / kept).exists():
            entry = Entry(triple, results / kept)
        else:
            progress.stage(f"triple {index} of {len(loaded.matrix.triples)}: {triple}")
            entry = _one(_request(triple, results, resume, signers), triple, bench, progress)
        if entry.record is not None:
            done[triple.key] = str(entry.record.relative_to(results))
            _write(state, done)
        entries.append(entry)
        ended(entry)
    if all(entry.record is not None for entry in entries):
        state.unlink(missing_ok=True)
    return entries


def _one(request: Request, triple: Triple, bench: Bench, progress: Progress) -> Entry:
    try:
        return Entry(triple, bench(request, progress))
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped before anything was measured", where=str(triple), fix="continue with --resume"
        ) from None
    except ReproError as error:
        return Entry(triple, None, str(error))
    except Exception as error:  # a fault of ours, or of an adapter, is that triple's alone
        sys.stderr.write(visible(traceback.format_exc()))
        return Entry(triple, None, one_line(f"{type(error).__name__}: {error}"))


def _read(state: Path) -> dict[str, str]:
    try:
        data = json.loads(read_limited(state, _STATE_LIMIT, "the state of the matrix"))
        return {str(key): str(value) for key, value in data.items()}
    except (BadInput, ValueError, AttributeError, RecursionError):
        return {}


def _write(state: Path, done: dict[str, str]) -> None:
    try:
        state.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(error, state) from error
    write_text(state, json.dumps(done, indent=1))
