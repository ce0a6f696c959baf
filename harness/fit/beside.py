"""A model and those that run beside it, such as a draft: one need, whose parts say which model they are of. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from harness.fit.engine import Engine
from harness.fit.need import Need

DRAFT = "of the draft"


def together(engine: Engine, drafts: Sequence[Engine]) -> Engine:
    """The model's estimator with the drafts' parts in each need: they lie where it does, each whole, at the same context."""
    if not drafts:
        return engine

    def need(context: int, device_layers: int | None) -> Need:
        found = engine.need(context, device_layers)
        parts = [part for draft in drafts for part in draft.need(context, draft.asked_layers).parts]
        return replace(found, parts=found.parts + tuple(replace(part, kind=f"{part.kind} {DRAFT}") for part in parts))

    return replace(engine, need=need)
