"""Trials of other models of decode, judged on published rates that they did not know. Nothing of them is shipped.

Today's model has one cost for each layer. The model *parts* prices a token's parts for each family of kernels (a layer, its
experts, the cache's bytes, attention), and has effects of each part's share of the time. *+scale*: one amplitude for each family,
by which its own effects and its noise are larger or smaller. *A & B*: the mean of both in logarithms, of their deviations, too.
`--judge` makes the folds (minutes) into a file, `--table` prints the table from such files.

It is simpler than `forecast.py`: no refusals, no widening, no ladder of depths, one rate. Compare within its table alone.
Costs, spreads and amplitudes are estimated without each tenth, and what was measured of one group is left out as there; which
rows are odd is said by today's model with the shipped spreads. The reach is cross-calibrated: that of a tenth comes from the
errors of the other nine, the farthest of the three situations, each measurement counted once. It is not nested: those nine were
judged with spreads that had seen the tenth.
A fold's search begins at the numbers of all points, which `forecast.py` no longer does, and richer models may keep
something of them: `--afresh` begins where nothing was measured, and takes longer.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from forecast import LEFT_OUT, chosen_of, shipped, tenths
from forecast_page import BARS
from numpy.typing import NDArray
from scipy.optimize import minimize

from harness.evidence import spreads
from harness.forecast.effects import EFFECTS, features_of
from harness.forecast.forecaster import learned
from harness.forecast.physics import most_per_s
from harness.forecast.pooling import LAYERS, WIDE, Effect, Features, Floats, Keys, effect_kernel
from harness.forecast.values import Kind, Point

Places = NDArray[np.int64]
Term = tuple[Effect, str]  # with the part of a token's time in proportion to whose share it acts; "": the whole time
KIND = Kind.DECODE
SITUATIONS = {"device": "the device", "model": "the model everywhere", "pair": "the model on this device"}
FIRST_STEPS, STEPS = 40, 12  # of the search with all points, where each fold's begins, and of a fold's
NEGLIGIBLE = 1e-5  # a variance
LEAST, MOST, PRIOR = -14.0, 1.0, (-5.0, 2.5)  # of a log variance: bounds, and what is known beforehand
FREEDOM, ROUNDS = 4.0, 2  # of Student's t; of weighing far points anew
USUAL_BYTES_PER_S = 500e9  # at which attention would read the cache, were its cost 1


class Cost(NamedTuple):
    """What is known beforehand of a family's price, or another number: normal in logarithms, within bounds."""

    centre: float
    deviation: float
    bounds: tuple[float, float]


SECONDS, FACTOR = (np.log(1e-7), np.log(0.05)), (-5.0, 3.0)
TODAY_S_COSTS = {"layer": Cost(np.log(1e-4), 1.0, SECONDS)}
PARTS_COSTS = {
    "layer": Cost(np.log(3e-4), 1.0, SECONDS),
    "expert": Cost(np.log(3e-4), 1.0, SECONDS),
    "cache": Cost(0.0, 0.7, FACTOR),
    "attention": Cost(-1.5, 1.0, FACTOR),
}
AMPLITUDE = Cost(0.0, 0.5, (-2.0, 2.0))
SHARE_OF = {"layers": ("layer", "expert"), "cache": ("cache", "attention")}
# The part of a token's time → the keys of its effects.
PARTS_KEYS = {
    "weights": "generation+family generation form device device+family quantisation quantisation+family"
    " quantisation+generation family architecture model",
    "layers": "generation+family device+family architecture+family architecture experts+family year+family model form",
    "cache": "family generation+family architecture model+family device+family",
    "": "lab model model+family architecture+generation split+family year+family cell",
}
TODAY_S_TERMS = [(effect, "") for effect in EFFECTS[KIND]]
PARTS_TERMS = [
    *((Effect(f"{part} {key}", key), part) for part, keys in PARTS_KEYS.items() for key in keys.split()),
    (Effect("bits", "", "log_bits", 0.5), "weights"),
    (Effect("bits and generation", "generation+family", "log_bits", 0.5), "weights"),
    (Effect("size", "", "log_ideal", 1.5), ""),
]
TRIED: Mapping[str, tuple[str, ...]] = {
    "today": ("today",),
    "parts+scale": ("parts+scale",),
    "today & parts": ("today", "parts"),
    "today+scale & parts+scale": ("today+scale", "parts+scale"),
    "today & parts+scale": ("today", "parts+scale"),
}


class Data:
    """The measured points, and what models need of them: arrays, one number a point."""

    def __init__(self) -> None:
        _, points, rows, odd = shipped()
        own = [i for i, point in enumerate(points) if point.task.kind is KIND]
        self.points: list[Point] = [points[i] for i in own]
        self.rows, self.odd = np.array([rows[i] for i in own]), np.array([odd[i] for i in own])
        self.features: Features = features_of(self.points)
        self.device = np.array([point.hardware.name for point in self.points])
        self.log_seconds = -np.log([p.tokens_per_s for p in self.points])
        self.bound = np.log([most_per_s(p.hardware, p.work, p.task) for p in self.points])
        self.families, self.family = np.unique(self.features.keys["family"], return_inverse=True)
        bandwidth = np.array([p.hardware.bandwidth_bytes_per_s for p in self.points])
        layers = self.features.numbers["layers"] / LAYERS
        earlier = np.array([p.task.depth + p.task.tokens / 2 for p in self.points])
        cache = np.array([p.work.cache_bytes or 0.0 for p in self.points]) * earlier
        self.reading = np.array([p.work.token_bytes for p in self.points]) / bandwidth
        self.units = {  # what a cost is the price of
            "layer": layers, "expert": layers * [p.work.experts for p in self.points],
            "cache": cache / bandwidth, "attention": cache / USUAL_BYTES_PER_S,
        }  # fmt: skip

    def kept(self, places: Places) -> Places:
        """Those of these points that today's model doesn't call odd."""
        own = set(map(id, learned(KIND, [self.points[i] for i in places], spreads()[KIND]).points))
        return np.array([i for i in places if id(self.points[i]) in own])

    def line(self, place: int) -> dict[str, object]:
        """What the file of forecasts holds of a point."""
        return {
            "place": int(place), "rows": int(self.rows[place]), "cpu": self.points[place].hardware.family == "cpu",
            "bound": float(self.bound[place]), "log_rate": -float(self.log_seconds[place]),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Prior:
    """What a model says of points before anything is measured: log seconds and their covariance, without noise."""

    log_seconds: Floats
    alike: Floats
    elsewhere: Floats  # the same, of a machine that nobody measured on
    noise: Floats

    def weigh(self, seen: Places, measured: Floats, scale: Floats) -> tuple[Floats, Floats, Floats]:
        """Precision of what was seen, the same times its residuals, and by how much more each point's noise varies (t)."""
        noise = self.noise[seen]
        precision = np.linalg.inv(self.alike[np.ix_(seen, seen)] + np.diag(noise * scale))
        told = precision @ (measured[seen] - self.log_seconds[seen])
        far = (FREEDOM + noise * (scale * told) ** 2) / (FREEDOM + 1)
        return precision, told, np.maximum(far, FREEDOM / (FREEDOM + 1))

    def foretell(self, seen: Places, measured: Floats, asked: Places) -> tuple[Floats, Floats]:
        """log seconds of what is asked for, and the deviation of a measurement of it."""
        scale = np.ones(len(seen))
        for _ in range(ROUNDS):
            _, _, scale = self.weigh(seen, measured, scale)
        precision, told, _ = self.weigh(seen, measured, scale)
        across = self.elsewhere[np.ix_(asked, seen)]
        variance = np.diag(self.alike)[asked] - np.einsum("ij,jk,ik->i", across, precision, across, optimize=True)
        return across @ told + self.log_seconds[asked], np.sqrt(np.maximum(variance + self.noise[asked], 1e-6))


class Model:
    """A sum of effects on top of priced parts. Its numbers x: log variances and noise, log costs by family, log amplitudes."""

    def __init__(self, data: Data, terms: Sequence[Term], costs: Mapping[str, Cost], *, scaled: bool) -> None:
        self.data, self.costs, self.scaled = data, costs, scaled
        self.kernels = np.stack([effect_kernel(effect, data.features, data.features) for effect, _ in terms])
        self.shares = [share for _, share in terms]
        self.of_machine = np.array([effect.key in ("lab", "cell") for effect, _ in terms])
        self.local = np.array(["family" in effect.key for effect, _ in terms]) | self.of_machine
        families = len(data.families)
        about = [Cost(*PRIOR, (LEAST, MOST))] * (len(terms) + 1)
        about += [cost for cost in costs.values() for _ in range(families)] + [AMPLITUDE] * (families * scaled)
        self.centre, self.deviation = (np.array([one[i] for one in about], float) for i in (0, 1))
        self.bounds = [one.bounds for one in about]
        begin = [np.log(0.01)] * len(terms) + [np.log(0.002)]
        self.begin = np.concatenate([begin, self.centre[len(begin) :]])

    def split(self, x: Floats) -> tuple[Floats, float, Floats, Floats]:
        """Variances, noise, costs (kinds, families), and each point's amplitude."""
        terms, families = len(self.shares), len(self.data.families)
        costs, amplitudes = np.split(x[terms + 1 :], [len(self.costs) * families])
        amplitude = np.exp(amplitudes)[self.data.family] if self.scaled else np.ones(len(self.data.family))
        return np.exp(x[:terms]), float(np.exp(x[terms])), np.exp(costs).reshape(-1, families), amplitude

    def seconds(self, costs: Floats) -> tuple[Floats, dict[str, Floats]]:
        """Of a token, all, and what each priced part has of it."""
        data = self.data
        priced = {name: data.units[name] * own[data.family] for name, own in zip(self.costs, costs, strict=True)}
        free = data.reading if "cache" in self.costs else data.reading + data.units["cache"]
        return free + sum(priced.values()), priced

    def weights(self, costs: Floats) -> Floats:
        """Of each effect on each point: its part's share of the time. Shape (effects, points)."""
        total, priced = self.seconds(costs)
        share = {"": np.ones(len(total)), "weights": self.data.reading / total}
        share |= {part: sum(priced.get(name, 0.0) for name in names) / total for part, names in SHARE_OF.items()}
        return np.stack([share[part] for part in self.shares])

    def prior(self, x: Floats) -> Prior:
        """Of all points, with these numbers."""
        variances, noise, costs, amplitude = self.split(x)
        weights, both = self.weights(costs), np.outer(amplitude, amplitude)
        alike, machine = np.full(both.shape, WIDE), np.zeros(both.shape)
        for i in np.flatnonzero(variances >= NEGLIGIBLE):
            own = variances[i] * self.kernels[i] * np.outer(weights[i], weights[i]) * (both if self.local[i] else 1.0)
            alike += own
            machine += own * self.of_machine[i]
        return Prior(np.log(self.seconds(costs)[0]), alike, alike - machine, noise * amplitude**2)

    def estimate(self, seen: Places, begin: Floats, steps: int) -> Floats:
        """The most likely numbers of these points, far ones with less weight. Shares are those of the costs before a round."""
        x, scale, measured = begin, np.ones(len(seen)), self.data.log_seconds
        for again in range(ROUNDS):
            weights = self.weights(self.split(x)[2])[:, seen]
            kernels = self.kernels[:, seen][:, :, seen] * weights[:, :, None] * weights[:, None, :]
            flat = kernels.reshape(len(weights), -1)
            search = {"method": "L-BFGS-B", "bounds": self.bounds, "options": {"maxiter": steps}}
            x = minimize(self.loss, x, (seen, flat, scale), jac=True, **search).x
            if again < ROUNDS - 1:
                _, _, scale = self.prior(x).weigh(seen, measured, scale)
        return x

    def loss(self, x: Floats, seen: Places, flat: Floats, scale: Floats) -> tuple[float, Floats]:
        """What the search makes small, and its slope: less the log of likelihood and prior."""
        variances, noise, costs, amplitude = self.split(x)
        count, terms, family = len(seen), len(variances), self.data.family[seen]
        amplitude = amplitude[seen]
        both = np.outer(amplitude, amplitude)
        local = (np.where(self.local, variances, 0.0) @ flat).reshape(count, count)
        local = (local + np.diag(noise * scale)) * both
        covariance = WIDE + (np.where(self.local, 0.0, variances) @ flat).reshape(count, count) + local
        precision = np.linalg.inv(covariance)
        total, priced = self.seconds(costs)
        residual = self.data.log_seconds[seen] - np.log(total[seen])
        told = precision @ residual
        away = (x - self.centre) / self.deviation
        value = 0.5 * (residual @ told + np.linalg.slogdet(covariance)[1] + away @ away)
        slope = away / self.deviation
        inner = 0.5 * ((precision + precision.T) / 2 - np.outer(told, told))
        by_family = (family[:, None] == np.arange(len(self.data.families))).astype(float)
        slope[:terms] += variances * np.where(self.local, flat @ (inner * both).ravel(), flat @ inner.ravel())
        slope[terms] += noise * (np.diag(inner) * scale * amplitude**2).sum()
        of_costs = [-(priced[name][seen] / total[seen] * told) @ by_family for name in self.costs]
        of_amplitudes = [2 * (inner * local).sum(axis=1) @ by_family] * self.scaled
        slope[terms + 1 :] += np.concatenate(of_costs + of_amplitudes)
        return float(value), slope


def start(data: Data, everything: Places, *, afresh: bool) -> Iterator[tuple[str, Model, Floats]]:
    """Both models, with amplitudes and without, and the numbers at which the search of each fold begins."""
    for name, terms, costs in (("today", TODAY_S_TERMS, TODAY_S_COSTS), ("parts", PARTS_TERMS, PARTS_COSTS)):
        for scaled in (False, True):
            model = Model(data, terms, costs, scaled=scaled)
            begin = model.begin if afresh else model.estimate(everything, model.begin, FIRST_STEPS)
            yield name + "+scale" * scaled, model, begin


def judge(data: Data, names: Sequence[str], part_of: tuple[int, int], *, afresh: bool) -> Iterator[dict[str, object]]:
    """Each measurement that no reader doubted, foretold by each model without its device, model, or pair of both."""
    everything, steps = data.kept(np.arange(len(data.points))), FIRST_STEPS if afresh else STEPS
    models = list(start(data, everything, afresh=afresh))
    for left_out in names:
        key = np.array([LEFT_OUT[left_out](point) for point in data.points])
        for tenth, group in chosen_of(enumerate(tenths(key)), part_of):
            held = np.isin(key, sorted(group))
            kept = data.kept(np.flatnonzero(~held))
            priors = {name: model.prior(model.estimate(kept, begin, steps)) for name, model, begin in models}
            for value in sorted(group):
                out = key == value
                seen = np.union1d(kept, everything[(held & ~out)[everything]])
                asked = np.flatnonzero(out & ~data.odd)
                if left_out == "pair":  # of a device on which nothing else was measured: that is a device left out
                    asked = asked[np.isin(data.device[asked], data.device[seen])]
                told = {name: prior.foretell(seen, data.log_seconds, asked) for name, prior in priors.items()}
                for place, i in enumerate(asked):
                    foretold = {name: (-float(time[place]), float(far[place])) for name, (time, far) in told.items()}
                    yield data.line(i) | {"left_out": left_out, "tenth": tenth, "foretold": foretold}
            print(left_out, tenth, flush=True)


def table(lines: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Errors, coverage and width of each model that was tried, in each situation that the lines have."""
    names = ("left_out", "tenth", "place", "rows", "cpu", "bound", "log_rate")
    situation, tenth, place, rows, cpu, bound, measured = (np.array([line[name] for line in lines]) for name in names)
    yield "| left out | measurements | model | error: by row | by measurement"
    yield " | 95 % hold: by measurement | by row | 80 % hold: by measurement | by row | width (median) |\n"
    yield "|---|--:|---|--:|--:|--:|--:|--:|--:|--:|\n"
    for this in (name for name in SITUATIONS if name in situation):
        own = situation == this
        judged = own & ~cpu  # devices of the table, as in forecast.py
        for name, parts in TRIED.items():
            middle, deviation = np.mean([[line["foretold"][part] for line in lines] for part in parts], axis=0).T
            middle = np.minimum(middle, bound)
            far = np.abs(middle - measured) / deviation
            holds, widths = [], []
            for level, (least, most) in BARS.items():
                to = reaches(far, situation, tenth, place, float(level) / 100) * deviation
                high = np.minimum(middle + to, bound)
                inside = ((middle - to <= measured) & (measured <= high))[own]
                shares = [100 * np.average(inside, weights=one) for one in (None, rows[own])]
                holds += [f"{share:.1f}" + " (outside)" * (not least <= share <= most) for share in shares]
                widths.append(np.exp(np.median((high - middle + to)[own])))
            error = 100 * np.abs(np.expm1(middle - measured))[judged]
            errors = f"{np.median(np.repeat(error, rows[judged])):.1f} % | {np.median(error):.1f} %"
            yield f"| {SITUATIONS[this]} | {own.sum()} | {name} | {errors} | {' | '.join(holds)} | × {widths[0]:.2f} |\n"


def reaches(errors: Floats, situation: Keys, tenth: Places, place: Places, level: float) -> Floats:
    """For each forecast the deviations that its interval reaches: by the errors of what is in no measurement of its tenth."""
    found = np.zeros(len(errors))
    for this, fold in set(zip(situation.tolist(), tenth.tolist(), strict=True)):
        asked = (situation == this) & (tenth == fold)
        others = ~np.isin(place, place[asked])
        found[asked] = max(quantile(errors[others & (situation == one)], level) for one in set(situation.tolist()))
    return found


def quantile(errors: Floats, level: float) -> float:
    """What so large a share of them stays within, each counted once, one more at infinity."""
    if not len(errors):
        raise SystemExit("--table: too few folds to calibrate with; judge more than one tenth of each situation")
    return float(np.sort(errors)[min(int(np.ceil(level * (len(errors) + 1))), len(errors)) - 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--judge", type=Path, metavar="FILE", help="make the folds, into this file of JSON lines")
    parser.add_argument("--left-out", choices=list(SITUATIONS), help="only these folds")
    parser.add_argument("--part", type=int, nargs=2, default=(0, 1), metavar=("I", "OF"), help="a share of them")
    parser.add_argument("--afresh", action="store_true", help="no fold's search begins at the numbers of all points")
    parser.add_argument("--table", type=Path, nargs="+", metavar="FILE", help="print the table from these")
    chosen = parser.parse_args()
    if chosen.judge:
        names = [chosen.left_out] if chosen.left_out else list(SITUATIONS)
        with chosen.judge.open("w", encoding="utf-8") as file:
            for one in judge(Data(), names, tuple(chosen.part), afresh=chosen.afresh):
                file.write(json.dumps(one) + "\n")
    if chosen.table:
        lines = [json.loads(line) for path in chosen.table for line in path.read_text(encoding="utf-8").splitlines()]
        print(*table(lines), sep="", end="")


if __name__ == "__main__":
    main()
