"""A whole registry for what is measured of a site: rows of signed records with samples, reproductions, approvals."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import datetime
from multiprocessing import get_context
from pathlib import Path

import registry as registries

from harness.demo.records import Setup, person, sealed
from harness.registry.actions import acts
from harness.registry.actions.create import sign_checkpoint
from harness.registry.db.transaction import Item
from harness.registry.facts import RecordFact
from harness.registry.intake.ingest import Submission, checked
from harness.registry.store import Registry

EACH = 3  # records of a row: its own and two reproductions


def make(i: int) -> Submission:
    row, k = divmod(i, EACH)
    operator = (row * 7 + k * 131) % registries.OPERATORS
    sku = f"GPU {row}" if k < 2 else f"GPU {row} other"
    setup = Setup(
        seed=i, sku=sku, rate=100 + row % 7, started=datetime(2026, 10, 1), model=f"model-{row % 200}", tokens=128
    )
    data, samples = sealed(person(f"op{operator}"), replace(setup, trials=3, processes=5))
    return checked(data, samples, "submission")


def fill(registry: Registry, rows: int) -> Callable[[int], None]:
    """Returns how to add the row of that number."""
    actors, editor = registries.join_all(registry), acts.Actor("ed", (registries.key("ed"),))
    with ProcessPoolExecutor(registries.CORES, mp_context=get_context("spawn")) as pool:
        made = pool.map(make, range(rows * EACH), chunksize=30)
        waiting: list[Submission] = []
        for one in made:
            waiting.append(one)
            if len(waiting) == EACH * 200:
                put(registry, actors, editor, waiting)
                waiting = []
        put(registry, actors, editor, waiting)
    sign_checkpoint(registry, registries.key("registry"))
    return lambda number: put(registry, actors, editor, [make(number * EACH)])


def put(registry: Registry, actors, editor, found: list[Submission]) -> None:
    for first in (True, False):  # rows before what reproduces them
        own = [(place, one) for place, one in enumerate(found) if (place % EACH == 0) is first]
        with registry.reading() as reader:
            items = []
            for place, one in own:
                row = "" if first else found[place - place % EACH].id
                sent = acts.submission(reader, actors[one.measured.measurement.operator], one, acts.Wish(row=row))
                items.append(replace(sent, submission=one))
        append(registry, items)
        with registry.reading() as reader:  # an editor approves what the log holds already
            reason = "complete, and its numbers agree"
            made = [acts.event(reader, editor, "record-approved", one.id, reason=reason) for _, one in own]
        append(registry, [Item(act.signed(editor.keys).to_bytes()) for act in made])


def append(registry: Registry, items: list[Item]) -> None:
    for taken in registry.append(items, acts.utc()) if items else []:
        if isinstance(taken, Exception):
            raise taken


def change(registry: Registry, row: str) -> None:
    """One of its records is withdrawn."""
    with registry.reading() as reader:
        known = reader.all(RecordFact).items()
        name, fact = next((n, f) for n, f in known if f.row == row and n != row and f.status == "accepted")
    who = acts.Actor(fact.operator, (person(fact.operator).operator,))
    acts.act(registry, who, "record-withdrawn", name, reason="to change one row")


def chosen(registry: Registry, out: Path, share: float) -> str:
    """The row that stands at that share of all."""
    ids = sorted(path.name for path in (out / "rows").iterdir())
    with registry.reading() as reader:
        return reader.id_of(ids[int(len(ids) * share)])
