"""Several records beside each other: what they differ in, which rates may be compared, and how each stands to the first. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness import units
from harness.compare.records import RecordComparison, Row, compare_records
from harness.compare.sweep import text_of
from harness.record.schema import Record
from harness.record.words import prefill_of
from harness.site.draw import charts
from harness.site.draw.charts import Chart
from harness.site.draw.record_charts import scaled
from harness.verify.reading import Checked, Verified
from harness.verify.unusable import reasons

MOST_CHARTS = 8
_WORDS = {"decode_rate": "decode", "prefill_rate": "prefill", "throughput": "throughput", "e2e": "E2E"}


@dataclass(frozen=True, slots=True)
class Side:
    """One record of several, by a letter."""

    letter: str
    checked: Checked

    @property
    def record(self) -> Record:
        """What it says."""
        return self.checked.stored.record

    @property
    def usable(self) -> bool:
        """Whether its rates may stand in a drawing: it is whole, it completed, and no check failed."""
        return self.checked.verified is not Verified.NO and self.record.failure is None and not reasons(self.record)


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table of verdicts, in words."""

    workload: str
    metric: str
    letters: str
    a: str
    b: str
    ratio: str
    interval: str
    verdict: str
    reason: str


@dataclass(frozen=True, slots=True)
class Pairing:
    """Two of the records held against each other: `letters` as in `A / B`."""

    letters: str
    differences: tuple[str, ...]
    settings: tuple[str, ...]
    unknown: tuple[str, ...]
    lines: tuple[Line, ...]
    rows: tuple[Row, ...]


def sides(checked: Sequence[Checked]) -> tuple[Side, ...]:
    """A, B, C …; from the 27th on, numbers."""
    return tuple(Side(chr(ord("A") + i) if i < 26 else str(i + 1), one) for i, one in enumerate(checked))


def pairings(all_sides: Sequence[Side], band: tuple[float, float]) -> tuple[Pairing, ...]:
    """Of two: the first against the second, as `repro compare`; of more: each against the first. Failed runs are left out."""
    able = [side for side in all_sides if side.checked.verified is not Verified.NO and side.record.failure is None]
    if len(able) < 2:
        return ()
    first, *others = able
    pairs = [(first, others[0])] if len(others) == 1 else [(other, first) for other in others]
    return tuple(_pairing(a, b, compare_records(a.record, b.record, band, (a.letter, b.letter))) for a, b in pairs)


def _pairing(a: Side, b: Side, found: RecordComparison) -> Pairing:
    letters = f"{a.letter} / {b.letter}"
    return Pairing(
        letters,
        found.differences,
        tuple(map(str, found.settings)),
        found.unknown,
        tuple(_line(row, letters) for row in found.rows),
        found.rows,
    )


def _line(row: Row, letters: str) -> Line:
    one = row.comparison
    more = f"about {one.more_processes} more processes a side would decide" if one.more_processes else ""
    return Line(
        row.workload,
        _WORDS.get(row.metric, row.metric),
        letters,
        units.quantity(row.a, row.unit),
        units.quantity(row.b, row.unit),
        "–" if one.ratio is None else units.ratio(one.ratio),
        "–" if one.low is None else units.interval(one.low, one.high),
        str(one.verdict).replace("_", " "),
        one.reason if one.ratio is None else more,
    )


def verdict_chart(made: Sequence[Pairing], band: tuple[float, float]) -> Chart | None:
    """The ratios against the band; None where nothing can be compared."""
    items = [
        (f"{one.letters} {row.workload} {_WORDS.get(row.metric, row.metric)}", c.low, c.ratio, c.high, _mark(row))
        for one in made
        for row in one.rows
        if (c := row.comparison).ratio is not None and row.metric != "e2e"
    ]
    whole = [(name, low, ratio, high, mark) for name, low, ratio, high, mark in items if ratio is not None]
    title = "Ratios with their intervals, against the band"
    return charts.against_band(whole, band, title=title, key="verdicts") if whole else None


def _mark(row: Row) -> str:
    return str(row.comparison.verdict).replace("_", " ")


def rate_charts(all_sides: Sequence[Side]) -> list[Chart]:
    """Bars of one metric of one workload over the records that measured work of that shape, two of them or more."""
    found = []
    for number, (workload, metric) in enumerate(_shared([side.record for side in all_sides if side.usable])):
        items = []
        for side in all_sides:
            result = side.record.result(workload, metric)
            if side.usable and result is not None and result.estimate is not None:
                items.append((name_of(side, all_sides), *scaled(result.estimate, 1e6)))
        if len(items) > 1:
            title = f"{_WORDS[metric].capitalize()} of {workload}, each with its interval"
            found.append(charts.bars(items, title=title, fmt=units.rate, key=f"rates{number}"))
    return found


def _shared(records: Sequence[Record]) -> list[tuple[str, str]]:
    """Decode of the headlines, prefill of the longest prompts, every throughput; never of two works under one name."""
    shapes: dict[str, set[tuple[object, ...]]] = {}
    for record in records:
        for w in record.workloads:
            shapes.setdefault(w.id, set()).add((w.mode, w.prompt_tokens, w.output_tokens, w.concurrency))
    prefills = [found[0] for record in records if (found := prefill_of(record)) is not None]
    crowds = [w.id for record in records for w in record.workloads if w.concurrency is not None]
    wanted = [(record.suite.headline, "decode_rate") for record in records]
    wanted += [(name, "prefill_rate") for name in prefills] + [(name, "throughput") for name in crowds]
    return [one for one in dict.fromkeys(wanted) if len(shapes.get(one[0], ())) == 1][:MOST_CHARTS]


def name_of(side: Side, all_sides: Sequence[Side]) -> str:
    """The letter, and in what the record differs from the others, short."""
    own = differing(all_sides)
    parts = [text for text in own.get(side.letter, ()) if text]
    made_up = " (synthetic)" if side.record.run.synthetic else ""
    return f"{side.letter} {', '.join(parts)}{made_up}".strip()


def differing(all_sides: Sequence[Side]) -> dict[str, tuple[str, ...]]:
    """By letter: model, engine, device and asked settings where the records are not all equal in them."""
    columns: list[list[str]] = [
        [str(side.record.model.get("name")) for side in all_sides],
        [f"{side.record.runtime.name} {side.record.runtime.version}".strip() for side in all_sides],
        [", ".join(d.description or d.name for d in side.record.runtime.devices) for side in all_sides],
    ]
    columns += [
        [f"{name}={_asked(side.record, name)}" for side in all_sides] for name in swept([s.record for s in all_sides])
    ]
    kept = [column for column in columns if len(set(column)) > 1]
    return {side.letter: tuple(column[i] for column in kept) for i, side in enumerate(all_sides)}


def swept(records: Sequence[Record]) -> tuple[str, ...]:
    """The settings that the records were asked for differently, by name."""
    names = sorted({name for record in records for name in record.runtime.options})
    return tuple(name for name in names if len({_asked(record, name) for record in records}) > 1)


def _asked(record: Record, name: str) -> str:
    return text_of(record.runtime.options[name]) if name in record.runtime.options else "default"
