"""A fleet's report in words: what the terminal, Markdown and HTML say alike. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.cells import markdown_text
from harness.fleet.pair_ratios import NodeRatio, PairRatio
from harness.fleet.report import Cell, FleetReport, Odd, Row
from harness.measure.nodes import LEAST_NODES, NodePlace, Place
from harness.units import significant

WORDS = {"decode_rate": "decode", "prefill_rate": "prefill"}
ROW_HEADINGS = ("class", "configuration", "node", "decode tok/s", "95 % interval", "")
PAIR_HEADINGS = ("class", "pair", "metric", "node", "B / A", "interval", "against ±2 %", "")
NODE_HEADINGS = ("class", "metric", "node", "to the others", "interval", "runs", "place")


def headlines(made: FleetReport) -> list[str]:
    """What a reader must know first."""
    found = []
    if made.synthetic:
        found.append("SYNTHETIC: made by a simulated runtime. No machine measured these numbers.")
    found += [_named(*one, band=made.band) for one in made.named]
    if not made.named:
        found.append(_nobody(made))
    found += [f"{node} was drained: {why}" for node, why in made.drained.items()]
    if made.tolerated:
        found.append(f"Tolerated by the matrix: {', '.join(made.tolerated)}")
    return found


def _named(machine: str, place: NodePlace, metric: str, *, band: float) -> str:
    told = f"{place.node} of {machine} is {place.place} in {WORDS[metric]}"
    if place.against is not None:
        told += f": {_ratio(place)} of the others ({_interval(place)}), outside ±{100 * band:g} %"
    return told


def _nobody(made: FleetReport) -> str:
    nodes = max((len(one.nodes) for one in made.odd), default=0)
    if nodes < LEAST_NODES:
        return f"No node can be named: {LEAST_NODES} nodes of a class with usable numbers are needed."
    if all(node.place is Place.WITHIN for one in made.odd for node in one.nodes):
        return f"Every node is within ±{100 * made.band:g} % of the others."
    return "No node is surely unlike the others; of some it can't be told."


def costs(made: FleetReport) -> str:
    """Jobs, failures and node-hours in one line."""
    told = [", ".join(f"{count} {status}" for status, count in made.endings.items())]
    if made.failures:
        told.append("failures: " + ", ".join(f"{code} {count}" for code, count in sorted(made.failures.items())))
    told.append(f"{made.node_hours:.2g} node-hours")
    if made.overhead_s is not None:
        told.append(f"{made.overhead_s:.1f} s a job beyond its run")
    return "; ".join(told)


def row_cells(row: Row) -> list[tuple[str, ...]]:
    """A line of all nodes, then one a node."""
    head = (row.machine, row.configuration, "all nodes", _rate(row.median), _bounds(row.low, row.high), "")
    return [head, *(("", "", *_node_cells(cell)) for cell in row.cells)]


def _node_cells(cell: Cell) -> tuple[str, ...]:
    name = cell.node if not cell.repeat else f"{cell.node} (repeat {cell.repeat + 1})"
    return name, _rate(cell.rate), _bounds(cell.low, cell.high), cell.why


def node_cells(odd: Odd) -> list[tuple[str, ...]]:
    """A line a node."""
    return [
        (
            odd.machine,
            WORDS[odd.metric],
            one.node,
            _ratio(one),
            _interval(one),
            "–" if one.against is None else str(one.against.units),
            str(one.place).replace("_", " "),
        )
        for one in odd.nodes
    ]


def pair_cells(pair: PairRatio) -> list[tuple[str, ...]]:
    """A line of all nodes, then one a node."""
    head = (pair.machine, f"{pair.pair}: {pair.b} / {pair.a}", WORDS[pair.metric], "all nodes")
    lines = [(*head, _number(pair.ratio), _span(pair.low, pair.high), "", "")]
    return lines + [("", "", "", *_pair_node(one)) for one in pair.nodes]


def _pair_node(one: NodeRatio) -> tuple[str, ...]:
    told = f"{_span(one.low, one.high)}{f' ({one.level:.0%})' if one.level and one.low else ''}"
    name = one.node if not one.repeat else f"{one.node} (repeat {one.repeat + 1})"
    return name, _number(one.ratio), told, one.verdict.replace("_", " "), one.why


def _number(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.3f}"


def _span(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{low:.3f} to {high:.3f}"


def _ratio(one: NodePlace) -> str:
    return "–" if one.against is None else f"{one.against.ratio:.3f}"


def _interval(one: NodePlace) -> str:
    return "–" if one.against is None else f"{one.against.low:.3f} to {one.against.high:.3f}"


def _rate(value: float | None) -> str:
    return "–" if value is None else significant(value)


def _bounds(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None else f"{significant(low)} to {significant(high)}"


def markdown(made: FleetReport) -> str:
    """The report as Markdown, every text escaped."""
    lines = [f"## {markdown_text(made.title)}", ""]
    lines += [f"- {markdown_text(text)}" for text in headlines(made)]
    lines += [f"- {markdown_text(costs(made))}", ""]
    lines += _table(PAIR_HEADINGS, [cells for pair in made.pairs for cells in pair_cells(pair)])
    lines += _table(NODE_HEADINGS, [cells for odd in made.odd for cells in node_cells(odd)])
    lines += _table(ROW_HEADINGS, [cells for row in made.rows for cells in row_cells(row)])
    return "\n".join(lines)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    if not rows:
        return []
    body = [line([markdown_text(cell) for cell in row]) for row in rows]
    return [line(headings), line(["---"] * len(headings)), *body, ""]
