"""Small charts as inline SVG: from plain values to a drawing and its table. Nothing here reads a file or knows a record."""

from harness.site.charts.chart import Chart
from harness.site.charts.comparisons import against_band, bars, inline_band
from harness.site.charts.courses import curve, trace
from harness.site.charts.distributions import box, ecdf

__all__ = ["Chart", "against_band", "bars", "box", "curve", "ecdf", "inline_band", "trace"]
