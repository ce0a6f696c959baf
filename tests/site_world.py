"""What the tests of the site's pages share: a row as lists know it, and what is public of a hub."""

from __future__ import annotations

from harness.hub.reader import Reader
from harness.site.public import Public, ground, standing, tallied
from harness.site.values import Summary

ONE = Summary(
    row="", model="synthetic-1b", quantisation="Q4_K_M", engine="llama.cpp", runtime="llama.cpp 0.3", device="Synthetic GPU A",
    os="Linux", suite="synthetic decode-16", workload="w", state="reproduced", tier="moderate", contested=False, operator="ann",
    source="community", measured="2026-11-01", entry=1, rate=100.0, low=99.0, high=101.0, ttft_ns=None, prefill=None, processes=5,
    log_mean=4.6, log_variance=1e-6, fixed_number=True, inside=1, outside=0, independent=0, pending=0, members=("ann", "bob"),
    until="2026-12-01",
)  # fmt: skip


def gathered(reader: Reader) -> Public:
    """Of the whole hub, nothing known before."""
    return standing(ground(reader), tallied(reader, {}, None))
