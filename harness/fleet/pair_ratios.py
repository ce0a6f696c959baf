"""B over A of every pair: on each node, and over the nodes. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, stdev

from harness.compare.records import alpha_of
from harness.compare.sweep import TIE_BAND, took_turns
from harness.fleet.outcome import Standing
from harness.measure.comparison import compare, compare_pairs
from harness.measure.student import t_quantile
from harness.record.schema import MetricResult, Record
from harness.record.store import Stored
from harness.record.words import prefill_of

METRICS = ("decode_rate", "prefill_rate")  # of the headline; of the longest prompt
LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class NodeRatio:
    """One node's B / A with its interval and verdict against ±2 %; `why`: there is none, or its processes took no turns."""

    node: str
    repeat: int
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    verdict: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class PairRatio:
    """One metric of one pair in one class: its nodes, their mean of logs, and of three or more its 95 % interval."""

    machine: str
    pair: str
    a: str
    b: str
    metric: str
    nodes: tuple[NodeRatio, ...]
    ratio: float | None
    low: float | None
    high: float | None


def pair_ratios(
    found: Sequence[Standing], unusable: Mapping[int, str], records: Mapping[int, Stored]
) -> list[PairRatio]:
    """Every pair by its class and name. `unusable`: by the numbers of jobs, why a record is not to be compared; "": it is."""
    by_number = {one.job.number: one for one in found}
    groups: dict[tuple[str, str], list[tuple[Standing, Standing]]] = {}
    for one in found:
        turn = one.job.turn
        if turn is not None and turn.side == "a":
            groups.setdefault((one.job.machine, turn.pair), []).append((one, by_number[turn.partner]))
    made = []
    for (machine, pair), sides in sorted(groups.items()):
        for metric in METRICS:
            nodes = tuple(_node(a, b, metric, unusable, records) for a, b in sides)
            a, b = (one.job.triple.public for one in sides[0])
            made.append(PairRatio(machine, pair, a, b, metric, nodes, *_over_nodes(nodes)))
    return made


def _node(
    a: Standing, b: Standing, metric: str, unusable: Mapping[int, str], records: Mapping[int, Stored]
) -> NodeRatio:
    node, repeat = a.job.node, a.job.repeat
    why = [f"{side}: {unusable[one.job.number]}" for side, one in (("a", a), ("b", b)) if unusable[one.job.number]]
    if why:
        return NodeRatio(node, repeat, why="; ".join(why))
    left, right = records[a.job.number].record, records[b.job.number].record
    mine, theirs = result(left, metric), result(right, metric)
    if mine is None or theirs is None or mine.estimate is None or theirs.estimate is None:
        return NodeRatio(node, repeat, why="holds no number")
    if _work(left, metric) != _work(right, metric):
        return NodeRatio(node, repeat, why="the sides did other work")
    turns = took_turns(left, right, mine, theirs)
    by = compare_pairs if turns else compare
    held = by(theirs.estimate.process_medians, mine.estimate.process_medians, TIE_BAND, alpha_of(left, right))
    told = "" if turns else "its processes took no turns"
    return NodeRatio(node, repeat, held.ratio, held.low, held.high, held.level, str(held.verdict), told)


def result(record: Record, metric: str) -> MetricResult | None:
    """The metric as a fleet compares it: decode of the headline, prefill of the longest prompt."""
    longest = prefill_of(record)
    return record.headline if metric == "decode_rate" else longest[1] if longest else None


def _work(record: Record, metric: str) -> tuple[object, ...]:
    longest = prefill_of(record)
    name = record.suite.headline if metric == "decode_rate" else longest[0] if longest else ""
    found = next((one for one in record.workloads if one.id == name), None)
    return (
        () if found is None else (found.mode, found.prompt_tokens, found.output_tokens, found.concurrency, found.depth)
    )


def _over_nodes(nodes: Sequence[NodeRatio]) -> tuple[float | None, float | None, float | None]:
    """Each node by the mean log of its repeats; Student's interval of the nodes' mean."""
    by_node: dict[str, list[float]] = {}
    for one in nodes:
        if one.ratio is not None:
            by_node.setdefault(one.node, []).append(math.log(one.ratio))
    logs = [fmean(own) for own in by_node.values()]
    if not logs:
        return None, None, None
    middle = math.exp(fmean(logs))
    if len(logs) < 3:
        return middle, None, None
    margin = t_quantile((1 + LEVEL) / 2, len(logs) - 1) * stdev(logs) / math.sqrt(len(logs))
    return middle, math.exp(fmean(logs) - margin), math.exp(fmean(logs) + margin)
