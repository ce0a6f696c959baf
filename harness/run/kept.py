"""What several runs that belong together have so far, on disk as it happens: which of them have a record."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness.errors import BadInput, Conflict, DiskFull, EngineFailed, Interrupted, ReproError, one_line, visible
from harness.files import read_limited, refusal, write_text

_LIMIT = 16 << 20
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Failed:
    """Why one of them came to nothing, in one line, and the record of that, where the engine failed; the others go on."""

    error: str
    record: Path | None = None


def failed_by(error: ReproError) -> Failed:
    """What that error leaves."""
    return Failed(str(error), Path(error.record) if isinstance(error, EngineFailed) and error.record else None)


class Kept:
    """The records of finished runs by the run's key, in a file that lives until all of them are finished."""

    def __init__(self, results: Path, folder: str, name: str) -> None:
        self._results, self._path = results, results / folder / f"{name}.json"
        self._records: dict[str, str] = {}

    @property
    def there(self) -> bool:
        """Whether an earlier start left something to continue with."""
        return self._path.exists()

    def read(self) -> None:
        """Take what an earlier start left; what can't be read is as good as not there."""
        try:
            data = json.loads(read_limited(self._path, _LIMIT, "the state of the runs"))
            self._records = {str(key): str(value) for key, value in data.items()}
        except (BadInput, ValueError, AttributeError, RecursionError):
            self._records = {}

    def record(self, key: str) -> Path | None:
        """The record of that run, if it has one that is still there."""
        name = self._records.get(key)
        path = None if name is None else self._results / name
        return path if path is not None and path.exists() else None

    def note(self, key: str, record: Path) -> None:
        """That run has this record."""
        self._records[key] = str(record.relative_to(self._results))
        self.write()

    def forget(self, key: str) -> None:
        """That run has no record that can be read."""
        if self._records.pop(key, None) is not None:
            self.write()

    def write(self) -> None:
        """Put it on disk. Raises `ReproError` where that can't be."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise refusal(error, self._path) from error
        write_text(self._path, json.dumps(self._records, indent=1))

    def discard(self) -> None:
        """All are finished."""
        self._path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # others may lie beside it
            self._path.parent.rmdir()


def resumable(error: ReproError) -> ReproError:
    """The error, saying how to go on with several runs."""
    if "--resume" in error.fix:
        return error
    return type(error)(error.what, where=error.where, fix=f"{error.fix}; then continue with --resume", code=error.code)


def attempted(act: Callable[[], T], what: str) -> T | Failed:
    """What `act` returns, or why it failed, which is `what`'s own affair.

    Raises `Interrupted`, and what would end the next one, too: `DiskFull`, and a `Conflict` with whoever measures here.
    """
    try:
        return act()
    except Interrupted:
        raise
    except (DiskFull, Conflict) as error:
        raise resumable(error) from error
    except KeyboardInterrupt:
        raise Interrupted("stopped before anything was measured", where=what, fix="continue with --resume") from None
    except ReproError as error:
        return failed_by(error)
    except Exception as error:  # a fault of ours, or of an adapter, is that run's alone
        if isinstance(error, OSError):
            full = refusal(error, Path(str(error.filename or what)))
            if isinstance(full, DiskFull):
                raise resumable(full) from error
        sys.stderr.write(visible(traceback.format_exc()))
        return Failed(one_line(f"{type(error).__name__}: {error}"))
