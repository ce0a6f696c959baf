"""What a run has so far, on disk as it happens: each worker's frames, appended. A killed run goes on from here."""

from __future__ import annotations

import contextlib
import json
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


class Journal:
    """One unfinished run under `results/.partial/`."""

    def __init__(self, folder: Path, started_utc: str) -> None:
        self.folder, self.started_utc = folder, started_utc

    @classmethod
    def create(cls, results: Path, identity: Mapping[str, Any]) -> Journal:
        """A new journal for the run that `identity` names (what must be equal for a resume)."""
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        folder = results / FOLDER / f"{_key(identity)}-{time.time_ns()}"
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise refusal(error, folder) from error
        write_text(folder / "run.json", json.dumps({"started_utc": started, "identity": dict(identity)}, indent=1))
        return cls(folder, started)

    @classmethod
    def resume(cls, results: Path, identity: Mapping[str, Any], *, or_new: bool = False) -> Journal:
        """The newest unfinished run of the same identity. Raises `BadInput` where there is none and none may be begun."""
        for folder in sorted((results / FOLDER).glob(f"{_key(identity)}-*"), reverse=True):
            try:
                return cls(
                    folder, json.loads(read_limited(folder / "run.json", _RUN_LIMIT, "the journal"))["started_utc"]
                )
            except (BadInput, ValueError, KeyError, TypeError, RecursionError):
                continue
        if or_new:
            return cls.create(results, identity)
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
        with self._path(process).open("ab") as file:
            sync_descriptor(file.fileno())

    def processes(self) -> dict[int, list[Frame]]:
        """The frames of each process so far; what was cut off mid-frame is left out."""
        found: dict[int, list[Frame]] = {}
        for path in sorted(self.folder.glob("process-*.frames")):
            frames: list[Frame] = []
            with contextlib.suppress(ProtocolError):
                frames.extend(Decoder().feed(path.read_bytes()))
            found[int(path.stem.removeprefix("process-"))] = frames
        return found

    def discard(self) -> None:
        """The record is written: the journal is no longer needed."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # other unfinished runs may lie beside it
            self.folder.parent.rmdir()

    def _path(self, process: int) -> Path:
        return self.folder / f"process-{process:03d}.frames"


def _key(identity: Mapping[str, Any]) -> str:
    return sha256(json.dumps(dict(identity), sort_keys=True).encode()).hexdigest()[:16]
