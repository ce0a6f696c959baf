"""What a registry survives: each file operation fails once, the program is killed anywhere, records were tampered with."""

from __future__ import annotations

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the tests are no package of the distribution

from harness.demo.records import Setup, person, sealed  # noqa: E402
from harness.errors import ReproError  # noqa: E402
from harness.registry.intake.ingest import checked  # noqa: E402
from tests.support.mutations import MUTATORS, bomb, mutated  # noqa: E402


def faults(step: int, kills: int) -> list[str]:
    """What the tests of tests/unit/registry/test_reliability.py tell, with every fault and that many kills."""
    with tempfile.TemporaryDirectory() as folder:
        told = Path(folder) / "told"
        environment = os.environ | {"REPRO_FAULT_STEP": str(step), "REPRO_KILLS": str(kills), "REPRO_TOLD": str(told)}
        tests = [sys.executable, "-m", "pytest", "-q", "-n", "2", "tests/unit/registry/test_reliability.py"]
        subprocess.run(tests, cwd=ROOT, env=environment, check=True)
        return told.read_text().splitlines()


def mutations(count: int) -> str:
    """How many changed records were refused, and in what time."""
    who = person("ann")
    data, samples = sealed(who, Setup())
    spans, accepted, other = [], 0, 0
    for name in MUTATORS:
        draw = random.Random(f"{name} 2")
        for _ in range(count // len(MUTATORS)):
            changed = mutated(name, data, samples, who, draw)
            if changed == (data, samples):
                continue
            began = time.perf_counter()
            try:
                checked(*changed, "here")
                accepted += 1
            except ReproError:
                pass
            except Exception:
                other += 1
            spans.append(time.perf_counter() - began)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    packed = bomb(who)
    made = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # making it takes the gigabyte that reading must not
    began = time.perf_counter()
    try:
        checked(*packed, "here")
        accepted += 1
    except ReproError:
        pass
    took = time.perf_counter() - began
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - made
    times = np.array(spans) * 1e3
    return (
        f"{len(spans):,} changed records of {len(MUTATORS)} kinds: {accepted} accepted, {other} broke the reader; refused in "
        f"{np.median(times):.1f} ms (median), {np.quantile(times, 0.99):.1f} ms (99 %), {times.max():.0f} ms (worst). Samples of "
        f"{len(packed[1]):,} bytes that unpack to 960 MB: refused in {took * 1e3:.0f} ms with {grown / 1024:.0f} MiB more memory "
        f"(peak before: {before / 1024:.0f} MiB)."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--step", type=int, default=1, help="only every so manieth operation fails")
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--mutations", type=int, default=12_000)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = faults(options.step, options.kills)
    changed = mutations(options.mutations)
    arguments = " ".join(sys.argv[1:])
    numbers = ", ".join(str(1 + k * options.step) for k in range(3))
    page = f"""# Reliability

Made by `python benchmarks/reliability.py {arguments}`.
{machine.line()}.

**Faults.** A library between the program and the kernel fails the Nth file operation below the registry's folder with a full
disk, a bad disk or SIGKILL, N = {numbers} … until a run is not reached (`tests/doubles/faults.c`). After each: the old state
or the new, an audit without a fault, and nothing lost that was acknowledged. A kill keeps what the kernel had taken; it
cannot show a missing fsync.

{chr(10).join(f"- {line}" for line in sorted(lines))}

**Changed records.** {changed}
"""
    if options.out:
        options.out.write_text(page)
    print(page)


if __name__ == "__main__":
    main()
