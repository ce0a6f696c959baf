"""Estimates the spreads of the effects by maximum marginal likelihood (scipy), as `configs/evidence/spreads.toml` ships them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize

from harness.forecast.effects import EFFECTS, features_of
from harness.forecast.pooling import LAYERS, WIDE, Floats, Spread, effect_kernel
from harness.forecast.values import Kind, Point

LEAST, MOST = -14.0, 1.0  # log variances
FREEDOM, ROUNDS = 4.0, 2
FIXED_S = 1e-4  # where a family's fixed cost begins; a prior of a factor e around it
PRIOR = (-5.0, 2.5)  # of a log variance: normal; keeps effects that the data can't tell from running away


def estimate(kind: Kind, points: Sequence[Point], begin: Spread | None = None, steps: int = 60) -> Spread:
    """The most likely spreads of these points, far ones with less weight (Student's t)."""
    effects = EFFECTS[kind]
    features = features_of(points)
    seconds = np.array([1 / point.tokens_per_s for point in points])
    families = sorted(set(features.keys["family"]))
    of_family = np.array([[family == one for one in families] for family in features.keys["family"]], float)
    of_family *= features.numbers["layers"][:, None] / LAYERS
    kernels = [effect_kernel(effect, features, features) for effect in effects]
    scale = np.ones(len(points))
    has_fixed = kind is Kind.DECODE

    def value(x: Floats) -> tuple[float, Floats]:
        variances, noise, fixed = np.exp(x[: len(effects)]), np.exp(x[len(effects)]), np.exp(x[len(effects) + 1 :])
        cost = of_family @ fixed if has_fixed else np.zeros(len(points))
        residual = np.log(seconds) - np.log(features.ideal + cost)
        covariance = WIDE + sum(v * k for v, k in zip(variances, kernels, strict=True)) + np.diag(noise * scale)
        precision = np.linalg.inv(covariance)
        told = precision @ residual
        loss = 0.5 * (residual @ told + np.linalg.slogdet(covariance)[1])
        slope = np.empty_like(x)
        inner = np.outer(told, told) - precision
        for place, (v, k) in enumerate(zip(variances, kernels, strict=True)):
            slope[place] = -0.5 * v * np.vdot(inner, k)
        slope[len(effects)] = -0.5 * noise * (np.diag(inner) * scale).sum()
        variances_x = x[: len(effects) + 1]
        loss += (0.5 * ((variances_x - PRIOR[0]) / PRIOR[1]) ** 2).sum()
        slope[: len(effects) + 1] += (variances_x - PRIOR[0]) / PRIOR[1] ** 2
        if has_fixed:
            away = x[len(effects) + 1 :] - np.log(FIXED_S)
            slope[len(effects) + 1 :] = -(of_family / (features.ideal + cost)[:, None] * fixed).T @ told + away
            loss += 0.5 * (away**2).sum()
        return loss, slope

    x = np.array([np.log(0.01)] * len(effects) + [np.log(0.002)] + [np.log(FIXED_S)] * (len(families) * has_fixed))
    if begin is not None:
        x = np.log([max(begin.effects[e.name], 1e-6) for e in effects] + [begin.noise]
                   + [max(begin.fixed.get(f, FIXED_S), 1e-7) for f in families] * has_fixed)  # fmt: skip
    bounds = [(LEAST, MOST)] * (len(effects) + 1) + [(np.log(1e-7), np.log(0.05))] * (len(families) * has_fixed)
    for again in range(ROUNDS):
        x = minimize(value, x, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": steps}).x
        if again < ROUNDS - 1:
            scale = _scales(x, kernels, of_family, features.ideal, seconds, has_fixed, len(effects), scale)
    variances = {e.name: float(v) if v > 1e-5 else 0.0 for e, v in zip(effects, np.exp(x), strict=False)}
    costs = dict(zip(families, map(float, np.exp(x[len(effects) + 1 :])), strict=False))
    return Spread(variances, float(np.exp(x[len(effects)])), costs)


def _scales(x, kernels, of_family, ideal, seconds, has_fixed, count, scale):
    noise = np.exp(x[count])
    cost = of_family @ np.exp(x[count + 1 :]) if has_fixed else 0.0
    residual = np.log(seconds) - np.log(ideal + cost)
    covariance = WIDE + sum(np.exp(v) * k for v, k in zip(x, kernels, strict=False)) + np.diag(noise * scale)
    left = noise * scale * np.linalg.solve(covariance, residual)
    return np.maximum((FREEDOM + left**2 / noise) / (FREEDOM + 1), FREEDOM / (FREEDOM + 1))
