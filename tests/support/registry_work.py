"""One piece of work at a registry, as a program of its own: what the fault driver and the killer run again and again.

    python -m tests.support.registry_work WHAT FOLDER

Each prints a line `done WHAT ID` once the registry has acknowledged; what was acknowledged must never be lost.
"""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path

from harness.demo.records import person, sealed
from harness.progress import SILENT
from harness.record import envelope, store
from harness.registry.actions import acts
from harness.registry.actions.create import sign_checkpoint
from harness.registry.exchange import files
from harness.registry.facts import RecordFact
from harness.registry.opening import open_database
from tests.support.registry_world import REAL, World, key


def told(*words: str) -> None:
    print("done", *words, flush=True)


def work(what: str, folder: Path) -> None:
    if what == "record":
        data, samples = sealed(person("ann"), REAL)
        path = store.write(folder / "results", "one", envelope.read(data, "").payload, samples, data)
        told(what, path.parent.name)
        return
    if what == "import":
        files.into(folder.parent / "files", str(folder / "registry"), SILENT)
        told(what, "registry")
        return
    world = World(open_database(str(folder / "registry")))
    if what == "submit":
        for name in ("bob", "cat"):
            found = world.record(name, sku=f"GPU of {name}", started=datetime(2026, 11, 2))
            world.submit(found)
            told(what, found.id)
    elif what == "approve":
        with world.registry.reading() as reader:
            waiting = [name for name, fact in reader.all(RecordFact).items() if fact.status == "pending"]
        for identity in waiting:
            world.approve(identity)
            told(what, identity)
    elif what == "checkpoint":
        sign_checkpoint(world.registry, key("registry"))
        told(what, "note")
    elif what == "export":
        files.export(world.registry, folder / "out", SILENT)
        told(what, "out")
    else:
        with world.registry.reading() as reader:
            first = reader.size()  # other records than the run before
        for number in range(first, first + 10_000):
            name = f"op{number % 7}"
            found = world.record(name, sku=f"GPU {number} {folder.name}", seed=number)
            world.join(name)
            taken = acts.submit(world.registry, world.actor(name), found)
            if taken is not None:
                told(what, found.id)
                if number % 3 == 0:
                    world.approve(found.id)
                    told("approve", found.id)


if __name__ == "__main__":
    work(sys.argv[1], Path(sys.argv[2]))
