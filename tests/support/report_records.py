"""Records of every kind that a report tells of, as folders: whole ones, a sweep, a failed run, a false one, a hostile one, curves."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.demo.records import Setup
from tests.support.failed_runs import EMPTY, envelope_of
from tests.support.program import REAL, edited, faster, resigned, signed, written
from tests.support.registry_world import world

RATES = {"1": 40.0, "2": 75.0, "4": 76.0}  # tokens/s by threads: the last two are a tie


def made(folder: Path) -> dict[str, Path]:
    """Each kind by its name."""
    found = {
        "whole": signed(folder / "whole"),
        "other": signed(folder / "other", "bob", replace(REAL, rate=150.0)),
        "another model": signed(folder / "model", "ann", replace(REAL, model="another-3b", engine="vllm", rate=20.0)),
        "synthetic": signed(folder / "synthetic", "ann", Setup()),
        "false": edited(signed(folder / "false"), faster),
        "unsigned": unsigned(signed(folder / "unsigned")),
        "failed": written(folder / "failed", envelope_of(world(str(folder / "registry")), "ann"), EMPTY),
        "curves": edited(signed(folder / "curves"), _with_curves),
    }
    for threads, rate in RATES.items():
        place = signed(folder / f"threads-{threads}", "ann", replace(REAL, rate=rate, scatter=0.01))
        found[f"threads={threads}"] = resigned(edited(place, lambda one, n=threads: _asked(one, int(n))))
    return found


def unsigned(folder: Path) -> Path:
    """As it would be without keys."""
    edited(folder, lambda predicate: predicate.update(operator=None))
    (folder / "record.dsse.json").unlink()
    return folder


def _asked(predicate: Any, threads: int) -> None:
    predicate["runtime"]["options"]["threads"] = threads
    predicate["runtime"]["settings"]["threads"] = threads


def _with_curves(predicate: Any) -> None:
    """Workloads at three depths and at three concurrencies, whose numbers nothing shows: the record is false, and says so."""
    workload, result = predicate["workloads"][0], predicate["results"][0]
    for x in (0, 1024, 4096):
        _add(predicate, workload, result, f"tg16@d{x}", 1 - x / 8192)
    for n in (1, 2, 8):
        _add(predicate, {**workload, "concurrency": n}, result, f"batch-{n}", n**0.5)


def _add(predicate: Any, workload: Any, result: Any, name: str, factor: float) -> None:
    predicate["workloads"].append({**workload, "id": name})
    own = deepcopy(result) | {"workload": name}
    rate = next(one for one in own["metrics"] if one["metric"] == "decode_rate")
    for field in ("point", "low", "high"):
        rate["estimate"][field] = round(rate["estimate"][field] * factor)
    own["metrics"].append({**deepcopy(rate), "metric": "throughput"})
    predicate["results"].append(own)
