"""A sweep as one value: cells that differ in the swept settings alone, each measured, each against the best. Pure.

`repro bench`, `repro matrix run` and `repro report` draw it; what is not here was not measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from harness.compare.records import alpha_of, differences, failings
from harness.errors import BadInput
from harness.measure.comparison import Comparison, Verdict, compare, compare_pairs
from harness.measure.student import LEAST_PROCESSES
from harness.record.outcome import line
from harness.record.schema import MetricResult, Record, Unit, Workload
from harness.record.settings import drafts
from harness.record.store import Stored

TIE_BAND = (0.98, 1.02)  # the precision that a run aims at: settings nearer to each other are not worth a choice
NOT_SET = "default"  # the text of a swept setting that a cell leaves to its default


class Standing(StrEnum):
    """Where a cell stands against the best one."""

    BEST = "best"
    TIE = "tie"  # the interval of the ratio includes 1, or lies inside the band
    SLOWER = "slower"  # the interval lies below the band
    UNDECIDED = "undecided"  # slower, as it seems, and not surely by more than the band; or too few processes
    UNUSABLE = "unusable"  # its own record says that the number is not to be used, or it did other work


@dataclass(frozen=True, slots=True)
class Axis:
    """A setting that was swept, and its values as texts, in the order of the sweep."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: its value on each axis, and its record; `failure` says in one line why it has no number."""

    values: tuple[str, ...]
    path: str = ""  # of record.json; "" without one
    id: str = ""
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One cell's number: `value`, `low`, `high` in the series' unit, the 95 % interval None where there is none to give.

    `against_best`: the ratio cell / best with its interval and verdict; None for the best itself, and where nothing can be
    compared (`why` says so). `why` says of a rate with drafts what it holds for, too.
    """

    value: int
    low: int | None
    high: int | None
    half_width_ppm: int | None
    n_processes: int
    standing: Standing
    against_best: Comparison | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of one workload over all cells, in their order; None where a cell has no number."""

    workload: str
    metric: str
    unit: Unit
    points: tuple[Point | None, ...]
    best: int | None  # index of the cell; None where no cell has a number that may be used

    @property
    def ties(self) -> tuple[int, ...]:
        """The cells that can't be told from the best."""
        return tuple(i for i, point in enumerate(self.points) if point is not None and point.standing is Standing.TIE)

    @property
    def alone(self) -> bool:
        """Whether the best is the only cell with a number that may be used: it stands against none."""
        usable = [point for point in self.points if point is not None and point.standing is not Standing.UNUSABLE]
        return self.best is not None and len(usable) == 1


@dataclass(frozen=True, slots=True)
class SweepTable:
    """The sweep: `series[i].points[j]` belongs to `cells[j]`. The first series is the suite's headline, where any cell has it."""

    model: str
    runtime: str
    suite: str
    axes: tuple[Axis, ...]
    cells: tuple[Cell, ...]
    series: tuple[Series, ...]
    synthetic: bool

    def to_json(self) -> dict[str, Any]:
        """As JSON prints it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a table is made of: one cell's swept settings as texts, and its record or its failure."""

    settings: Mapping[str, str]
    stored: Stored | None
    failure: str = ""


def of_records(records: Sequence[Stored]) -> SweepTable:
    """The sweep that records of one model, runtime and suite are: what they were asked for differently are its axes.

    Raises `BadInput` where they differ in more than settings, or two have the same ones.
    """
    if len(records) < 2:
        raise BadInput("needs at least two records", where="sweep", fix="name another record")
    _refuse_other_machines([one.record for one in records if one.record.failure is None])
    asked = [{name: text_of(value) for name, value in one.record.runtime.options.items()} for one in records]
    if len({one.get("url") for one in asked}) > 1:  # nobody knows whether behind another address the same computes
        raise BadInput("the records are of several servers", where="sweep", fix="name records of one sweep")
    swept = sorted({name for one in asked for name in one if len({other.get(name) for other in asked}) > 1})
    return table([Measured({n: one.get(n, NOT_SET) for n in swept}, s) for one, s in zip(asked, records, strict=True)])


def table(measured: Sequence[Measured]) -> SweepTable:
    """The cells in the order given, shape (n,); at least one must have a record. Raises `BadInput` where they are no sweep."""
    records = [one.stored.record for one in measured if one.stored is not None]
    if not records:
        raise BadInput("no cell has a record", where="sweep", fix="read why each of them failed")
    subjects = {_subject(record) for record in records}
    if len(subjects) > 1:
        parts = (name for name, values in zip(_PARTS, zip(*subjects, strict=True), strict=True) if len(set(values)) > 1)
        raise BadInput(f"the records differ in {', '.join(parts)}", where="sweep", fix="name records of one sweep")
    names = tuple(dict.fromkeys(name for one in measured for name in one.settings))
    rows = [tuple(one.settings.get(name, NOT_SET) for name in names) for one in measured]
    twice = next((row for row in rows if rows.count(row) > 1), None)
    if twice is not None:
        shown = " ".join(f"{name}={value}" for name, value in zip(names, twice, strict=True)) or "the same settings"
        raise BadInput(f"two records have {shown}", where="sweep", fix="name one record a combination")
    first = records[0]
    return SweepTable(
        model=str(first.model.get("name")),
        runtime=first.runtime.name,
        suite=f"{first.suite.name}-v{first.suite.version}",
        axes=tuple(
            Axis(name, tuple(dict.fromkeys(values))) for name, values in zip(names, _columns(rows), strict=True)
        ),
        cells=tuple(_cell(row, one) for row, one in zip(rows, measured, strict=True)),
        series=_series(measured, next((r for r in records if r.failure is None), first)),
        synthetic=first.run.synthetic,
    )


_PARTS = ("the model", "the runtime", "the suite", "being a simulation")


def text_of(value: object) -> str:
    """A setting's value as `-o` takes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _subject(record: Record) -> tuple[object, ...]:
    return (record.model.get("sha256"), record.runtime.name, record.suite.sha256, record.run.synthetic)


_FOLLOWING = ("devices", "backend")  # from a setting


def _refuse_other_machines(records: Sequence[Record]) -> None:
    """Raises `BadInput` where two records differ in more than settings: their ratio would be the effect of both."""
    for record in records[1:]:
        found = [one for one in differences(record, records[0]) if not one.startswith(("setting ", "variable "))]
        if others := [one for one in found if one not in _FOLLOWING]:
            raise BadInput(f"the records differ in {', '.join(others)}", where="sweep", fix="name records of one sweep")


def _columns(rows: Sequence[tuple[str, ...]]) -> list[tuple[str, ...]]:
    return list(zip(*rows, strict=True))


def _cell(values: tuple[str, ...], one: Measured) -> Cell:
    if one.stored is None:
        return Cell(values, failure=one.failure)
    outcome = one.stored.record.failure
    failure = one.failure or ("" if outcome is None else line(outcome))
    return Cell(values, str(one.stored.path), one.stored.id, failure)


def _series(measured: Sequence[Measured], like: Record) -> tuple[Series, ...]:
    """The headline's decode rate, then the prefill rate of the longest prompt."""
    if not like.workloads:
        return ()
    longest = max(like.workloads, key=lambda workload: workload.prompt_tokens)
    wanted = [(like.suite.headline, "decode_rate"), (longest.id, "prefill_rate")]
    made = (_one_series([one.stored for one in measured], *names) for names in wanted)
    return tuple(series for series in made if any(series.points))


def _one_series(cells: Sequence[Stored | None], workload: str, metric: str) -> Series:
    records = [None if one is None else one.record for one in cells]
    results = [None if record is None else _result(record, workload, metric) for record in records]
    reasons = [
        "" if record is None or result is None else "; ".join(failings(record, workload, metric))
        for record, result in zip(records, results, strict=True)
    ]
    usable = [i for i, result in enumerate(results) if result is not None and not reasons[i]]
    best = max(usable, key=lambda i: _value(results[i]), default=None)
    unit: Unit = next((result.unit for result in results if result is not None), "micro_tokens_per_s")
    points = tuple(_point(i, records, results, reasons[i], best, workload, metric) for i in range(len(cells)))
    return Series(workload, metric, unit, points, best)


def _result(record: Record, workload: str, metric: str) -> MetricResult | None:
    found = record.result(workload, metric)
    return None if found is None or found.estimate is None else found


def _value(result: MetricResult | None) -> int:
    return 0 if result is None or result.estimate is None else result.estimate.point


def _point(
    index: int,
    records: Sequence[Record | None],
    results: Sequence[MetricResult | None],
    why: str,
    best: int | None,
    workload: str,
    metric: str,
) -> Point | None:
    own, record = results[index], records[index]
    if own is None or own.estimate is None or record is None:
        return None
    held, standing = None, Standing.BEST
    if why or best is None:
        standing = Standing.UNUSABLE
    elif index != best:
        first = records[best]
        top = results[best]
        assert first is not None  # noqa: S101 - the best has a number
        assert top is not None  # noqa: S101
        assert top.estimate is not None  # noqa: S101
        why = _other_work(record, first, workload)
        if why:
            standing = Standing.UNUSABLE
        else:
            by = compare_pairs if took_turns(record, first, own, top) else compare
            held = by(own.estimate.process_medians, top.estimate.process_medians, TIE_BAND, alpha_of(record, first))
            fewest = min(len(own.estimate.process_medians), len(top.estimate.process_medians))
            standing = standing_of(held, fewest)
    if not why and metric == "decode_rate" and drafts(record):
        why = "with drafts: what is kept of them depends on the text, so the rate is of these texts alone"
    estimate = own.estimate
    processes = len(estimate.process_medians)
    return Point(estimate.point, estimate.low, estimate.high, estimate.half_width_ppm, processes, standing, held, why)


def standing_of(against_best: Comparison, fewest: int) -> Standing:
    """Of a cell that is not the best, by the ratio cell / best; `fewest`: processes on the side that has fewer."""
    if fewest < LEAST_PROCESSES:
        return Standing.UNDECIDED
    if against_best.verdict is Verdict.SLOWER:
        return Standing.SLOWER
    if against_best.verdict is Verdict.SAME:
        return Standing.TIE
    return Standing.TIE if (against_best.high or 0) >= 1 else Standing.UNDECIDED


def took_turns(a: Record, b: Record, left: MetricResult, right: MetricResult) -> bool:
    """Whether process i of both runs belongs to one round: they ran at one time, and a machine measures one process at a time."""
    same = [process.index for process in a.processes] == [process.index for process in b.processes]
    medians = {len(one.estimate.process_medians) for one in (left, right) if one.estimate is not None}
    at_once = a.run.started_utc < b.run.finished_utc and b.run.started_utc < a.run.finished_utc
    return same and at_once and medians == {len(a.processes)}


_WORK = ("mode", "prompt_tokens", "output_tokens", "prompt_sha256", "concurrency", "forced_sha256")


def _other_work(record: Record, best: Record, workload: str) -> str:
    """What of the workload differs; "" where it is the same work."""
    ours, theirs = _workload(record, workload), _workload(best, workload)
    differing = [name for name in _WORK if getattr(ours, name, None) != getattr(theirs, name, None)]
    return f"differs in {', '.join(differing)}" if differing else ""


def _workload(record: Record, name: str) -> Workload | None:
    return next((workload for workload in record.workloads if workload.id == name), None)
