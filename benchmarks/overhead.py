"""What measuring costs: a stamp, the share of stamps in the timed region, and the way from the command to the first trial.

Reads the newest llama.cpp record under results/ for the shares, and starts `repro bench` anew for the way to the first trial.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine

from harness.measure.stopwatch import self_test
from harness.record.samples import decode
from harness.record.store import find
from harness.run.conclude.findings import Instrument
from harness.run.execute.collect import collect
from harness.verify.trials import trials_of
from harness.worker.frames import Decoder


def first_trial() -> tuple[float, float]:
    """Seconds from the start of `repro bench` to its first trial's start, and the load time that is part of it."""
    program = [
        sys.executable,
        "-c",
        "from harness.cli import main; main()",
        "bench",
        "--suite",
        "quick",
        "--processes",
        "1",
    ]
    with tempfile.TemporaryDirectory() as folder:
        began = time.monotonic()
        child = subprocess.Popen([*program, "--results", folder], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while True:
                for path in Path(folder).glob(".partial/*/process-000.frames"):
                    frames = list(Decoder().feed(path.read_bytes()))
                    log = collect(0, frames)
                    if log.trials:
                        arrived = time.monotonic() - began
                        trial = log.trials[0]
                        return arrived - int(trial.token_ns[-1]) / 1e9, log.load_ns / 1e9
                time.sleep(0.02)
        finally:
            child.kill()
            child.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    ways = sorted(first_trial() for _ in range(chosen.runs))
    stamps = [self_test().stamp_cost_ps / 1000 for _ in range(chosen.runs)]
    stored = max(
        (s for s in find([Path("results")]) if s.record.runtime.name == "llama.cpp"),
        key=lambda s: s.record.run.started_utc,
    )
    record = stored.record
    trials = trials_of(decode(stored.samples(), record.samples.sha256, "samples"), "samples")
    stamping = Instrument.share_of({p.index: p.stamp_cost_ps for p in record.processes}, trials)
    forced = [t for t in trials if t.valid and t.purpose == "timed" and t.mode == "forced" and t.prompt_tokens == 0]
    span = sum(int(trial.token_ns[-1]) for trial in forced)
    ours = (span - sum(trial.engine["decode_ns"] for trial in forced)) / span
    middle = ways[len(ways) // 2]
    suite = f"{record.suite.name}-v{record.suite.version}"
    page = f"""# What measuring costs

Made by `python benchmarks/overhead.py --runs {chosen.runs}` after `make bench`. {machine.line()}.

| what | figure | bar |
|---|---|---|
| one stamp | {sorted(stamps)[len(stamps) // 2]:.0f} ns (median of {len(stamps)}) | ≤ 1 µs |
| share of stamping in the decode time ({suite}, greedy) | {stamping / 1e4:.4f} % | ≤ 0.5 % |
| all that is not the engine's own decode time: loop, calls, stamps ({suite}, forced) | {ours:.3%} | ≤ 0.5 % |
| from the command to the first trial | {middle[0]:.2f} s, of which loading the model {middle[1]:.2f} s | load + 2 s |

The last row ends where the first warm-up trial begins; the first *timed* trial comes after two or more warm-up trials of
every workload, which are part of the measurement and not of its overhead.
"""
    print(page)
    if chosen.out:
        chosen.out.write_text(page)


if __name__ == "__main__":
    main()
