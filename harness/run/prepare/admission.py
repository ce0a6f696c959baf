"""Whether a run may go on with the engine that its worker describes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from harness.device_kinds import of_facts
from harness.errors import BadInput
from harness.run.evidence import Prepared
from harness.run.prepare import gate
from harness.run.prepare.backend import refuse_other_devices, wants_gpu
from harness.run.prepare.environments import Installed, recipe_of
from harness.worker.frames import Frame
from runtimes.interface import Runtime


def admit(frame: Frame, prepared: Prepared) -> None:
    """What the worker says of itself before its first trial: nothing that names anybody, and the device that was asked for."""
    gate.admit(frame, prepared.suite)
    if frame.kind == "hello" and prepared.engine.installed is not None:
        refuse_other_release(prepared.engine.installed, frame.header["packages"])
    if frame.kind == "loaded":
        choice = prepared.engine.choice
        asked = wants_gpu(choice.backend, prepared.given)
        # A build that computes where its option says is held to that by the engine's adapter, which names the device.
        if not choice.by_option:
            refuse_other_devices(choice.backend, asked, of_facts(frame.header["facts"]))
        refuse_other_adapter(prepared.adapter, frame.header["capabilities"])


def refuse_other_release(installed: Installed, packages: Mapping[str, str]) -> None:
    """Raises `BadInput` where an environment that was made for a release holds another by now, as its worker tells."""
    if not installed.release:
        return
    package = recipe_of(installed.runtime).distribution(installed.backend)
    told = {re.sub(r"[-_.]+", "-", name).lower(): text.split(" ")[0] for name, text in packages.items()}
    found = told.get(package, "none")
    if found.partition("+")[0] != installed.release:
        raise BadInput(
            f"the environment was made for {package} {installed.release} and holds {found}",
            where=f"--runtime {installed.runtime}@{installed.release}",
            fix=f"run: repro runtime remove {installed.runtime}@{installed.release}",
            code="another engine",
        )


def refuse_other_adapter(adapter: Runtime, told: Mapping[str, Any]) -> None:
    """Raises `BadInput` where the worker holds another version of the adapter: a simulation, for one, not a runtime."""
    ours = asdict(adapter.capabilities)
    differs = sorted(name for name in {*ours, *told} if ours.get(name) != told.get(name))
    if differs:
        raise BadInput(
            f"the adapter in the engine's environment declares another {differs[0]} than the one beside repro",
            where=f"--runtime {adapter.name}",
            fix="install the same version of its package in both",
            code="another adapter",
        )
