"""The matrix that tests and benchmarks of fleets measure: a tiny model on the simulated runtime, a few steps, one class of nodes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.catalog import matrices
from harness.fleet.plan import Node, Plan, make_plan

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


TWO = """
name = "fleet"
[grid]
models = ["m"]
runtimes = ["simulated"]
[grid.options]
step_us = [100, 200]
"""


def planned(folder: Path, executor: str, matrix: str = TWO) -> Plan:
    """A matrix on the nodes n1 and n2, by default of two configurations; its model is not there: for what runs nothing."""
    path = folder / "m.toml"
    path.write_text(matrix)
    return make_plan(matrices.read(path), [Node(name="n1"), Node(name="n2")], executor, "x")
