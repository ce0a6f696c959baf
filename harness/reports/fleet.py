"""A fleet's report as one HTML file."""

from __future__ import annotations

from harness import __version__, units
from harness.fleet import words
from harness.fleet.report import FleetReport
from harness.site.draw import charts
from harness.site.draw.charts import Chart
from harness.site.pages.render import standalone

MOST_CHARTS = 12


def page(made: FleetReport) -> bytes:
    """It asks the network for nothing and runs no script."""
    return standalone(
        "report_fleet.html",
        title=made.title,
        said=words.headlines(made),
        costs=words.costs(made),
        node_headings=words.NODE_HEADINGS,
        nodes=[cells for odd in made.odd for cells in words.node_cells(odd)],
        pair_headings=words.PAIR_HEADINGS,
        pairs=[cells for pair in made.pairs for cells in words.pair_cells(pair)],
        row_headings=words.ROW_HEADINGS,
        rows=[cells for row in made.rows for cells in words.row_cells(row)],
        charts=_charts(made),
        version=__version__,
    )


def _charts(made: FleetReport) -> list[Chart]:
    found = []
    for number, row in enumerate(made.rows[:MOST_CHARTS]):
        items = [(cell.node, cell.rate, cell.low, cell.high) for cell in row.cells if cell.rate is not None]
        if len(items) > 1:
            title = f"Decode of {row.configuration}, node by node"
            found.append(charts.bars(items, title=title, fmt=units.rate, key=f"fleet{number}"))
    return found
