"""What a worker is told to do, whole, before it starts: one line of JSON on its standard input."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from harness.measure.workload import WorkloadPlan


@dataclass(frozen=True, slots=True)
class Prompt:
    """A text, and the ids that the reference tokenizer makes of exactly this text."""

    text: str
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """One worker process: it turns `texts` into ids, or measures `workloads`, fills the folder
    `convert_to`, tries what every adapter must hold, or tells what the engine is.
    """

    runtime: str
    model_path: str
    model_format: str
    options: Mapping[str, Any]
    process: int = 0
    seed: int = 0
    warmup_trials: int = 2
    warmup_limit_s: int = 30
    timed_trials: int = 3
    workloads: tuple[WorkloadPlan, ...] = ()
    probe: tuple[int, ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    lengths: Mapping[str, int | None] = field(default_factory=dict)  # how many ids are kept of each; None: all
    reference: tuple[Prompt, ...] = ()  # what the engine's own ids must equal before anything is timed
    convert_to: str = ""
    conformance: bool = False
    describe: bool = False

    def to_json(self) -> str:
        """For the worker's standard input."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        """The reverse of `to_json`."""
        data = json.loads(text)
        workloads = tuple(
            WorkloadPlan(
                id=item["id"],
                mode=item["mode"],
                prompt=tuple(item["prompt"]),
                output_tokens=item["output_tokens"],
                forced=None if item["forced"] is None else tuple(item["forced"]),
                distinct=tuple(item["distinct"]),
                concurrency=item["concurrency"],
                history=tuple(item["history"]),
            )
            for item in data.pop("workloads")
        )
        reference = tuple(Prompt(item["text"], tuple(item["ids"])) for item in data.pop("reference"))
        return cls(**{**data, "probe": tuple(data["probe"])}, workloads=workloads, reference=reference)
