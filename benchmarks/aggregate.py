"""A million stamps into every metric: seconds and peak memory. The bar is 1 s and 300 MB."""

from __future__ import annotations

import resource
import time

import machine
import numpy as np

from harness.measure.aggregate import summarise
from harness.measure.trial import Mode, Purpose, Trial


def main() -> None:
    random = np.random.default_rng(1)
    trials = [
        Trial(
            process=process,
            order=order,
            workload="w",
            purpose=Purpose.TIMED,
            mode=Mode.GREEDY,
            prompt_tokens=16,
            output_tokens=256,
            start_ns=0,
            token_ns=np.cumsum(random.integers(9_000_000, 11_000_000, 256)),
            step_ns=random.integers(8_000_000, 9_000_000, 256),
        )
        for process in range(8)
        for order in range(489)
    ]
    stamps = sum(trial.token_ns.size for trial in trials)
    began = time.perf_counter()
    summarise("w", trials)
    took = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"# Aggregating\n\nMade by `python benchmarks/aggregate.py`. {machine.line()}.\n")
    print(
        f"{stamps:,} token stamps (and as many step stamps): {took:.2f} s, peak memory of the program {peak:.0f} MiB."
    )


if __name__ == "__main__":
    main()
