"""What a run has so far, on disk as it happens: each worker's frames, appended. A killed run goes on from here."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import BadInput
from harness.files import read_limited, refusal, sync_descriptor, write_text
from harness.worker.frames import Decoder, Frame, ProtocolError, encode

FOLDER = ".partial"
_RUN_LIMIT = 1 << 20
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
# Parts of a run's identity, as a reader names them.
_NAMES = {
    "bundle": "version of repro-harness",
    "environment": "build of the runtime",
    "schema": "version of the record",
}


class Journal:
    """One unfinished run under `results/.partial/`."""

    def __init__(self, folder: Path, started_utc: str, *, first: bool = False) -> None:
        self.folder, self.started_utc = folder, started_utc
        self._first = first  # the folder of results was made for it
        self.torn: list[int] = []  # processes of which only the beginning can be read

    @classmethod
    def create(cls, results: Path, identity: Mapping[str, Any]) -> Journal:
        """A new journal for the run that `identity` names (what must be equal for a resume)."""
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        folder = results / FOLDER / f"{_key(identity)}-{time.time_ns()}"
        first = not results.exists()
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise refusal(error, folder) from error
        write_text(folder / "run.json", json.dumps({"started_utc": started, "identity": dict(identity)}, indent=1))
        return cls(folder, started, first=first)

    @classmethod
    def resume(cls, results: Path, identity: Mapping[str, Any], *, or_new: bool = False) -> Journal:
        """The newest unfinished run of the same identity. Raises `BadInput` where there is none and none may be begun, or
        where it is damaged; says in what the newest other one differs.
        """
        for folder in sorted((results / FOLDER).glob(f"{_key(identity)}-*"), key=_made_at, reverse=True):
            return cls(folder, _head(folder)["started_utc"])
        if or_new:
            return cls.create(results, identity)
        raise BadInput(
            f"no unfinished run of this model, runtime, suite and options{_nearest(results, identity)}",
            where=str(results / FOLDER),
            fix="start it without --resume",
        )

    @staticmethod
    def refuse_nothing(results: Path) -> None:
        """Raises `BadInput` where no run is unfinished there, whatever it would be of."""
        if not any((results / FOLDER).glob("*-*")):
            raise BadInput(
                "no unfinished run of this model, runtime, suite and options",
                where=str(results / FOLDER),
                fix="start it without --resume",
            )

    def append(self, process: int, frame: Frame) -> None:
        """Add a frame of a process; it survives the death of this program."""
        try:
            with self._path(process).open("ab") as file:
                file.write(encode(frame.kind, frame.header, frame.body))
        except OSError as error:
            raise refusal(error, self._path(process)) from error

    def settle(self, process: int) -> None:
        """Make a process's frames survive the machine, too."""
        try:
            with self._path(process).open("ab") as file:
                sync_descriptor(file.fileno())
        except OSError as error:
            raise refusal(error, self._path(process)) from error

    def processes(self) -> dict[int, list[Frame]]:
        """The frames of each process so far; what was cut off mid-frame is left out."""
        found: dict[int, list[Frame]] = {}
        for path in sorted(self.folder.glob("process-*.frames")):
            number = path.stem.removeprefix("process-")
            if not number.isdecimal():
                raise damaged(self.folder, path.name)
            frames = found.setdefault(int(number), [])
            try:
                for frame in Decoder().feed(path.read_bytes()):
                    frames.append(frame)
            except ProtocolError:
                self.torn.append(int(number))
            except OSError as error:
                raise damaged(self.folder, f"{path.name}: {error.strerror}") from error
        return found

    def discard(self) -> None:
        """The record is written: the journal is no longer needed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # other unfinished runs may lie beside it
            self.folder.parent.rmdir()
            if self._first:  # nor an empty folder of results
                self.folder.parent.parent.rmdir()

    def _path(self, process: int) -> Path:
        return self.folder / f"process-{process:03d}.frames"


def damaged(folder: Path, what: str) -> BadInput:
    """The one line for a journal that can't be used."""
    return BadInput(
        f"the unfinished run is damaged ({what})",
        where=str(folder),
        fix="delete that folder, and start without --resume",
    )


def _made_at(folder: Path) -> int:
    number = folder.name.rpartition("-")[2]
    return int(number) if number.isdecimal() else 0


def _head(folder: Path) -> dict[str, Any]:
    """What `run.json` says. Raises `BadInput`."""
    try:
        data = json.loads(read_limited(folder / "run.json", _RUN_LIMIT, "the journal"))
        if not isinstance(data["identity"], dict) or _TIME.fullmatch(data["started_utc"]) is None:
            raise ValueError("its fields are not what they should be")
    except (BadInput, OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise damaged(folder, "run.json") from error
    return dict(data)


def _nearest(results: Path, identity: Mapping[str, Any]) -> str:
    """In what the unfinished run that is most like this one differs, in words; empty where there is none."""
    differing = []
    for folder in (results / FOLDER).glob("*-*"):
        with contextlib.suppress(BadInput):
            theirs = _head(folder)["identity"]
            names = sorted(_changed(theirs, dict(identity)))
            differing.append((len(names), -_made_at(folder), names))
    if not differing:
        return ""
    return f"; the one that is most like it has another {', '.join(min(differing)[2])}"


def _changed(a: Mapping[str, Any], b: Mapping[str, Any]) -> set[str]:
    found = {_NAMES.get(name, name) for name in a.keys() | b.keys() if name != "options" and a.get(name) != b.get(name)}
    left, right = a.get("options"), b.get("options")
    if isinstance(left, dict) and isinstance(right, dict):
        return found | {f"option {name}" for name in left.keys() | right.keys() if left.get(name) != right.get(name)}
    return found if left == right else {*found, "options"}


def _key(identity: Mapping[str, Any]) -> str:
    return sha256(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()[:16]
