"""State and tier of every row of a registry: read in sweeps along the table, judged many at a time, scored by the one `score`."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from multiprocessing import get_context
from operator import attrgetter
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import numpy as np

from harness.catalog.policies import Loaded
from harness.measure.logs import Logs
from harness.registry.db import rows as rows_table
from harness.registry.db.columns import measurement
from harness.registry.db.reader import Reader
from harness.registry.db.rows import SWEEPS
from harness.registry.opening import open_database
from harness.registry.processes import usable_cores
from harness.registry.queries import reports, rows
from harness.registry.queries.active_policy import in_force
from harness.registry.store import Registry
from harness.tiers.bulk import MARKS, marks
from harness.tiers.policy import Policy
from harness.tiers.score import standing
from harness.tiers.values import Mark, Measurement, Row, State, Status, Tier
from harness.tiers.verdict import Judged, compared, judge

ALONE = 20_000  # records up to which a second process costs more than it saves
_JUDGED = tuple(Judged(mark, None) for mark in MARKS)
_PENDING = Judged(Mark.PENDING, None)


@dataclass(frozen=True, slots=True)
class Standing:
    """One row of the list."""

    row: str
    model_name: str
    quantisation: str
    engine: str
    sku: str
    workload: str
    state: State
    tier: Tier | None
    contested: bool
    records: int
    under_review: bool = False  # operators asked editors to look at it: its tier is held


class _Read(NamedTuple):
    """A record with what judging it needs, and what the list shows."""

    row: str
    one: Measurement
    logs: Logs
    model_name: str


def all_standings(
    registry: Registry, policy: str | None, as_of: date, seen: Reader | None = None
) -> tuple[Loaded, list[Standing]]:
    """The policy, and every row by its id; with several processes where that pays. All of one state of the registry.

    `seen`: a reader that leaves out some records; then this process does it alone.
    """
    if seen is not None:
        loaded = in_force(seen, policy)
        return loaded, list(standings(seen, loaded.policy, as_of))
    with registry.reading() as reader:
        loaded, size = in_force(reader, policy), reader.size()
        cores = usable_cores()
        if not reader.has_records(ALONE) or cores < 2 or registry.in_memory:
            return loaded, list(standings(reader, loaded.policy, as_of))
    file = registry.file
    if file is not None and _fits_in_memory(file):
        Thread(target=_read_ahead, args=(file,), daemon=True).start()
    parts = [range(first, SWEEPS, cores) for first in range(cores)]
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        found = list(
            pool.map(_part, *zip(*((registry.target, size, loaded.policy, as_of, part) for part in parts), strict=True))
        )
    if any(part is None for part in found):  # somebody wrote meanwhile: one reader sees one state
        with registry.reading() as reader:
            return loaded, list(standings(reader, loaded.policy, as_of))
    merged = [one for part in found for one in part or ()]
    return loaded, sorted(merged, key=lambda one: one.row)


def _read_ahead(file: Path) -> None:
    """Let the kernel have the file's pages in the file's order: one by one, as the table lies, they cost as much as scoring.

    Advice alone (posix_fadvise) is taken for the first pages only.
    """
    buffer = bytearray(4 << 20)
    with file.open("rb", buffering=0) as source:
        while source.readinto(buffer):
            pass


def _fits_in_memory(file: Path) -> bool:
    return hasattr(os, "sysconf") and file.stat().st_size * 2 < os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _part(target: str, size: int, policy: Policy, as_of: date, sweeps: Sequence[int]) -> list[Standing] | None:
    gc.disable()  # millions of values that refer to nothing in a circle, in a process that ends with them
    with open_database(target).reading() as reader:
        return list(standings(reader, policy, as_of, sweeps)) if reader.size() == size else None


def standings(reader: Reader, policy: Policy, as_of: date, sweeps: Sequence[int] = range(SWEEPS)) -> Iterator[Standing]:
    """Of the rows in these sweeps, in order."""
    about, people, frozen = rows.known(reader), rows.people(reader), reports.frozen(reader)
    for sweep in sweeps:
        lines = rows_table.sweep(reader, sweep)
        try:
            read = [_read(values, about) for values in lines]
        except rows.UNREADABLE:
            for values in lines:  # which one: said once, for a guard around each costs as much as reading them
                with rows.naming(values):
                    _read(values, about)
            raise
        yield from _scored(reader, read, policy, as_of, people, frozen, about)


def _read(values: rows_table.Line, about: rows.Known) -> _Read:
    return _Read(*measurement(values[:-1], about.source, about.behind, with_medians=False), values[-1])


def _scored(
    reader: Reader,
    read: Sequence[_Read],
    policy: Policy,
    as_of: date,
    people: dict[str, str],
    frozen: Mapping[str, reports.Frozen],
    about: rows.Known,
) -> Iterator[Standing]:
    grouped = []
    for row, members in groupby(read, key=attrgetter("row")):
        own = list(members)
        hub = next((item for item in own if item.one.id == row), None)
        if hub is not None:
            grouped.append((hub, [item for item in own if item is not hub]))
    pairs = [
        (hub, other)
        for hub, others in grouped
        for other in others
        if other.one.status is Status.ACCEPTED and other.one.subject == hub.one.subject
    ]
    judged: dict[str, Judged] = {}
    if pairs:
        found = marks(_columns([hub for hub, _ in pairs]), _columns([other for _, other in pairs]), policy)
        for (hub, other), place in zip(pairs, found.tolist(), strict=True):
            judged[other.one.id] = _JUDGED[place] if place >= 0 else _exactly(reader, hub, other, policy)
    for hub, others in grouped:
        one, now = hub.one, frozen.get(hub.one.id)
        row_of_all = Row(one, tuple(other.one for other in others))
        if now is not None:  # few are: each by itself, with its medians
            row, day = reports.held(reader, rows.read(reader, one.id, about), now, as_of)
            state, tier, contested = standing(row, policy, day, None, people)
        else:
            own_judged = {other.id: judged.get(other.id, _PENDING) for other in compared(row_of_all)}
            state, tier, contested = standing(row_of_all, policy, as_of, own_judged, people)
        yield Standing(
            one.id,
            hub.model_name,
            one.subject.quantisation,
            one.subject.engine,
            one.hardware.sku,
            one.subject.workload,
            state,
            tier,
            contested,
            1 + len(others),
            now is not None,
        )


def _columns(read: Sequence[_Read]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    logs = [one.logs for one in read]
    by_column = [[one.n for one in logs], [one.mean for one in logs], [one.variance for one in logs]]
    return np.array([*by_column, [one.one.fixed_number for one in read]], dtype=np.float64)


def _exactly(reader: Reader, hub: _Read, other: _Read, policy: Policy) -> Judged:
    def whole(item: _Read) -> Measurement:
        text = rows_table.medians(reader, item.row, item.one.id)
        return replace(item.one, medians=tuple(int(median) / 1e6 for median in text.split(",")))

    return judge(whole(hub), whole(other), policy)
