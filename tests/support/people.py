"""Who acts at a registry by the command line: operators, editors and anybody, each with keys of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from harness.demo.records import Person, person, sealed
from harness.record import keys
from tests.e2e.conftest import Repro
from tests.support.program import REAL, written


class People:
    """Each with a configuration folder of its own; records are signed with the keys that `repro keys new` made."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.registry = folder, folder / "registry"
        self.repro = Repro(folder, folder / "cache")

    def __call__(self, who, *arguments, **environment):
        return self.repro(
            *arguments,
            **({"XDG_CONFIG_HOME": str(self.folder / who), "REPRO_REGISTRY": str(self.registry)} | environment),
        )

    def good(self, who, *arguments, **environment):
        done = self(who, *arguments, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def operator(self, who):
        self.good(who, "keys", "new", "--handle", who)

    def record(self, who, name, **setup):
        """A record's folder, signed by that operator."""
        signers = keys.unlock(self.folder / who / "repro-harness" / "keys", None)
        one = Person(who, signers.operator, person(who).following, signers.rig)
        data, samples = sealed(one, replace(REAL, **setup))
        return written(self.folder / "results" / name, data, samples)
