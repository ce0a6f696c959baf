"""Which effects a rate has, and the features of points that they are of. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from harness.forecast.physics import cache_share, ideal_seconds, log_depth, usual_layers
from harness.forecast.pooling import LAYERS, Effect, Features
from harness.forecast.values import Hardware, Kind, Point, Task, Work, architecture_of

USUAL_FIXED = 2e-4  # seconds through 32 layers: about what starting their kernels takes
_COMMON = (
    Effect("family", "family"),
    Effect("generation", "generation"),
    Effect("generation and family", "generation+family"),
    Effect("kind of part", "form"),
    Effect("device", "device"),
    Effect("device and family", "device+family"),
    Effect("lab", "lab"),
    Effect("quantisation", "quantisation"),
    Effect("quantisation and family", "quantisation+family"),
    Effect("quantisation and generation", "quantisation+generation"),
    Effect("bits", "", "log_bits", 0.5),
    Effect("bits and generation", "generation+family", "log_bits", 0.5),
    Effect("model", "model"),
    Effect("model and family", "model+family"),
    Effect("architecture", "architecture"),
    Effect("architecture and family", "architecture+family"),
    Effect("architecture and generation", "architecture+generation"),
    Effect("experts and family", "experts+family"),
    Effect("experts and generation", "experts+generation"),
    Effect("year and family", "year+family"),
    Effect("split and family", "split+family"),
    Effect("size", "", "log_ideal", 1.5),
    Effect("size and family", "family", "log_ideal", 1.5),
    Effect("depth and family", "family", "log_depth"),
    Effect("depth and model", "model+family", "log_depth"),
)
_CACHE = Effect("cache and architecture", "architecture+year+family", "cache_share")
OF_MACHINE = frozenset({"lab", "measurement"})  # shared by what one machine measured alone
EFFECTS = {
    Kind.DECODE: (
        *_COMMON,
        Effect("size and kernels", "experts+quantisation+family", "log_fixed", 1.0),
        _CACHE,
        Effect("measurement", "cell"),
    ),
    Kind.PREFILL: (
        *_COMMON,
        Effect("arithmetic known", "peak"),
        Effect("arithmetic and generation", "peak+generation"),
        Effect("prompt", "", "log_tokens", 1.5),
        Effect("prompt and family", "family", "log_tokens", 1.5),
        Effect("prompt and model", "model+device", "log_tokens", 1.5),
        _CACHE,
        Effect("cache and split", "split+generation+family", "cache_share"),
        Effect("prompt and split", "split", "log_tokens", 1.5),
        Effect("size and quantisation", "quantisation+generation", "log_ideal", 1.5),
        Effect("measurement", "cell"),
    ),
}


def features_of(points: Sequence[Point]) -> Features:
    """Of measured points."""
    return features([(p.hardware, p.work, p.task) for p in points], [p.lab for p in points], [p.when for p in points])


def features(asked: Sequence[tuple[Hardware, Work, Task]], labs: Sequence[str], whens: Sequence[float]) -> Features:
    """Of what is asked for: `labs` name whose machines, "" a machine that nobody measured on."""
    # Steps of one question share all keys but one, and what follows from its model: that is made once for all of them.
    first: dict[tuple[int, int, str, float], int] = {}
    shared: list[dict[str, str]] = []
    works: list[Work] = []
    place = np.zeros(len(asked), dtype=np.int64)
    for row, ((hardware, work, _), lab, when) in enumerate(zip(asked, labs, whens, strict=True)):
        place[row] = first.setdefault((id(hardware), id(work), lab, when), len(first))
        if len(first) > len(shared):
            shared.append(_keys(hardware, work, lab, when))
            works.append(work)
    tasks = {id(task): task for _, _, task in asked}
    of_task = {key: number for number, key in enumerate(tasks)}
    step = np.array([of_task[id(task)] for _, _, task in asked], dtype=np.int64)
    ideal = np.array([ideal_seconds(*one) for one in asked])
    keys = {name: np.array([one[name] for one in shared])[place] for name in (shared[0] if shared else ())}
    if shared:
        keys["cell"] = np.array([_cell(*one, lab) for one, lab in zip(asked, labs, strict=True)])
    layers = np.array([float(w.layers or usual_layers(w.active_parameters)) for w in works])[place]
    fixed = USUAL_FIXED * layers / LAYERS
    found = Features(
        keys=keys,
        numbers={
            "log_ideal": np.log(ideal),
            "log_bits": np.array([math.log(8 * w.token_bytes / w.active_parameters) for w in works])[place],
            "log_depth": np.array([log_depth(task) for task in tasks.values()])[step],
            "layers": layers,
            "log_fixed": np.log(fixed / (ideal + fixed)),
            "cache_share": np.array(
                [cache_share(*one, seconds) for one, seconds in zip(asked, ideal.tolist(), strict=True)]
            ),
            "log_tokens": np.array([math.log(task.tokens) for task in tasks.values()])[step],
        },
        ideal=ideal,
        questions=place,
    )
    for name in shared[0] if shared else ():
        found.code(name, [one[name] for one in shared])
    return found


def _cell(hardware: Hardware, work: Work, task: Task, lab: str) -> str:
    """What repetitions of one measurement share."""
    return f"{lab} {hardware.name} {hardware.count} {work.model} {work.quantisation} {task.depth}"


def _keys(hardware: Hardware, work: Work, lab: str, when: float) -> dict[str, str]:
    """All but the cell."""
    own = {
        "family": hardware.family,
        "generation": hardware.generation,
        "device": hardware.name,
        "lab": lab,
        "quantisation": work.quantisation,
        "year": str(int(when)),
        "model": work.model,
        "architecture": architecture_of(work),
        "experts": str(work.experts),
        "split": str(hardware.count > 1),
        "form": hardware.form,
        "peak": str(hardware.known_flops is not None),
    }
    shared = (
        ("generation", "family"), ("device", "family"), ("quantisation", "family"), ("quantisation", "generation"),
        ("model", "family"), ("architecture", "family"), ("architecture", "generation"), ("model", "device"),
        ("experts", "family"), ("experts", "generation"), ("year", "family"), ("split", "family"), ("peak", "generation"),
        ("experts", "quantisation", "family"), ("architecture", "year", "family"), ("split", "generation", "family"),
    )  # fmt: skip
    return own | {"+".join(some): "|".join(own[name] for name in some) for some in shared}
