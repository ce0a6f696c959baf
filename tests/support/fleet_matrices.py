"""The matrix that tests and benchmarks of fleets measure: a tiny model on the simulated runtime, a few steps, one class of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SMALL = Path(__file__).parents[1] / "data" / "small-v1.toml"
# A virtual machine that others share, and a test that runs beside others.
TOLERATED = ("other load", "memory", "disk", "build tools")


def text(
    model: Path, steps: Sequence[int], *, suite: object = SMALL, processes: int = 1, machine: str = "", pair: str = ""
) -> str:
    """Each of `steps`, in µs a token, is a configuration; `machine` and `pair` are more lines of those tables."""
    tolerated = ", ".join(f'"{name}"' for name in TOLERATED)
    grid = f"""
[grid]
models = ["{model}"]
runtimes = ["simulated"]
suites = ["{suite}"]
processes = {processes}
[grid.options]
prefill_us = 1
step_us = {list(steps)}
"""
    sides = f"""
[[pairs]]
name = "steps"
model = "{model}"
runtime = "simulated"
suite = "{suite}"
options = {{ prefill_us = 1 }}
{pair}
"""
    return f"""name = "three"
{grid if steps else ""}{sides if pair else ""}
[[machines]]
name = "all"
tolerate = [{tolerated}]
{machine}
"""
