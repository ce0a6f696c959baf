"""The page of forecasts' errors, from the file of errors that `forecast.py --judge` made, and what is measured on the spot."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from harness import evidence
from harness.catalog import devices
from harness.forecast.evidence import Evidence, hardware_of, merged
from harness.forecast.forecaster import forecast, learn, learned
from harness.forecast.odd import is_unsteady
from harness.forecast.values import Kind, Point, Task
from harness.record.store import find
from harness.registry.queries import rates

FEW = 10  # measurements, for a line of its own
NAIVE = 0.7  # of the bandwidth, as the naive rule has it
SEED = 20261129
ROUNDS, SHARE = 10, 0.05  # of planting, and of the runs that fall back in each
# A processor beside a card: bytes and operations a second that llama.cpp reaches with two to eight channels of memory.
MEMORY, ARITHMETIC = (40e9, 120e9), (0.3e12, 1.5e12)
Line = Mapping[str, Any]
RECORDS = Path(__file__).parent.parent / "docs" / "notebooks" / "records"
WHY = (
    "By row most are dense models without a context, measured at several lengths on cards that many have: these are foretold",
    "well. By measurement each counts once, so that what is rare weighs more: files of one and two bits, mixtures of experts",
    "on new kernels, decode behind 32,768 tokens. Prefill has no published arithmetic for half of the devices, and changed",
    "most from build to build.",
)
ERRORS = {"device": (12.0, "without the device"), "pair": (7.0, "for another model on a measured device")}
BARS = {"95": (92.0, 98.0), "80": (75.0, 85.0)}  # per cent of the measurements that an interval holds
WAYS = ("by measurement", "by row", "by group")
WORDS = {"device": "device", "model": "model everywhere", "pair": "model on this device", "context": "measurement"}


def lines_of(*files: Path) -> list[Line]:
    """The judged measurements."""
    return [json.loads(text) for file in files for text in file.read_text(encoding="utf-8").splitlines()]


def page(judged: Sequence[Line], found: Evidence, command: str) -> list[str]:
    """The whole page as Markdown."""
    refused = [one for one in judged if one["refused"]]
    judged = [one for one in judged if not one["refused"]]
    fair = [one for one in judged if not one["odd"]]
    return [
        "# Forecasts against rates that they did not know", "",
        f"Made by `{command}` from {len(found.points):,} of {len(found.rows) + sum(found.unused.values()):,} published rows",
        "(`configs/evidence/llama-bench.csv`). What is judged was left out of all that judges it: efficiencies, calibration and",
        "the naming of odd rows are made again without each device, each model, each pair of both and each measurement, one at",
        "a time; spreads without the tenth that it is in, by searches that begin where nothing is known and name odd rows",
        "anew. A *measurement* is one machine, model, file and depth; decodes of several lengths are one. Rows that a reader",
        "of the table doubted are judged apart. The forecast is not told whose machine it was, but how old the build was.", "",
        f"{len(refused)} of {len(refused) + len(judged):,} questions were refused: too far from all that was left.", "",
        "## Coverage", "", *_coverage(judged, fair), "",
        "## Errors", "", *_errors(fair), "",
        *WHY, "", *_against_bars(fair), "",
        "## Where the error of decode comes from", "", *_sources(fair), "",
        "## What nobody can foretell", "", *_floor(found), "",
        "## Prefill and the published arithmetic", "", *_arithmetic(fair), "",
        "## Width", "", *_width(fair), "",
        "## Odd rows", "", *_odd(found), "",
        "## Records of our own", "", *_own(), "",
        "## Speed", "", *_speed(), "",
        "## What is not used", "", "| rows | why |", "|--:|---|", *(f"| {n} | {why} |" for why, n in found.unused.most_common()),
    ]  # fmt: skip


def _share(lines: Sequence[Line], level: str, weight: Callable[[Line], float]) -> float:
    weights = np.array([weight(one) for one in lines])
    inside = np.array([one[f"inside_{level}"] for one in lines])
    return float((weights * inside).sum() / weights.sum())


def _coverage(judged: Sequence[Line], fair: Sequence[Line]) -> list[str]:
    """By measurement, by row, and with each device or model counting the same."""
    text = [
        "| left out | rate | measurements | 95 %: by measurement | by row | by group | 80 %: by measurement | by row | by group |"
    ]
    text += ["|---|---|--:|--:|--:|--:|--:|--:|--:|"]
    outside: dict[str, list[str]] = {way: [] for way in WAYS}
    for name, words in WORDS.items():
        for kind in Kind:
            own = [one for one in fair if one["left_out"] == name and one["kind"] == kind]
            group = "model" if name == "model" else "device"
            counts = Counter(one[group] for one in own)
            ways: tuple[Callable[[Line], float], ...] = (
                lambda _: 1.0, lambda one: float(one["rows"]), lambda one, c=counts, g=group: 1 / c[one[g]],
            )  # fmt: skip
            shares = {level: [round(100 * _share(own, level, way), 1) for way in ways] for level in BARS}
            cells = " | ".join(f"{share:.1f}" for level in BARS for share in shares[level])
            text.append(f"| {words} | {kind} | {len(own)} | {cells} |")
            for level, (least, most) in BARS.items():
                for way, share in zip(WAYS, shares[level], strict=True):
                    if not least <= share <= most:
                        how = "too wide" if share > most else "too narrow"
                        outside[way].append(f"{words}, {kind}: {level} % hold {share:.1f} % ({how})")
    everything = [one for one in judged if one["left_out"] == "device"]
    share = [f"{100 * _share(everything, level, lambda _: 1.0):.1f} %" for level in ("95", "80")]
    return [
        *text,
        "",
        "The bars are 92 to 98 % for the 95 % interval and 75 to 85 % for the 80 % interval, without the device and without the",
        "model everywhere. Outside of them lie, of all figures of the table:",
        "",
        *(f"- {way}: {'; '.join(outside[way]) or 'none'}" for way in WAYS),
        "",
        f"With the doubted rows, without each device: {share[0]} and {share[1]} of the measurements of both rates.",
    ]


def _errors(fair: Sequence[Line]) -> list[str]:
    """Median absolute error of the middle."""
    text = ["| left out | rate | which | by row | by measurement |", "|---|---|---|--:|--:|"]
    for name, words in WORDS.items():
        for kind in Kind:
            own = [one for one in fair if one["left_out"] == name and one["kind"] == kind]
            seen = [one for one in own if one["backend_seen"] and one["family"] != "cpu"]
            text.append(f"| {words} | {kind} | all | {_medians(own)} |")
            text.append(f"| {words} | {kind} | device in the table, backend seen | {_medians(seen)} |")
            flat = [one for one in seen if not one["depth"]]
            text.append(f"| {words} | {kind} | the same, no context before | {_medians(flat)} |")
    return text


def _against_bars(fair: Sequence[Line]) -> list[str]:
    """The two bars of decode, and what CUDA's kernels do."""
    text = ["Of decode on devices of the table:", ""]
    for name, (bar, words) in ERRORS.items():
        own = [one for one in fair if one["left_out"] == name and one["kind"] == Kind.DECODE and one["family"] != "cpu"]
        own = [one for one in own if one["backend_seen"]]
        cuda = [one for one in own if one["family"] == "cuda"]
        told = [
            f"{'met' if error <= bar else 'missed'} {how} ({error:.1f} %)"
            for how, error in zip(("by row", "by measurement"), _errors_of(own), strict=True)
        ]
        told_of_cuda = " and ".join(f"{error:.1f}" for error in _errors_of(cuda))
        text.append(
            f"- {words} the bar of {bar:g} % is {' and '.join(told)}; of CUDA's kernels the errors are {told_of_cuda} %"
        )
    return text


def _errors_of(lines: Sequence[Line]) -> tuple[float, float]:
    """Median absolute error by row and by measurement, as they are printed."""
    by_row, by_measurement = (float(cell.removesuffix(" %")) for cell in _medians(lines).split(" | "))
    return by_row, by_measurement


def _medians(lines: Sequence[Line]) -> str:
    errors = np.abs(np.expm1([one["log_error"] for one in lines]))
    rows = np.repeat(errors, [one["rows"] for one in lines])
    return f"{100 * np.median(rows):.1f} % | {100 * np.median(errors):.1f} %"


def _run(one: Line) -> tuple[object, ...]:
    """One machine with one file: its rates behind several contexts are hardly several measurements."""
    return (one["lab"], one["device"], one["count"], one["family"], one["model"], one["quantisation"])


def _sources(fair: Sequence[Line]) -> list[str]:
    """Median error by what a measurement is of, of those with ten at least; the two bars."""
    text = ["| of | measurements | device left out | model on this device |", "|---|--:|--:|--:|"]
    own = [one for one in fair if one["kind"] == Kind.DECODE and one["family"] != "cpu" and one["backend_seen"]]
    by: tuple[tuple[str, Callable[[Line], str]], ...] = (
        ("backend", lambda one: one["family"]), ("device", lambda one: one["device"]),
        ("architecture", lambda one: one["model"].partition(" ")[0]), ("type", lambda one: one["quantisation"] or "not known"),
        ("context before", lambda one: f"{one['depth']:,}"), ("devices", lambda one: f"{one['count']}"),
    )  # fmt: skip
    for title, key in by:
        counts = Counter(key(one) for one in own if one["left_out"] == "device")
        for value, count in counts.most_common():
            if count < FEW:
                continue
            cells = [
                _median([one for one in own if one["left_out"] == n and key(one) == value]) for n in ("device", "pair")
            ]
            text.append(f"| {title} {value} | {count} | {cells[0]} | {cells[1]} |")
    of_runs = []
    for name in ("device", "pair"):
        runs: dict[tuple[object, ...], list[Line]] = {}
        for one in own:
            if one["left_out"] == name:
                runs.setdefault(_run(one), []).append(one)
        errors = [float(np.median(np.abs(np.expm1([one["log_error"] for one in group])))) for group in runs.values()]
        of_runs.append(f"{100 * np.median(errors):.1f} %")
    text.append(f"| each machine and file once, whatever its contexts | {len(runs)} | {of_runs[0]} | {of_runs[1]} |")
    return text


def _median(lines: Sequence[Line]) -> str:
    return f"{100 * np.median(np.abs(np.expm1([one['log_error'] for one in lines]))):.1f} %" if lines else "–"


def _floor(found: Evidence) -> list[str]:
    """How far two machines with the same device, backend, file and context are apart."""
    points, places = merged(found.points)
    text = ["| device | backend | model | rate | tok/s | from |", "|---|---|---|---|---|---|"]
    same: dict[tuple[object, ...], list[Point]] = {}
    for point, own in zip(points, places, strict=True):
        if not any(found.rows[i].odd for i in own) and point.hardware.family != "cpu":
            tokens = point.task.tokens if point.task.kind is Kind.PREFILL else 0
            key = (point.hardware, point.work.model, point.work.quantisation, point.task.kind, tokens, point.task.depth)
            same.setdefault(key, []).append(point)
    for group in same.values():
        if len({point.lab for point in group}) > 1:
            first = group[0]
            rates = ", ".join(f"{point.tokens_per_s:.1f}" for point in group)
            sources = ", ".join(dict.fromkeys(point.source for point in group))
            what = f"{first.work.model} {first.work.quantisation}"
            text.append(
                f"| {first.hardware.name} | {first.hardware.family} | {what} | {first.task.kind} | {rates} | {sources} |"
            )
    spreads = evidence.spreads()
    noise = [100 * np.sqrt(spreads[kind].noise) for kind in Kind]
    return [
        "Two machines with the same device, backend, file and context, in the whole table:", "", *text, "",
        "These are too few for a floor by machine (equal rates are one run, published twice). What no effect explains, as the",
        f"spreads have it, is {noise[0]:.1f} % of a decode rate and {noise[1]:.1f} % of a prefill rate (one standard deviation):",
        "no forecast from labels like these is nearer than about two thirds of that in the middle.",
    ]  # fmt: skip


def _arithmetic(fair: Sequence[Line]) -> list[str]:
    """Errors, widths and coverage of prefill with and without a published peak, the device left out."""
    text = [
        "| published peak | measurements | median error | width of the 95 % interval (median) | inside 95 % | inside 80 % |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    own = [
        one for one in fair if one["left_out"] == "device" and one["kind"] == Kind.PREFILL and one["family"] != "cpu"
    ]
    for words, peak in (("yes", True), ("no", False)):
        part = [one for one in own if one["peak"] is peak]
        if part:
            width = np.exp(np.median([one["width"] for one in part]))
            shares = " | ".join(f"{100 * _share(part, level, lambda _: 1.0):.1f} %" for level in ("95", "80"))
            text.append(f"| {words} | {len(part)} | {_median(part)} | × {width:.1f} | {shares} |")
    return text


def _width(fair: Sequence[Line]) -> list[str]:
    """Decode without its device, against the rule of thumb at the same coverage, chosen with hindsight."""
    own = [one for one in fair if one["left_out"] == "device" and one["kind"] == Kind.DECODE]
    coverage = _share(own, "95", lambda _: 1.0)
    naive = np.sort([np.log(NAIVE / one["ideal_seconds"] / one["tokens_per_s"]) for one in own])
    inside = round(coverage * len(naive))
    narrowest = min(naive[start + inside - 1] - naive[start] for start in range(len(naive) - inside + 1))
    ours = np.median([one["width"] for one in own])
    return [
        "Highest over lowest rate of the 95 % interval of decode, its device left out, against the rule *bandwidth / bytes",
        f"× 0.7* with the narrowest band that holds as many ({100 * coverage:.1f} %), chosen with hindsight:", "",
        f"- forecast: × {np.exp(ours):.2f} (median)",
        f"- the rule: × {np.exp(narrowest):.2f}",
        f"- the forecast's is {100 * (1 - ours / narrowest):.0f} % narrower in logarithms.",
    ]  # fmt: skip


def fallbacks(points: Sequence[Point], random: np.random.Generator) -> tuple[list[Point], set[int]]:
    """The points with a share of the runs (machine, model, file) computed by a processor, and which they are."""
    runs: dict[tuple[str, str, str], list[int]] = {}
    for place, point in enumerate(points):
        if point.hardware.family != "cpu" and point.hardware.form != "integrated":
            runs.setdefault((point.lab, point.work.model, point.work.quantisation), []).append(place)
    chosen = random.choice(len(runs), max(1, round(SHARE * len(runs))), replace=False)
    planted, fallen = list(points), set[int]()
    for run in (list(runs.values())[i] for i in chosen):
        memory, arithmetic = (np.exp(random.uniform(*np.log(ends))) for ends in (MEMORY, ARITHMETIC))
        for place in run:
            point = points[place]
            bytes_read = point.work.token_bytes + (point.work.cache_bytes or 0) * point.task.depth
            seconds = (
                bytes_read / memory if point.task.kind is Kind.DECODE else 2 * point.work.active_parameters / arithmetic
            )
            if 1 / seconds < point.tokens_per_s:  # a processor is never faster
                planted[place] = replace(point, tokens_per_s=1 / seconds)
                fallen.add(place)
    return planted, fallen


def _odd(found: Evidence) -> list[str]:
    points, places = merged(found.points)
    odd = [any(found.rows[i].odd for i in own) for own in places]
    spreads = evidence.spreads()
    caught = planted = 0
    random = np.random.default_rng(SEED)
    by_rate = Counter[Kind]()
    of_rate = Counter[Kind]()
    for _ in range(ROUNDS):
        changed, fallen = fallbacks(points, random)
        named = set[int]()
        for kind in Kind:
            own = [i for i, point in enumerate(changed) if point.task.kind is kind]
            part = learned(kind, [changed[i] for i in own], spreads[kind])
            named |= {own[i] for i in part.odd}
        of_rate.update(points[i].task.kind for i in fallen)
        by_rate.update(points[i].task.kind for i in fallen & named)
        caught, planted = caught + len(fallen & named), planted + len(fallen)
    accused, honest, names = 0, 0, []
    for kind in Kind:
        own = [i for i, point in enumerate(points) if point.task.kind is kind]
        part = learned(kind, [points[i] for i in own], spreads[kind])
        named = {own[i]: ratio for i, ratio in part.odd.items()}
        honest += sum(not odd[i] for i in own)
        accused += sum(not odd[i] for i in named)
        names += [_named(points[i], ratio, odd[i]) for i, ratio in sorted(named.items())]
    unsteady = [row for row in found.rows if is_unsteady(row.tokens_per_s, row.deviation)]
    told = (
        f"({MEMORY[0] / 1e9:.0f} to {MEMORY[1] / 1e9:.0f} GB/s, {ARITHMETIC[0] / 1e12:g} to {ARITHMETIC[1] / 1e12:g} · 10¹² "
        "operations/s, by chance), and all is learned again."
    )
    own_word = f"{len(unsteady)}, {sum(row.odd for row in unsteady)} of them doubted by the reader"
    return [
        f"Planted: in each of {ROUNDS} rounds {100 * SHARE:.0f} % of the runs on cards with memory of their own are given the",
        f"rates of a processor {told}", "",
        "| what | measurements |", "|---|--:|",
        f"| planted fallbacks named | {_part(caught, planted)} |",
        *(f"| of them {kind} | {_part(by_rate[kind], of_rate[kind])} |" for kind in Kind),
        f"| honest ones accused (no reader doubted them) | {_part(accused, honest)} |",
        f"| named by their own repetitions (deviation above a tenth of the mean), rows | {own_word} |",
        "", "Named as slow without reason in the table as it is:", "",
        "| device | backend | model | measured / foretold | reader doubted it |", "|---|---|---|--:|---|", *names,
    ]  # fmt: skip


def _part(some: int, of: int) -> str:
    return f"{some} of {of} ({100 * some / of:.1f} %)"


def _named(point: Point, ratio: float, doubted: bool) -> str:
    hardware, work, task = point.hardware, point.work, point.task
    what = f"{work.model} {work.quantisation}, {task.kind}" + (f" after {task.depth:,}" if task.depth else "")
    return f"| {hardware.name} | {hardware.family} | {what} | {ratio:.2f} | {'yes' if doubted else 'no'} |"


def _own() -> list[str]:
    """The records of `docs/notebooks`, measured on a virtual machine of two cores that others used: at the bandwidth of then."""
    made, lines = evidence.forecaster(), []
    inside = count = 0
    for stored in find([RECORDS]):
        for point in rates.points_of(stored.record, stored.path.parent.name, "", 2026):
            rate = forecast(made, point.hardware, point.work, point.task).rate
            held = rate.low_95 <= point.tokens_per_s <= rate.high_95
            inside, count = inside + held, count + 1
            told = f"{rate.middle:.1f} ({rate.low_95:.1f} to {rate.high_95:.1f})"
            name, bandwidth = stored.path.parent.name, point.hardware.bandwidth_bytes_per_s / 1e9
            what = f"{point.task.kind} of {point.task.tokens}"
            lines.append(
                f"| {name} | {what} | {bandwidth:.1f} | {point.tokens_per_s:.1f} | {told} | {'yes' if held else 'no'} |"
            )
    return [
        "`docs/notebooks/records`, gemma3 270M on a virtual machine of two cores that others used at the same time: no",
        f"processor of the evidence is like it. {inside} of {count} lay inside the 95 % interval; those outside were slower,",
        "when both cores were asked for and not free, and in prompts, whose arithmetic the number of cores decides, which no",
        "published row tells.", "",
        "| record | rate | GB/s measured then | tok/s measured | forecast, 95 % | inside |", "|---|---|--:|--:|---|---|", *lines,
    ]  # fmt: skip


def _speed() -> list[str]:
    points, _ = merged(evidence.shipped().points)
    began = time.perf_counter()
    made = learn(points, evidence.spreads())
    cold = time.perf_counter() - began
    part = devices.find("RTX 4070")
    hardware = None if part is None else hardware_of(part, "cuda")
    work = next(point.work for point in points if point.work.model == "qwen3 8B")
    times, own_times = [], []
    for _ in range(50):
        began, own_began = time.perf_counter(), time.process_time()
        for task in (Task(Kind.DECODE, 128, 4096), Task(Kind.PREFILL, 4096)):
            if hardware is not None:
                forecast(made, hardware, work, task)
        times.append(1000 * (time.perf_counter() - began))
        own_times.append(1000 * (time.process_time() - own_began))
    return [
        f"A forecast of both rates, warm: {np.median(own_times):.0f} ms of processor time, {np.median(times):.0f} ms by",
        f"the clock (medians of 50; slowest {max(times):.0f} ms). Learning, once in a process: {cold:.1f} s. One process, on a",
        "machine that others used at the same time.",
    ]  # fmt: skip
