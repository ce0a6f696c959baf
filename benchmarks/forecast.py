"""How far off forecasts are, and how often their intervals hold: what is judged was left out of what it is judged by.

Spreads, efficiencies, the naming of odd rows and the calibration are made again for each device and each model left out.
`--judge` makes the folds (minutes) into a file of errors, `--page` the page from it, `--spreads` the file that is shipped.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from forecast_page import lines_of, page
from forecast_reach import reach_elsewhere
from forecast_spread import Search

from harness.catalog import devices, platforms, published
from harness.errors import BadInput
from harness.forecast.evidence import Evidence, evidence, merged
from harness.forecast.forecaster import Learned, Unseen, learned, rate_of, unseen
from harness.forecast.physics import ideal_seconds
from harness.forecast.values import Kind, Point
from harness.paths import configs

FOLDS = 10
REACH_ELSEWHERE = (Kind.PREFILL,)  # whose intervals hold too little on devices that nobody measured
PAGE = Path(__file__).parent.parent / "docs" / "measurements" / "forecast.md"
SEED = 20261129


@dataclass(frozen=True, slots=True)
class Judged:
    """A measurement against the forecast that did not know it. `far`: of its error, in deviations."""

    left_out: str  # device, model, pair, context
    kind: str
    point: Point
    rows: int  # that it was made of
    odd: bool  # a reader doubted one of them
    log_error: float  # foretold over measured; 0 where it was refused
    inside_80: bool
    inside_95: bool
    width: float  # logarithm of highest over lowest of the 95 % interval
    backend_seen: bool
    refused: bool


def shipped() -> tuple[Evidence, list[Point], list[int], list[bool]]:
    """The points; of each how many rows it was made of, and whether a reader doubted one."""
    found = evidence(published.rows(), published.names(), devices.find, platforms.find)
    points, places = merged(found.points)
    return found, list(points), [len(own) for own in places], [any(found.rows[i].odd for i in own) for own in places]


def judge(kind: Kind, left_out: str, part: Learned, held: Sequence[Held]) -> Iterator[Judged]:
    """Each held-out measurement, by what was learned without it."""
    devices = {point.hardware.name for point in part.points}
    for point, rows, odd in held:
        lacking = unseen(part.seen, point.hardware, point.work)
        # A pair of a device on which nothing else was measured is a device left out, and what it did elsewhere no context.
        if (left_out == "pair" and point.hardware.name not in devices) or (
            left_out == "context" and lacking is not Unseen.CONTEXT
        ):
            continue
        backend_seen = point.hardware.family in {p.hardware.family for p in part.points}
        try:
            rate, _ = rate_of(part, (point.hardware, point.work, point.task), point.when)
        except BadInput:
            yield Judged(left_out, kind, point, rows, odd, 0.0, False, False, 0.0, backend_seen, True)
            continue
        yield Judged(
            left_out, kind, point, rows, odd, float(np.log(rate.middle / point.tokens_per_s)),
            rate.low_80 <= point.tokens_per_s <= rate.high_80, rate.low_95 <= point.tokens_per_s <= rate.high_95,
            float(np.log(rate.width)), backend_seen, False,
        )  # fmt: skip


Held = tuple[Point, int, bool]  # with the rows that it was made of, and whether a reader doubted one
LEFT_OUT: Mapping[str, Callable[[Point], str]] = {
    "device": lambda point: point.hardware.name,
    "model": lambda point: point.work.model,
    "pair": lambda point: f"{point.hardware.name}|{point.work.model}",
    "context": lambda point: _cell(point),
}


def folds(kind: Kind, name: str, all_of: Sequence[Held], part_of: tuple[int, int] = (0, 1)) -> Iterator[Judged]:
    """Leave out each device, model, pair of both or measurement in turn."""
    points, odd = [point for point, _, _ in all_of], [doubted for _, _, doubted in all_of]
    keys = np.array([LEFT_OUT[name](point) for point in points])
    search = Search(kind, points)
    for group in chosen_of(tenths(keys.tolist()), part_of):
        out = np.isin(keys, sorted(group))
        # Found without the whole tenth, by a search that begins where nothing is known.
        spread = search.estimate(np.flatnonzero(~out))
        if kind in REACH_ELSEWHERE and name == "device":
            spread = replace(spread, elsewhere=reach_elsewhere(search, devices_in_tenths(points), odd, group))
        for value in sorted(group):
            own = keys == value
            part = learned(kind, [points[i] for i in np.flatnonzero(~own)], spread)
            yield from judge(kind, name, part, [all_of[i] for i in np.flatnonzero(own)])
        print(time.strftime("%H:%M:%S"), kind, name, *sorted(group), sep="; ", flush=True)


def chosen_of(groups: Iterable[frozenset[str]], part_of: tuple[int, int]) -> Iterator[frozenset[str]]:
    """Of every so many the one in this place: the share of one process of several."""
    place, count = part_of
    return (group for number, group in enumerate(groups) if number % count == place)


def tenths(values: Iterable[str]) -> Iterator[frozenset[str]]:
    """Ten parts of the values by chance. Spreads are estimated without a whole part, all else without one value of it."""
    sorted_values = sorted(set(values))
    number = np.random.default_rng(SEED).permutation(len(sorted_values)) % FOLDS
    for fold in range(FOLDS):
        yield frozenset(value for value, own in zip(sorted_values, number, strict=True) if own == fold)


def devices_in_tenths(points: Sequence[Point]) -> list[frozenset[str]]:
    """As the judge leaves them out."""
    return list(tenths(LEFT_OUT["device"](point) for point in points))


def _cell(point: Point) -> str:
    work = point.work
    return f"{point.lab} {point.hardware} {work.model} {work.quantisation} {point.task.depth}"


def line(one: Judged) -> dict[str, object]:
    """As the file of errors holds it."""
    point = one.point
    return {
        "left_out": one.left_out, "kind": one.kind, "device": point.hardware.name, "family": point.hardware.family,
        "count": point.hardware.count, "model": point.work.model, "quantisation": point.work.quantisation,
        "experts": point.work.experts, "depth": point.task.depth, "tokens_per_s": point.tokens_per_s,
        "ideal_seconds": ideal_seconds(replace(point.hardware), point.work, point.task), "rows": one.rows, "odd": one.odd,
        "log_error": one.log_error, "inside_80": one.inside_80, "inside_95": one.inside_95, "width": one.width,
        "backend_seen": one.backend_seen, "refused": one.refused, "peak": point.hardware.peak_flops is not None,
        "lab": point.lab,
    }  # fmt: skip


def write_spreads(path: Path, points: Sequence[Point], odd: Sequence[bool]) -> None:
    """Estimated on all points, the odd ones named and left out, then estimated once more."""
    text = [
        "# Spreads of the effects on efficiency (variances of logarithms), and fixed seconds of a token by family of kernels.",
        "# Written by `python benchmarks/forecast.py --spreads` from llama-bench.csv beside it (maximum marginal likelihood).",
        "# docs/forecast.md says what each effect is, and how far `elsewhere` reaches (deviations of 80 and 95 %).",
        "",
    ]
    for kind in Kind:
        own = [i for i, point in enumerate(points) if point.task.kind is kind]
        search = Search(kind, [points[i] for i in own])
        spread = search.estimate(np.arange(len(own)))
        text += [f"[{kind}]", f"noise = {spread.noise:.6g}"]
        if kind in REACH_ELSEWHERE:
            of_80, of_95 = reach_elsewhere(search, devices_in_tenths(search.points), [odd[i] for i in own])
            text.append(f"elsewhere = [{of_80:.3f}, {of_95:.3f}]")
        text += ["", f"[{kind}.effects]"]
        text += [f'"{name}" = {value:.4g}' for name, value in spread.effects.items()]
        text += [
            "",
            f"[{kind}.fixed_seconds]",
            *(f'"{name}" = {value:.4g}' for name, value in spread.fixed.items()),
            "",
        ]
    path.write_text("\n".join(text), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spreads", action="store_true", help="write configs/evidence/spreads.toml")
    parser.add_argument("--judge", type=Path, metavar="FILE", help="make the folds, into this file of JSON lines")
    parser.add_argument("--kind", choices=list(Kind), help="only this rate")
    parser.add_argument("--left-out", choices=list(LEFT_OUT), help="only these folds: several processes share the work")
    parser.add_argument(
        "--part", type=int, nargs=2, default=(0, 1), metavar=("I", "OF"), help="only this share of the folds"
    )
    parser.add_argument(
        "--page", type=Path, nargs="+", metavar="FILE", help="write docs/measurements/forecast.md from these"
    )
    chosen = parser.parse_args()
    found, points, rows, odd = shipped()
    if chosen.spreads:
        write_spreads(configs() / "evidence" / "spreads.toml", points, odd)
    if chosen.judge:
        with chosen.judge.open("w", encoding="utf-8") as file:
            for kind in [Kind(chosen.kind)] if chosen.kind else list(Kind):
                places = [i for i, point in enumerate(points) if point.task.kind is kind]
                began = time.monotonic()
                own = [(points[i], rows[i], odd[i]) for i in places]
                for name in [chosen.left_out] if chosen.left_out else LEFT_OUT:
                    for one in folds(kind, name, own, tuple(chosen.part)):
                        file.write(json.dumps(line(one)) + "\n")
                        file.flush()
                print(kind, round(time.monotonic() - began), "s")
    if chosen.page:
        command = "python benchmarks/forecast.py --judge errors.jsonl --page errors.jsonl"
        PAGE.write_text("\n".join(page(lines_of(*chosen.page), found, command)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
