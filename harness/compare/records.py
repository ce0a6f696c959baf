"""Two records side by side: what differs, and for each workload and metric that both hold, a verdict. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness import notebook, units
from harness.measure.comparison import Comparison, Verdict, compare, not_comparable
from harness.measure.stopping import ALPHA, Rule
from harness.record import settings
from harness.record.schema import MetricResult, Record, Unit, Workload
from harness.record.settings import Difference
from harness.verify.unusable import failed_checks

# TTFT and prefill rate, ITL, TPOT and decode rate tell one story each: a reader wants the story once.
FIXED_ALPHA = 0.05  # for a number of processes that was chosen beforehand
SHOWN = ("decode_rate", "prefill_rate", "e2e", "throughput")


@dataclass(frozen=True, slots=True)
class Row:
    """One metric of one workload; `a` and `b` in the record's unit, None where it was not measured."""

    workload: str
    metric: str
    unit: Unit
    a: int | None
    b: int | None
    comparison: Comparison


@dataclass(frozen=True, slots=True)
class RecordComparison:
    """`differences` names every recorded field in which the runs differ: with one, the ratio is its effect.

    `settings` are those among them with A's and B's value and what each does; `unknown` are settings that a side does not tell.
    """

    differences: tuple[str, ...]
    settings: tuple[Difference, ...]
    unknown: tuple[str, ...]
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """As JSON prints it."""
        return asdict(self)

    def _repr_html_(self) -> str:
        """For a notebook."""
        lines = [f"differ in: {', '.join(self.differences) or 'nothing that is recorded'}"]
        lines += [f"{one}, A → B" for one in self.settings]
        lines += [f"not told by both, so it may differ: {', '.join(self.unknown)}"] if self.unknown else []
        head = ("workload", "metric", "A", "B", "A / B", "interval", "verdict")
        return notebook.block("A against B", (), lines, head, [_cells(row) for row in self.rows])


def _cells(row: Row) -> tuple[str, ...]:
    one = row.comparison
    verdict = str(one.verdict).replace("_", " ") + (f" ({one.reason})" if one.ratio is None else "")
    ratio = "–" if one.ratio is None else units.ratio(one.ratio)
    interval = "–" if one.low is None else units.interval(one.low, one.high)
    shown = [units.quantity(value, row.unit) for value in (row.a, row.b)]
    return row.workload, row.metric, *shown, ratio, interval, verdict


def compare_records(
    a: Record, b: Record, band: tuple[float, float], names: tuple[str, str] = ("A", "B")
) -> RecordComparison:
    """A against B, called by `names` in reasons. Workloads compare by what they are, not by the suite that holds them.

    A number that its own record calls unusable is *not comparable*.
    """
    theirs = {workload.id: workload for workload in b.workloads}
    rows = []
    challenged = bool(a.run.challenge or b.run.challenge)
    for workload in a.workloads:
        other = theirs.get(workload.id)
        for metric in SHOWN:
            left = a.result(workload.id, metric)
            right = b.result(workload.id, metric)
            if left is None or left.estimate is None or other is None:
                continue
            if right is None or right.estimate is None:
                continue
            row = _row(workload, other, left, right, band, alpha_of(a, b), challenged)
            rows.append(_not_to_be_used(_not_across(row, a, b), zip(names, (a, b), strict=True)))
    return RecordComparison(differences(a, b), settings.differences(a, b), settings.unknown(a, b), tuple(rows))


def failings(record: Record, workload: str, metric: str) -> list[str]:
    """Why a number is not to be used, as its own record says: a failed check, or a finding that makes it invalid."""
    failed = sorted(set(failed_checks(record)))
    found = [f"failed checks: {', '.join(failed)}"] if failed else []
    invalid = {
        f.code
        for f in record.findings
        if f.severity == "invalid" and f.workload in ("", workload) and f.metric in ("", metric)
    }
    return found + ([f"invalid: {', '.join(sorted(invalid))}"] if invalid else [])


# What is never compared across, not even where a workload finds the cache empty: what is kept of drafts depends on the text.
_NEVER_ACROSS = (("prefix cache", settings.keeps_prefix), ("drafts", settings.drafts))


def _not_across(row: Row, a: Record, b: Record) -> Row:
    """Not comparable where one record keeps a prefix cache, or drafts tokens ahead, and the other does not."""
    apart = [name for name, of in _NEVER_ACROSS if of(a) != of(b)]
    if not apart:
        return row
    found = not_comparable(apart, alpha_of(a, b))
    if row.comparison.verdict is Verdict.NOT_COMPARABLE:
        found = replace(found, reason=f"{row.comparison.reason}, {', '.join(apart)}")
    return replace(row, comparison=found)


def _not_to_be_used(row: Row, sides: Iterable[tuple[str, Record]]) -> Row:
    said = [f"{name}: {why}" for name, record in sides for why in failings(record, row.workload, row.metric)]
    if not said:
        return row
    one = row.comparison
    why = [one.reason] if one.verdict is Verdict.NOT_COMPARABLE else []
    none = Comparison(None, None, None, one.level, Verdict.NOT_COMPARABLE, "; ".join([*why, *said]))
    return replace(row, comparison=none)


def alpha_of(a: Record, b: Record) -> float:
    """The error of each one-sided test: less where a run ended because its scatter looked small (simulated)."""
    fixed = all(record.run.stop_rule == Rule.FIXED.value for record in (a, b))
    return FIXED_ALPHA if fixed else ALPHA


def _row(
    a: Workload,
    b: Workload,
    left: MetricResult,
    right: MetricResult,
    band: tuple[float, float],
    alpha: float,
    challenged: bool,
) -> Row:
    assert left.estimate is not None  # noqa: S101 - the caller saw to it
    assert right.estimate is not None  # noqa: S101
    must_match = ["mode", "prompt_tokens", "output_tokens", "concurrency", "depth"]
    if a.text_sha256 is None and b.text_sha256 is None:  # a challenge draws other words on purpose
        must_match.append("prompt_sha256")
    if not challenged:  # a registry's challenge draws other ids on purpose
        must_match.append("forced_sha256")
    differing = [name for name in must_match if getattr(a, name) != getattr(b, name)]
    if differing:
        result = not_comparable(differing, alpha)
    else:
        result = compare(
            left.estimate.process_medians,
            right.estimate.process_medians,
            band,
            alpha,
            higher_is_better=left.higher_is_better,
        )
    return Row(a.id, left.metric, left.unit, left.estimate.point, right.estimate.point, result)


def differences(a: Record, b: Record) -> tuple[str, ...]:
    """The fields that a reader would name: model, suite, engine, build, settings, device, system."""
    left, right = _axes(a), _axes(b)
    fields = [name for name in left if left[name] != right.get(name)] + [name for name in right if name not in left]
    chosen = [
        one.name if one.name.startswith("variable ") else f"setting {one.name}" for one in settings.differences(a, b)
    ]
    place = next((index for index, name in enumerate(fields) if name.partition(" ")[0] in _MACHINE), len(fields))
    return (*fields[:place], *chosen, *fields[place:])


def _axes(record: Record) -> dict[str, Any]:
    axes: dict[str, Any] = {
        "model": record.model.get("sha256"),
        "suite": record.suite.sha256,
        "engine": record.runtime.engine,
        "engine version": (record.runtime.version, record.runtime.package, record.runtime.commit),
        "engine build": record.runtime.build,
        "devices": [device.model_dump() for device in record.runtime.devices],
        "backend": record.runtime.environment.get("backend"),
        "harness": record.harness.worker_sha256,
    }
    for part in _MACHINE:
        fields = record.environment.get(part)
        if isinstance(fields, dict):
            axes |= {f"{part} {name}": value for name, value in fields.items() if name not in _FLEETING}
    return axes


_MACHINE = ("cpu", "memory", "host")
# What changes from minute to minute without being a setting.
_FLEETING = frozenset({"available_bytes", "swap_used_bytes", "current_hz", "frequency_hz"})
