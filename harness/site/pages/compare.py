"""Rows side by side: a table for each workload and model that several share; with script, any that the reader picks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from operator import attrgetter

from harness.measure.comparison import Verdict, compare_logs
from harness.measure.logs import Logs
from harness.measure.student import t_quantile
from harness.site.data.values import Change, File, Site, Summary
from harness.site.pages.render import page

GROUPS, LONG = 20, 15  # tables on the page, and rows in one
_WORDS = {Verdict.SAME: "same", Verdict.FASTER: "faster", Verdict.SLOWER: "slower"}
CANNOT = "cannot tell"
_GROUP = attrgetter("model", "workload")
# Student's quantiles for the script, over 1/df from 0 to 1: it interpolates, as the scoring of many rows does.
GRID = 128


@dataclass(frozen=True, slots=True)
class Side:
    """A row against the group's fastest."""

    row: Summary
    ratio: float | None
    low: float | None
    high: float | None
    verdict: str  # same, faster, slower, cannot tell; "" for the fastest itself


def groups(rows: Collection[Summary], most: int = GROUPS) -> tuple[list[list[Summary]], int]:
    """Rows of one model and workload, the fastest first, where there are several: the largest `most` groups; how many more."""
    count = Counter(map(_GROUP, rows))
    several = [key for key, number in count.items() if number > 1]
    chosen = nsmallest(most, several, key=lambda key: (-count[key], key))
    found: dict[tuple[str, str], list[Summary]] = {key: [] for key in chosen}
    for key, one in zip(map(_GROUP, rows), rows, strict=True):
        if key in found:
            found[key].append(one)
    return [sorted(own, key=lambda s: (-s.rate, s.row)) for own in found.values()], len(several) - len(chosen)


def stale(several: Iterable[Sequence[Summary]], changes: Iterable[Change]) -> bool:
    """Whether the page of these groups may read otherwise after these changes."""
    seen = {one.row for own in several for one in own[:LONG]}
    return any(_stands(before) != _stands(after) or (after and after.row in seen) for before, after in changes)


def _stands(one: Summary | None) -> object:
    """In which group, and where."""
    return None if one is None else (one.model, one.workload, one.rate)


def files(site: Site, several: Iterable[Sequence[Summary]], more: int) -> Iterator[File]:
    """`compare/index.html` of these groups; of how many `more` it only tells that there are."""
    tables = [(own[0], [side(site, one, own[0]) for one in own[:LONG]], len(own)) for own in several]
    path = "compare/index.html"
    yield path, page("compare.html", path, site, tables=tables, left_out=more)


def side(site: Site, one: Summary, best: Summary) -> Side:
    """The comparison of `one` with `best`, by the policy's levels and band."""
    if one.row == best.row:
        return Side(one, None, None, None, "")
    fixed = one.fixed_number and best.fixed_number
    alpha = site.policy.alpha_fixed if fixed else site.policy.alpha_looks
    found = compare_logs(_logs(one), _logs(best), (site.policy.band_low, site.policy.band_high), alpha)
    return Side(one, found.ratio, found.low, found.high, _WORDS.get(found.verdict, CANNOT))


def _logs(one: Summary) -> Logs:
    return Logs(one.processes, one.log_mean, one.log_variance)


def quantiles(site: Site) -> Iterator[File]:
    """What the script needs to compare: they are the policy's."""
    policy = site.policy
    tables = {
        name: [t_quantile(1 - alpha, GRID / i if i else float("inf")) for i in range(GRID + 1)]
        for name, alpha in (("fixed", policy.alpha_fixed), ("looks", policy.alpha_looks))
    }
    text = json.dumps({**tables, "band": [policy.band_low, policy.band_high]}, separators=(",", ":"))
    yield "assets/quantiles.js", f"window.REPRO_QUANTILES={text};\n".encode()
