"""What a fleet found: each configuration over its nodes, the node that is unlike the others, what failed, what it cost. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median, stdev

from harness.fleet.outcome import Ending, Standing, Status
from harness.fleet.pair_ratios import METRICS, PairRatio, pair_ratios, result
from harness.fleet.plan import Job, Plan
from harness.fleet.state import Drained
from harness.measure.nodes import BAND, NodePlace, places
from harness.measure.student import t_quantile
from harness.record.schema import Record
from harness.record.store import Stored
from harness.verify.unusable import reasons

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Cell:
    """One job's number: tokens/s. `why`: it is not held against other nodes."""

    node: str
    repeat: int
    rate: float | None
    low: float | None
    high: float | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A configuration's decode rate over the nodes of one class: the median node, and a 95 % interval of the nodes' mean."""

    machine: str
    configuration: str
    cells: tuple[Cell, ...]
    median: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class Odd:
    """How the nodes of one class stand among each other, by one metric. `units`: configurations and repeats behind it."""

    machine: str
    metric: str
    nodes: tuple[NodePlace, ...]


@dataclass(frozen=True, slots=True)
class FleetReport:
    """All of it."""

    title: str
    executor: str
    synthetic: bool
    band: float
    rows: tuple[Row, ...]
    odd: tuple[Odd, ...]
    pairs: tuple[PairRatio, ...]
    endings: Mapping[str, int]  # status → jobs
    failures: Mapping[str, int]  # code → jobs
    drained: Mapping[str, str]  # node → why
    tolerated: tuple[str, ...]  # what the matrix let pass, as the nodes showed it
    node_hours: float
    overhead_s: float | None  # the median job's time beyond its run

    @property
    def named(self) -> tuple[tuple[str, NodePlace, str], ...]:
        """Class, node, metric of every node that is surely unlike the others."""
        return tuple(
            (one.machine, node, one.metric) for one in self.odd for node in one.nodes if node.place in ("slow", "fast")
        )


def report(
    plan: Plan,
    found: Sequence[Standing],
    records: Mapping[int, Stored],
    drained: Mapping[str, Drained],
    band: float = BAND,
    unfinished_s: float = 0.0,
) -> FleetReport:
    """From how the jobs stand and the records that are at home, by the numbers of their jobs. `unfinished_s`: what jobs that are
    not over took until now.
    """
    outcomes = [one.outcome for one in found if one.outcome is not None]
    unlike = _unlike(found, records)
    unusable = {
        one.job.number: _unusable(one, records.get(one.job.number)) or unlike.get(one.job.number, "") for one in found
    }
    beyond = [one.job_s - one.run_s for one in outcomes if one.ending is Ending.MEASURED and one.run_s]
    endings: dict[str, int] = {}
    failures: dict[str, int] = {}
    for one in found:
        endings[str(one.status)] = endings.get(str(one.status), 0) + 1
        if one.outcome is not None and one.outcome.ending in (Ending.FAILED, Ending.REFUSED):
            code = one.outcome.code or "not known"
            failures[code] = failures.get(code, 0) + 1
    return FleetReport(
        title=plan.title,
        executor=plan.executor,
        synthetic=any(one.record.run.synthetic for one in records.values()),
        band=band,
        rows=tuple(_rows(found, unusable, records)),
        odd=tuple(_odd(plan, found, unusable, records, band)),
        pairs=tuple(pair_ratios(found, unusable, records)),
        endings=endings,
        failures=failures,
        drained={node: one.reason for node, one in drained.items()},
        tolerated=_tolerated(plan, found),
        node_hours=(sum(one.job_s + one.earlier_s for one in outcomes) + unfinished_s) / 3600,
        overhead_s=median(beyond) if beyond else None,
    )


def _tolerated(plan: Plan, found: Sequence[Standing]) -> tuple[str, ...]:
    told = {
        f"{one.job.node}: {seen.name}"
        for one in found
        if one.outcome is not None
        for seen in (*one.outcome.before, *one.outcome.after)
        if seen.level == "bad" and seen.name in plan.machine(one.job).tolerate
    }
    return tuple(sorted(told))


def _rows(found: Sequence[Standing], unusable: Mapping[int, str], records: Mapping[int, Stored]) -> list[Row]:
    """Two configurations that words don't tell apart, models of one name in two folders, have a row each, and a mark."""
    groups: dict[tuple[str, str, str], list[Standing]] = {}
    keys: dict[str, set[str]] = {}
    for one in found:
        groups.setdefault((one.job.machine, _called(one.job), one.job.triple.key), []).append(one)
        keys.setdefault(_called(one.job), set()).add(one.job.triple.key)
    made = []
    for (machine, text, key), own in sorted(groups.items()):
        cells = tuple(_cell(one, unusable[one.job.number], records.get(one.job.number)) for one in own)
        told = text if len(keys[text]) == 1 else f"{text} [{key[:6]}]"
        made.append(Row(machine, told, cells, *_over_nodes(cells)))
    return made


def _called(job: Job) -> str:
    return job.triple.public if job.turn is None else f"{job.turn.pair} {job.turn.side}: {job.triple.public}"


def _cell(one: Standing, why: str, stored: Stored | None) -> Cell:
    if stored is None:
        return Cell(one.job.node, one.job.repeat, None, None, None, why)
    headline = stored.record.headline
    if headline is None or headline.estimate is None:
        return Cell(one.job.node, one.job.repeat, None, None, None, why or "holds no number")
    estimate = headline.estimate
    low, high = (None if value is None else value / 1e6 for value in (estimate.low, estimate.high))
    return Cell(one.job.node, one.job.repeat, estimate.point / 1e6, low, high, why)


def _unusable(one: Standing, stored: Stored | None) -> str:
    if one.outcome is None or stored is None:
        return "is not collected yet" if one.status is Status.MEASURED else one.detail or str(one.status)
    if stored.record.failure is not None:
        return f"the run failed: {stored.record.failure.reason}"
    if one.outcome.spoilt:
        return f"the node failed its checks afterwards: {one.outcome.spoilt}"
    return ", ".join(f"{code} failed" for code in reasons(stored.record))


def _unlike(found: Sequence[Standing], records: Mapping[int, Stored]) -> dict[int, str]:
    """By the numbers of jobs: what differs between the records of their configuration, which the nodes share by name alone.

    A file that was replaced meanwhile, or another release on one of the nodes, tells nothing of that node.
    """
    groups: dict[tuple[str, str], list[int]] = {}
    for one in found:
        if one.job.number in records and records[one.job.number].record.failure is None:
            groups.setdefault((one.job.machine, one.job.triple.key), []).append(one.job.number)
    told: dict[int, str] = {}
    for numbers in groups.values():
        own = [records[number].record for number in numbers]
        kinds: dict[str, set[object]] = {
            "weights": {record.model.get("sha256") for record in own},
            "suites": {record.suite.sha256 for record in own},
            "draft models": {record.runtime.settings.get("draft_model") for record in own},
            "backends": {record.runtime.environment.get("backend") for record in own},
            "engine versions": {record.runtime.version for record in own},
            "versions of repro-harness": {record.harness.version for record in own},
        }
        if differing := [name for name, values in kinds.items() if len(values) > 1]:
            told |= dict.fromkeys(numbers, f"its records are of several {' and '.join(differing)}")
    return told


def _over_nodes(cells: Sequence[Cell]) -> tuple[float | None, float | None, float | None]:
    """The median of the nodes, each by the mean log of its runs, and of three or more Student's interval of their mean."""
    by_node: dict[str, list[float]] = {}
    for one in cells:
        if one.rate and not one.why:
            by_node.setdefault(one.node, []).append(math.log(one.rate))
    logs = [fmean(own) for own in by_node.values()]
    if not logs:
        return None, None, None
    if len(logs) < 3:
        return math.exp(median(logs)), None, None
    margin = t_quantile((1 + LEVEL) / 2, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return math.exp(median(logs)), math.exp(fmean(logs) - margin), math.exp(fmean(logs) + margin)


def _odd(
    plan: Plan, found: Sequence[Standing], unusable: Mapping[int, str], records: Mapping[int, Stored], band: float
) -> list[Odd]:
    """Each class by itself: nodes of two classes are not meant to be alike. The level is shared by the metrics."""
    made = []
    for machine in plan.machines:
        own = [one for one in found if one.job.machine == machine.name]
        for metric in METRICS:
            runs: dict[object, dict[str, list[float]]] = {}
            for one in own:
                stored = records.get(one.job.number)
                if stored is None or unusable[one.job.number]:
                    continue
                medians = _medians(stored.record, metric)
                if medians:
                    unit = runs.setdefault((_called(one.job), one.job.triple.key, one.job.repeat), {})
                    unit[one.job.node] = [math.log(value) for value in medians]
            if len({node for row in runs.values() for node in row}) > 1:
                made.append(Odd(machine.name, metric, tuple(places(runs, band, 0.05 / len(METRICS)))))
    return made


def _medians(record: Record, metric: str) -> Sequence[float]:
    found = result(record, metric)
    if found is None or found.estimate is None:
        return ()
    return [float(value) for value in found.estimate.process_medians if value > 0]
