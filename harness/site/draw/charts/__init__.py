"""Small charts as inline SVG: from plain values to a drawing and its table. Nothing here reads a file or knows a record."""

from harness.site.draw.charts.chart import Chart
from harness.site.draw.charts.comparisons import against_band, bars, inline_band
from harness.site.draw.charts.distributions import box, ecdf
from harness.site.draw.charts.lines import curve, trace
from harness.site.draw.charts.trials import trials

__all__ = ["Chart", "against_band", "bars", "box", "curve", "ecdf", "inline_band", "trace", "trials"]
