"""Who acts at a registry by the command line: operators, editors and anybody, each with keys of their own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from harness.demo.records import Person, person, sealed
from harness.record import keys
from harness.record.editor_keys import registry_key
from harness.registry.opening import open_database
from tests.e2e.conftest import Repro
from tests.support.program import REAL, written
from tests.support.served import served

ORIGIN = "example.org/bench"


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


def hosted(folder, *operators):
    """An editor with an empty registry, and operators with keys."""
    made = People(folder)
    made.good("ed", "keys", "new", "--role", "editor", "--handle", "ed")
    made.good("ed", "registry", "new", "--origin", ORIGIN)
    for who in operators:
        made.operator(who)
    return made


@contextmanager
def at_a_service(people):
    """The address at which the registry of `hosted` is served."""
    key = registry_key(people.folder / "ed" / "repro-harness" / "keys", ORIGIN, make=False)
    with served(open_database(str(people.registry)), key) as client:
        yield str(client.base_url).rstrip("/")
