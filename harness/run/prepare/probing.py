"""Asks an environment, once it is made, which release it holds and whether the adapter can drive it."""

from __future__ import annotations

import json
import subprocess

from harness.errors import BadInput, one_line
from harness.run.execute import bundle
from harness.run.prepare.environments import Place

_MARK = "repro-probe "
# Runs in the environment, with the worker's bundle: an engine may print what it likes while it is imported.
_PROBE = f"""
import importlib.metadata, json, sys
sys.path.append(sys.argv[1])
from runtimes.table import find
adapter = find(sys.argv[2])
try:
    fault = adapter.probe() if adapter.capabilities.probes else ""
except Exception as error:
    fault = f"{{type(error).__name__}}: {{error}}"
print("\\n" + {_MARK!r} + json.dumps([importlib.metadata.version(sys.argv[3]), str(fault)]))
"""


def probed(where: Place) -> str:
    """The version of the engine's distribution, as the environment says it. Raises `BadInput` where it is another than was asked
    for, or the adapter can't drive it.
    """
    package = where.recipe.distribution(where.backend)
    worker, _ = bundle.make(where.cache)
    command = [str(where.python), "-I", "-c", _PROBE, str(worker), where.runtime, package]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    told = [line.removeprefix(_MARK) for line in done.stdout.splitlines() if line.startswith(_MARK)]
    last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    version, fault = json.loads(told[-1]) if told else ("", f"its probe ended with status {done.returncode} ({last})")
    if version and version.partition("+")[0] != where.release:
        fault = f"the environment holds {version}"
    if fault:
        raise BadInput(
            f"{package} {where.release} can't be driven by this adapter: {one_line(fault, 200)}",
            where=f"--runtime {where.asked}",
            fix=f"take another: repro runtime list {where.runtime} --available",
            code="another engine",
        )
    return str(version)
