"""Our rates against llama-bench's: same machine, same shared libraries, same settings, interleaved A B B A.

llama-bench is built once from the very sdist of the pinned llama-cpp-python, and run on the shared libraries of the
environment that we measure in, so that both execute the same machine code.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
from pathlib import Path

import machine
import pairs

from harness.catalog import fetch, models, paths
from harness.measure.metrics import measure_trial
from harness.measure.trial import Purpose
from harness.run import bundle, environments
from harness.run.bench import backend_of
from harness.run.collect import collect
from harness.run.launcher import Deadlines, Interpreter, run_worker
from harness.worker.frames import Frame
from harness.worker.plan import Plan, WorkloadPlan
from runtimes.recipes import RECIPES

MODEL = "gemma-3-270m-q4_k_m"
PROMPT, OUTPUT = 512, 128
CMAKE = "-DCMAKE_BUILD_TYPE=Release -DBUILD_SHARED_LIBS=ON -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF".split()
CMAKE += "-DLLAMA_BUILD_SERVER=OFF -DLLAMA_BUILD_TOOLS=ON -DLLAMA_CURL=OFF".split()


def build_peer(cache: Path, place: environments.Place) -> Path:
    """llama-bench from the locked sdist; four minutes, once."""
    folder = cache / "peers" / f"llama-bench-{place.folder.name}"
    program = folder / "build" / "bin" / "llama-bench"
    if program.exists():
        return program
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    block = dict(environments._blocks(RECIPES["llama.cpp"].lock_text))["llama-cpp-python"]
    (folder / "wish.txt").write_text(block)
    print("fetching the sdist", file=sys.stderr)
    pip = [str(place.python), "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    pip += ["--no-binary", "llama-cpp-python", "--dest", str(folder), "-r", str(folder / "wish.txt")]
    subprocess.run(pip, check=True)
    with tarfile.open(next(folder.glob("*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    source = next(folder.glob("llama_cpp_python-*")) / "vendor" / "llama.cpp"
    print("building llama-bench", file=sys.stderr)
    with (folder / "build.log").open("w") as log:
        for step in (["-S", str(source), "-B", str(folder / "build"), *CMAKE], ["--build", str(folder / "build")]):
            extra = ["--target", "llama-bench", "-j2"] if step[0] == "--build" else []
            subprocess.run(["cmake", *step, *extra], check=True, stdout=log, stderr=log)
    return program


def peer(program: Path, libraries: Path, model: Path, threads: int, trials: int) -> dict[str, float]:
    """One llama-bench process: the median of its repetitions."""
    command = [str(program), "-m", str(model), "-p", str(PROMPT), "-n", str(OUTPUT), "-t", str(threads)]
    command += ["-b", "2048", "-ub", "512", "-fa", "1", "-ngl", "0", "-r", str(trials), "-o", "json"]
    environment = os.environ | {"LD_LIBRARY_PATH": str(libraries)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    rows = json.loads(done.stdout)
    return {"pp" if row["n_prompt"] else "tg": statistics.median(row["samples_ts"]) for row in rows}


def ours(interpreter: Interpreter, model: Path, threads: int, trials: int, seed: int) -> dict[str, float]:
    """One of our processes, with the same shapes forced, and a greedy decode beside them."""
    ids = tuple((7919 * i + seed) % 200_000 + 10 for i in range(PROMPT))
    workloads = (
        WorkloadPlan("pp", "forced", (2, *ids[1:]), 0),
        WorkloadPlan("tg", "forced", (), OUTPUT, (2, *ids[1:OUTPUT])),
        WorkloadPlan("greedy", "greedy", (2, ids[0]), OUTPUT),
    )
    options = {"threads": threads, "context": 768, "flash_attn": "on", "gpu_layers": 0}
    plan = Plan("llama.cpp", str(model), "gguf", options, seed=seed, timed_trials=trials, workloads=workloads)
    frames: list[Frame] = []
    ended = run_worker(interpreter, plan, Deadlines(), frames.append)
    if ended.error is not None:
        raise ended.error
    found: dict[str, list[float]] = {"pp": [], "tg": [], "greedy": []}
    for trial in collect(0, frames).trials:
        if trial.purpose is Purpose.TIMED:
            measured = measure_trial(trial)
            rate = measured.prefill_rate if trial.workload == "pp" else measured.decode_rate
            assert rate is not None
            found[trial.workload].append(rate)
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--trials", type=int, default=5, help="repetitions in each process, of both")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()

    cache = paths.cache()
    place = environments.place(cache, "llama.cpp", backend_of("llama.cpp", "cpu"))
    environments.install(place, lambda text, done, total: print(text, done, total, file=sys.stderr))
    model = fetch.fetch(models.load(MODEL), cache, lambda *_: None)
    program = build_peer(cache, place)
    libraries = next(place.folder.glob("lib/python3*/site-packages/llama_cpp/lib"))
    folder, _ = bundle.make(cache)
    interpreter = Interpreter(place.python, folder, cache / "worker-home")
    a: list[dict[str, float]] = []
    b: list[dict[str, float]] = []
    for index in range(chosen.pairs):
        # A B, then B A: what grows slowly meets both alike.
        for who in "AB" if index % 2 == 0 else "BA":
            if who == "A":
                a.append(ours(interpreter, model, chosen.threads, chosen.trials, seed=index))
            else:
                b.append(peer(program, libraries, model, chosen.threads, chosen.trials))
        print(f"pair {index + 1}/{chosen.pairs}: ours {a[-1]}, llama-bench {b[-1]}", file=sys.stderr)
    page = report(a, b, chosen)
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


def report(a: list[dict[str, float]], b: list[dict[str, float]], chosen: argparse.Namespace) -> str:
    """The page, with each bar and whether it is met."""
    rows = (
        ("decode, forced (tg128@d0)", "tg", "tg", 0.99, 1.02),
        ("prefill, forced (pp512@d0)", "pp", "pp", 0.99, 1.02),
        ("greedy decode, choice included, against tg128", "greedy", "tg", 0.98, 9.0),
    )
    lines = [
        "# Parity with llama-bench",
        "",
        f"Made by `python benchmarks/parity_llama_cpp.py --pairs {chosen.pairs} --trials {chosen.trials}`.",
        f"{machine.line()}.",
        f"Model {MODEL}, {chosen.threads} threads, batch 2048, ubatch 512, flash attention on, KV f16, the same shared",
        "libraries for both. One pair = one process each, interleaved A B B A; a process counts with its median.",
        "",
        "| what | ours / llama-bench [95 % interval] | bar | met | our CV | its CV |",
        "|---|---|---|---|---|---|",
    ]
    for title, left, right, low, high in rows:
        ours_, its = [one[left] for one in a], [one[right] for one in b]
        found = pairs.ratio(ours_, its)
        bar = f"touches [{low}, {high}]" if high < 9 else f"≥ {low}"
        met = found.touches(low, high)
        lines.append(
            f"| {title} | {found} | {bar} | {'yes' if met else 'NO'} | {pairs.cv(ours_):.2%} | {pairs.cv(its):.2%} |"
        )
    lines += ["", "Process medians, tokens/s:", "", "| pair | our tg | its tg | our pp | its pp | our greedy |"]
    lines += ["|---|---|---|---|---|---|"]
    for index, (x, y) in enumerate(zip(a, b, strict=True)):
        cells = (x["tg"], y["tg"], x["pp"], y["pp"], x["greedy"])
        lines.append(f"| {index + 1} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
