"""Our rates against llama-bench's: same machine, same shared libraries, same settings, neighbours in time compared.

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
from rig import MODEL, Rig, ready

from harness.measure.metrics import measure_trial
from harness.measure.workload import WorkloadPlan
from harness.run.prepare import environments, lock_file

PROMPT, OUTPUT = 512, 128
# Neighbours in time are compared, in turn before and after each other; both tests of ours stand next to its one tg.
ORDER = (
    (("ours", "pp"), ("its", "pp"), ("ours", "tg"), ("its", "tg"), ("ours", "greedy")),
    (("its", "pp"), ("ours", "pp"), ("ours", "greedy"), ("its", "tg"), ("ours", "tg")),
)
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
    block = dict(lock_file.blocks(place.lock_text))["llama-cpp-python"]
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


def peer(program: Path, libraries: Path, model: Path, threads: int, trials: int, test: str) -> float:
    """One llama-bench process of one test: the median of its repetitions, tokens/s."""
    sizes = {"pp": ["-p", str(PROMPT), "-n", "0"], "tg": ["-p", "0", "-n", str(OUTPUT)]}[test]
    command = [str(program), "-m", str(model), *sizes, "-t", str(threads)]
    command += ["-b", "2048", "-ub", "512", "-fa", "1", "-ngl", "0", "-r", str(trials), "-o", "json"]
    environment = os.environ | {"LD_LIBRARY_PATH": str(libraries)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return statistics.median(json.loads(done.stdout)[0]["samples_ts"])


def ours(rig: Rig, threads: int, trials: int, test: str) -> float:
    """One of our processes with one workload of the same shape, in the context that llama-bench would make."""
    ids = tuple((7919 * i) % 200_000 + 10 for i in range(PROMPT))
    workload = {
        "pp": WorkloadPlan("pp", "forced", (2, *ids[1:]), 0),
        "tg": WorkloadPlan("tg", "forced", (), OUTPUT, (2, *ids[1:OUTPUT])),
        "greedy": WorkloadPlan("greedy", "greedy", (2, ids[0]), OUTPUT),
    }[test]
    context = len(workload.prompt) + workload.output_tokens
    options = {"threads": threads, "context": context, "flash_attn": "on", "gpu_layers": 0}
    measured = [measure_trial(trial) for trial in rig.timed(workload, options, trials)]
    rates = [one.prefill_rate if test == "pp" else one.decode_rate for one in measured]
    return statistics.median(rate for rate in rates if rate is not None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12)
    parser.add_argument("--trials", type=int, default=5, help="repetitions in each process, of both")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()

    rig = ready()
    program = build_peer(rig.cache, rig.place)
    libraries = next(rig.place.folder.glob("lib/python3*/site-packages/llama_cpp/lib"))
    a: list[dict[str, float]] = []
    b: list[dict[str, float]] = []
    for index in range(chosen.pairs):
        mine: dict[str, float] = {}
        its: dict[str, float] = {}
        for who, test in ORDER[index % 2]:
            if who == "ours":
                mine[test] = ours(rig, chosen.threads, chosen.trials, test)
            else:
                its[test] = peer(program, libraries, rig.model, chosen.threads, chosen.trials, test)
        a.append(mine)
        b.append(its)
        print(f"pair {index + 1}/{chosen.pairs}: ours {mine}, llama-bench {its}", file=sys.stderr)
    page = report(a, b, chosen)
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


def report(a: list[dict[str, float]], b: list[dict[str, float]], chosen: argparse.Namespace) -> str:
    """The page, with each bar and whether it is met."""
    rows = (
        ("decode, forced (tg128@d0)", "tg", "tg", 0.99, 1.02),
        ("prefill, forced (pp512@d0)", "pp", "pp", 0.99, 1.02),
        ("greedy decode, choice included, against tg128", "greedy", "tg", 0.98, None),
    )
    lines = [
        "# Parity with llama-bench",
        "",
        f"Made by `python benchmarks/parity_llama_cpp.py --pairs {chosen.pairs} --trials {chosen.trials}`.",
        f"{machine.line()}.",
        f"Model {MODEL}, {chosen.threads} threads, batch 2048, ubatch 512, flash attention on, KV f16, the same shared",
        "libraries for both. One process a test, neighbours in time compared; a process counts with its median.",
        "",
        "| what | ours / llama-bench [95 % interval] | bar | met | our CV | its CV | our CV / its CV [95 % interval] |",
        "|---|---|---|---|---|---|---|",
    ]
    for title, left, right, low, high in rows:
        ours_, its = [one[left] for one in a], [one[right] for one in b]
        found = pairs.ratio(ours_, its)
        bar = f"point ≥ {low}" if high is None else f"interval touches [{low}, {high}]"
        met = found.point >= low if high is None else found.touches(low, high)
        spread = f"{pairs.cv(ours_):.2%} | {pairs.cv(its):.2%} | {pairs.cv_ratio(ours_, its)}"
        lines.append(f"| {title} | {found} | {bar} | {'yes' if met else 'NO'} | {spread} |")
    lines += [
        "",
        "The bar for our run-to-run CV is that it be no larger than its; with this many pairs the ratio of two CVs is only known",
        "within the interval shown: below 1 throughout is met, above 1 throughout is missed, across 1 is not decided.",
    ]
    lines += ["", "Process medians, tokens/s:", "", "| pair | our tg | its tg | our pp | its pp | our greedy |"]
    lines += ["|---|---|---|---|---|---|"]
    for index, (x, y) in enumerate(zip(a, b, strict=True)):
        cells = (x["tg"], y["tg"], x["pp"], y["pp"], x["greedy"])
        lines.append(f"| {index + 1} | " + " | ".join(f"{cell:.2f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
