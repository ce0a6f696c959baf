"""What a demonstration can't be made of, found out before its first run is measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.catalog import model_folder, models, suites
from harness.errors import BadInput
from harness.names import flaw
from harness.registry.exchange import files
from runtimes.releases import split
from runtimes.table import find


def refuse(folder: Path, model: str, runtimes: Sequence[str], suite: str) -> None:
    """Raises `BadInput` where minutes of measuring would end in a refusal: a folder that exists or can't be written, a runtime
    that is unknown or synthetic, an unknown suite, a model whose name no registry takes.
    """
    files.refuse_target(folder)
    for runtime in runtimes:
        if find(split(runtime).name).capabilities.synthetic:
            raise BadInput(
                "is synthetic, and a demonstration needs real runs",
                where=f"--runtime {runtime}",
                fix="name a real runtime, such as llama.cpp",
            )
    suites.load(suite)
    found = models.resolve(model)
    fault = flaw(model_folder.title(found)) if isinstance(found, Path) else None
    if fault is not None:
        raise BadInput(f"its name {fault}", where=model, fix="rename the model's file or folder")
