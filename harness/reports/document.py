"""The report: records in, the bytes of one HTML file and its picture out. Reads the samples beside the records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from jinja2 import UndefinedError

from harness import __version__
from harness.errors import BadInput, RecordInvalid
from harness.measure.comparison import BAND
from harness.record.outcome import line
from harness.record.samples import decode
from harness.record.schema import Record
from harness.record.words import subject
from harness.reports import several, sweeps
from harness.reports.several import Side
from harness.site.draw import record_charts
from harness.site.draw.charts import Chart
from harness.site.draw.poster import poster
from harness.site.pages import record_parts
from harness.site.pages.pasted import Pasted, pasted
from harness.site.pages.render import standalone
from harness.verify.gist import Gist, gist
from harness.verify.reading import Checked, Verified, well_formed
from harness.verify.trials import trials_of

MOST = 200  # records in one file
_PICTURED = 2  # charts in the picture
_DRAWN = 4  # of several records, those whose samples are drawn, too: each takes about 60 kB


@dataclass(frozen=True, slots=True)
class Chapter:
    """One record as the page tells it. `warnings` stand above everything else."""

    side: Side
    title: str
    gist: Gist
    warnings: tuple[str, ...]
    workloads: tuple[dict[str, object], ...]
    curves: tuple[Chart, ...]
    charts: tuple[Chart, ...]
    failure: tuple[tuple[str, str], ...]  # of a run that failed: what, and its words
    again: Pasted

    @property
    def record(self) -> Record:
        """What it says."""
        return self.side.record


@dataclass(frozen=True, slots=True)
class Report:
    """One HTML file, and its leading drawings under their heading as an SVG file."""

    html: bytes = field(repr=False)
    picture: str = field(repr=False)

    def _repr_svg_(self) -> str:
        """For a notebook: the picture, which holds no script and no foreign markup."""
        return self.picture


def report(checked: Sequence[Checked]) -> Report:
    """Of one record or more, in the order given. Raises `BadInput` for none or too many, `RecordInvalid` for a malformed one."""
    if not 0 < len(checked) <= MOST:
        raise BadInput(f"must be of 1 to {MOST} records", where="report", fix="name them")
    all_sides = several.sides(checked)
    where = str(checked[0].stored.path) if len(checked) == 1 else "the records"
    try:
        chapters = [_chapter(side, len(all_sides)) for side in all_sides]
        with well_formed(where):
            return _single(chapters[0]) if len(chapters) == 1 else _several(chapters, all_sides)
    except UndefinedError as error:  # a field of a free part that a page needs is not there
        raise RecordInvalid(f"is malformed ({error})", where=where) from error


def _single(chapter: Chapter) -> Report:
    html = standalone("report.html", title=chapter.title, one=chapter, version=__version__, **_parts(chapter.record))
    drawn = [*chapter.curves, *chapter.charts][:_PICTURED]
    return Report(html, poster(chapter.title, chapter.warnings, [chapter.gist.rates, chapter.gist.lines[1]], drawn))


def _several(chapters: Sequence[Chapter], all_sides: Sequence[Side]) -> Report:
    made = several.pairings(all_sides, BAND)
    table = sweeps.sweep_of([one.checked.stored for one in all_sides if one.checked.verified is not Verified.NO])
    series = () if table is None else sweeps.views(table)
    verdicts, rates = several.verdict_chart(made, BAND), several.rate_charts(all_sides)
    title = _title(all_sides, table is not None)
    html = standalone(
        "report_several.html",
        title=title,
        chapters=chapters,
        warnings=_grouped(chapters),
        pairings=made,
        verdicts=verdicts,
        rates=rates if table is None else [],
        axes=() if table is None else tuple(axis.name for axis in table.axes),
        series=series,
        band=100 * (BAND[1] - 1),
        version=__version__,
    )
    drawn = [chart for one in series for chart in one.charts] or [*rates, *([verdicts] if verdicts else [])]
    lines = (
        [f"{one.side.letter}: {one.gist.subject}: {one.gist.rates}" for one in chapters]
        if table is None
        else [f"{one.title}: {one.said}" for one in series]
    )
    return Report(html, poster(title, _grouped(chapters), lines, drawn[:_PICTURED]))


def _grouped(chapters: Sequence[Chapter]) -> list[str]:
    """Each warning once, with the letters of those that it is about."""
    found: dict[str, list[str]] = {}
    for one in chapters:
        for text in one.warnings:
            found.setdefault(text, []).append(one.side.letter)
    return [
        f"{'All' if len(letters) == len(chapters) else ', '.join(letters)}: {text}" for text, letters in found.items()
    ]


def _title(all_sides: Sequence[Side], is_sweep: bool) -> str:
    count = len(all_sides)
    if is_sweep and count > 2:
        return f"Sweep of {', '.join(several.swept([one.record for one in all_sides]))}: {subject(all_sides[0].record)}"
    return "Comparison of two records" if count == 2 else f"{count} records side by side"


def _chapter(side: Side, of: int) -> Chapter:
    """One of so many."""
    stored, record = side.checked.stored, side.record
    with well_formed(str(stored.path)):
        shown: list[Chart] = []
        own = side.checked.part != "samples"  # else they are not those that the record names
        if own and of <= _DRAWN and record.failure is None:
            where = str(stored.path.parent)
            trials = trials_of(decode(stored.samples(), record.samples.sha256, where), where)
            order = record_charts.in_order(record, trials, side.letter)
            shown = [*record_charts.of_samples(record, trials, side.letter), *([order] if order else [])]
        return Chapter(
            side=side,
            title=subject(record),
            gist=gist(side.checked),
            warnings=_warnings(side.checked),
            workloads=tuple(record_parts.workload(record, result) for result in record.results),
            curves=_named(record_charts.of_results(record, side.letter), side, of),
            charts=_named(shown, side, of),
            failure=_failure(record),
            again=pasted(record),
        )


def _named(drawn: Sequence[Chart], side: Side, of: int) -> tuple[Chart, ...]:
    """Whose they are, where one page holds the same of several."""
    return tuple(replace(one, title=f"{side.letter}: {one.title}") if of > 1 else one for one in drawn)


def _warnings(checked: Checked) -> tuple[str, ...]:
    record = checked.stored.record
    found = []
    if checked.verified is Verified.NO:
        found.append(f"INVALID, {checked.part}: {checked.reason}. Do not use its numbers.")
    if record.run.synthetic:
        found.append("SYNTHETIC: made by a simulated runtime. No machine measured these numbers.")
    if record.failure is not None:
        found.append(f"The run failed: it {line(record.failure)}. There is no number.")
    told = gist(checked)
    if (
        checked.verified is not Verified.NO
        and record.failure is None
        and not record.run.synthetic
        and told.trust == "not usable"
    ):
        found.append(f"{told.why}.")
    if checked.verified is Verified.NOT_CHECKED:
        found.append(
            f"Not checked: {checked.reason}." if record.operator else f"Not signed: {_unsigned(checked.reason)}."
        )
    return tuple(found)


def _unsigned(reason: str) -> str:
    return reason.removeprefix("not signed; ").removeprefix("not signed, and ")


def _failure(record: Record) -> tuple[tuple[str, str], ...]:
    outcome = record.failure
    if outcome is None:
        return ()
    devices = ", ".join(device.description or device.name for device in outcome.devices or ())
    rows = (
        ("Outcome", line(outcome)),
        ("The engine said", outcome.error),
        ("Evidence", " ".join(f"{name}={value}" for name, value in outcome.evidence.items())),
        ("Settings that it was given", " ".join(f"{name}={value}" for name, value in outcome.given.items())),
        ("Devices that the engine could use", devices),
    )
    return tuple((name, text) for name, text in rows if text)


def _parts(record: Record) -> dict[str, object]:
    return {
        "resources": record_parts.resources(record) if record.failure is None else [],
        "settings": record_parts.settings(record),
        "environment": record_parts.environment(record),
    }
