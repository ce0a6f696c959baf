"""Two records side by side: what differs, and for each workload and metric that both hold, a verdict. Pure."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from harness.measure.comparison import Comparison, compare, not_comparable
from harness.measure.stopping import ALPHA, Rule
from harness.record.schema import MetricResult, Record, Unit, Workload

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
    """`differences` names every recorded field in which the runs differ: with one, the ratio is its effect."""

    differences: tuple[str, ...]
    rows: tuple[Row, ...]

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return asdict(self)


def compare_records(a: Record, b: Record, band: tuple[float, float]) -> RecordComparison:
    """A against B. Workloads compare by what they are, not by the suite that holds them."""
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
            rows.append(_row(workload, other, left, right, band, _alpha(a, b), challenged))
    return RecordComparison(differences(a, b), tuple(rows))


def _alpha(a: Record, b: Record) -> float:
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
    must_match = ["mode", "prompt_tokens", "output_tokens", "prompt_sha256", "concurrency"]
    if not challenged:  # a hub's challenge draws other ids on purpose
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
    return tuple(name for name in left if left[name] != right.get(name)) + tuple(n for n in right if n not in left)


def _axes(record: Record) -> dict[str, Any]:
    axes: dict[str, Any] = {
        "model": record.model.get("sha256"),
        "suite": record.suite.sha256,
        "engine": record.runtime.engine,
        "engine version": (record.runtime.version, record.runtime.package, record.runtime.commit),
        "engine build": record.runtime.build,
        "devices": [device.model_dump() for device in record.runtime.devices],
        "harness": record.harness.worker_sha256,
    }
    axes |= {f"setting {name}": value for name, value in record.runtime.settings.items()}
    for part in ("cpu", "memory", "host"):
        fields = record.environment.get(part)
        if isinstance(fields, dict):
            axes |= {f"{part} {name}": value for name, value in fields.items() if name not in _FLEETING}
    return axes


# What changes from minute to minute without being a setting.
_FLEETING = frozenset({"available_bytes", "swap_used_bytes", "current_hz", "frequency_hz"})
