"""The program inside this process: what it prints, and how it ends."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from harness.cli import main
from harness.demo.records import Person, Setup, person, sealed
from harness.record import canonical, envelope, store


@dataclass(frozen=True)
class Ended:
    code: int
    out: str
    err: str

    @property
    def refusal(self) -> str:
        """The one line of an end with status 2."""
        lines = self.err.strip().splitlines()
        assert self.code == 2, (self.code, self.out[-500:], self.err[-500:])
        assert "Traceback" not in self.err
        assert lines[-1].startswith("repro: ")
        return lines[-1]


class Program:
    """Called with arguments as a shell would give them."""

    def __init__(self, capfd):
        self._capfd = capfd

    def __call__(self, *arguments):
        self._capfd.readouterr()
        code = 0
        try:
            main([str(one) for one in arguments])
        except SystemExit as end:
            code = end.code or 0
        told = self._capfd.readouterr()
        return Ended(code, told.out, told.err)


REAL = Setup(synthetic=False)


def written(folder: Path, data: bytes, samples: bytes) -> Path:
    """A signed record as a folder."""
    folder.mkdir(parents=True)
    (folder / store.RECORD_FILE).write_bytes(envelope.read(data, "").payload)
    (folder / store.ENVELOPE_FILE).write_bytes(data)
    (folder / store.SAMPLES_FILE).write_bytes(samples)
    return folder


def signed(folder: Path, handle: str = "ann", setup: Setup = REAL) -> Path:
    """A record that holds, signed by that person."""
    return written(folder, *sealed(person(handle), setup))


def copied(folder: Path, target: Path) -> Path:
    shutil.copytree(folder, target)
    return target


def edited(folder: Path, change) -> Path:
    """Its predicate changed in place, canonical again: what a forger with our code would write."""
    file = folder / store.RECORD_FILE
    value = json.loads(file.read_bytes())
    change(value["predicate"])
    file.write_bytes(canonical.canonical(value))
    return folder


def resigned(folder: Path, who: Person | str = "ann") -> Path:
    """Signed again over what stands there now, by the person themself."""
    one = person(who) if isinstance(who, str) else who
    data = envelope.sign((folder / store.RECORD_FILE).read_bytes(), [one.operator, one.rig]).to_bytes()
    (folder / store.ENVELOPE_FILE).write_bytes(data)
    return folder


def faster(predicate) -> None:
    """The headline's number, a thousandth higher, in one place."""
    for result in predicate["results"]:
        if result["workload"] == predicate["suite"]["headline"]:
            estimate = next(m for m in result["metrics"] if m["metric"] == "decode_rate")["estimate"]
            estimate["point"] += estimate["point"] // 1000
