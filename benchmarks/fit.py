"""The estimate of `repro fit` against what llama.cpp itself allocates: the catalogue's models, and made headers of large ones."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import machine

from harness import paths
from harness.capture.source import this_machine
from harness.catalog import fetch, model_folder, models
from harness.fit.engine import Asked
from harness.fit.engines import engine_of
from harness.progress import SILENT
from harness.run.bench import interpreter_for
from harness.run.prepare.memory_need import features_of

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the tests are no package of the distribution

from tests.support import real_shapes  # noqa: E402

PROBE = ROOT / "tests" / "support" / "engine_buffers.py"
MODELS = ("gemma-3-270m-q4_k_m", "smollm2-135m-instruct-q4_1")
CASES: tuple[dict[str, Any], ...] = (
    {"ctx": 512}, {"ctx": 4096}, {"ctx": 8192}, {"ctx": 4096, "ubatch": 64}, {"ctx": 4096, "ubatch": 2048},
    {"ctx": 4096, "kind": "q8_0"}, {"ctx": 8192, "kind": "q4_0"}, {"ctx": 4096, "flash": 0}, {"ctx": 8192, "flash": 0},
    {"ctx": 4096, "swa_full": True}, {"ctx": 4096, "repack": False}, {"ctx": 4096, "load_mode": 0},
)  # fmt: skip
MADE_CASES: tuple[dict[str, Any], ...] = (
    {"ctx": 4096}, {"ctx": 32768}, {"ctx": 32768, "flash": 0}, {"ctx": 4096, "ubatch": 64}, {"ctx": 131072, "kind": "q8_0"},
)  # fmt: skip
BAR = 0.05
Sizes = Mapping[str, int]


def estimated(path: Path, case: Mapping[str, Any]) -> Sizes:
    """Ours, by the same words."""
    kind = str(case.get("kind", "f16"))
    options = {
        "ubatch": case.get("ubatch", 512), "type_k": kind, "type_v": kind, "swa_full": bool(case.get("swa_full")),
        "flash_attn": "off" if case.get("flash") == 0 else "auto", "repack": case.get("repack", True),
        "load_mode": "none" if case.get("load_mode") == 0 else "auto",
    }  # fmt: skip
    engine = engine_of(Asked("llama.cpp", model_folder.header(path), options, features=features_of(this_machine())))
    assert engine is not None
    found: dict[str, int] = {}
    for part in engine.need(int(case["ctx"]), None).parts:
        key = "caches" if part.kind.startswith(("KV cache", "recurrent")) else part.kind
        found[key] = found.get(key, 0) + (part.size_bytes or 0)
    return found


def measured(python: Path, asked: Sequence[Mapping[str, Any]]) -> list[Sizes]:
    """The engine's own, in a process of its own."""
    lines = "".join(json.dumps(one) + "\n" for one in asked)
    done = subprocess.run([str(python), str(PROBE)], input=lines, capture_output=True, text=True, check=True)
    found: list[Sizes] = [json.loads(line) for line in done.stdout.splitlines()]
    return found


def error(ours: Sizes, theirs: Sizes, names: Sequence[str] | None = None) -> float:
    """Of the sum, or of the parts named."""
    kept = names or sorted({*ours, *theirs})
    whole = sum(theirs.get(name, 0) for name in kept)
    return sum(ours.get(name, 0) for name in kept) / whole - 1 if whole else 0.0


def row(title: str, case: Mapping[str, Any], ours: Sizes, theirs: Sizes, whole: Sizes) -> str:
    """One line of the table, MiB as ours / the engine's; `whole` is what the error is taken of."""
    said = ", ".join(f"{name} {value}" for name, value in case.items() if name != "ctx") or "–"
    names = ("weights", "rearranged weights", "caches", "compute buffer")
    cells = [f"{_mib(ours, name, 0)} / {_mib(theirs, name, None if name == 'weights' else 0)}" for name in names]
    return f"| {title} | {case['ctx']:,} | {said} | {' | '.join(cells)} | {100 * error(ours, whole):+.2f} % |"


def _mib(sizes: Sizes, name: str, missing: int | None) -> str:
    size = sizes.get(name, missing)
    return "–" if size is None else f"{size / 2**20:,.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    python = interpreter_for("llama.cpp", paths.cache(), SILENT).python
    rows, worst = [], {"models": 0.0, "made": 0.0, "caches": 0.0}
    for name in MODELS:
        path = fetch.fetch(models.load(name), paths.cache(), SILENT)
        for case, theirs in zip(CASES, measured(python, [{"path": str(path), **case} for case in CASES]), strict=True):
            ours = estimated(path, case)
            rows.append(row(name, case, ours, theirs, theirs))
            worst["models"] = max(worst["models"], abs(error(ours, theirs)))
            worst["caches"] = max(worst["caches"], abs(error(ours, theirs, ["caches"])))
    with tempfile.TemporaryDirectory() as folder:
        for name, make in real_shapes.SHAPES.items():
            path = real_shapes.write(Path(folder) / f"{name}.gguf", make())
            asked = [{"path": str(path), "no_alloc": True, **case} for case in MADE_CASES]
            for case, theirs in zip(MADE_CASES, measured(python, asked), strict=True):
                ours = estimated(path, {**case, "repack": False})
                whole = {**theirs, "weights": ours["weights"]}  # a dry run loads none
                rows.append(row(name, case, ours, theirs, whole))
                worst["made"] = max(worst["made"], abs(error(ours, whole)))
    text = page(rows, worst)
    if given.out:
        given.out.write_text(text)
    print(text)


def page(rows: Sequence[str], worst: Mapping[str, float]) -> str:
    """The Markdown page."""
    met = {name: "yes" if value <= BAR else "no" for name, value in worst.items()}
    return "\n".join(
        [
            "# The estimate of memory", "",
            "Made by `python benchmarks/fit.py`.", machine.line() + ".",
            "`repro fit` against the buffers that llama.cpp logs while it loads (pinned release, processor alone). The last rows",
            "are headers with the shapes of published models and no weights, which the engine reads in its own dry run",
            "(`no_alloc`): their weights are not compared, they only stand in the sum.", "",
            "| what | largest error | bar | met |", "|---|---|---|---|",
            f"| both models of the catalogue, together | {100 * worst['models']:.2f} % | ≤ 5 % | {met['models']} |",
            f"| their caches | {100 * worst['caches']:.2f} % | ≤ 5 % | {met['caches']} |",
            f"| made headers, together | {100 * worst['made']:.2f} % | ≤ 5 % | {met['made']} |", "",
            "Sizes in MiB, ours / the engine's. A GPU's buffers were not measured: no GPU was here.", "",
            "| model | context | settings | weights | rearranged | caches | compute buffer | error of the sum |",
            "|---|---|---|---|---|---|---|---|", *rows, "",
        ]
    )  # fmt: skip


if __name__ == "__main__":
    main()
