"""What a hunt was asked, as it is kept on disk: the candidates in their order, the work, the metric, the rule."""

from __future__ import annotations

import json
import re
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness.catalog.suites import Loaded
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.hunt.halving import alpha_of
from harness.measure.metrics import METRICS, Metric
from harness.measure.pair_looks import PairLooks, looks_until

PAIRS = 24  # at most, of each comparison


class Kind(StrEnum):
    """What a candidate is."""

    RELEASE = "release"
    INTERPRETER = "interpreter"
    WHEEL = "wheel"


class Candidate(Part):
    """One build of the engine: `name` as it is shown, `place` the release, or the absolute path of interpreter or wheel."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    kind: Annotated[Kind, Field(strict=False)] = Kind.RELEASE
    place: str
    sha256: str = ""  # of a wheel, when the file was read


class Question(Part):
    """`candidates`: good first, bad last. `left_out`: releases between them that were not taken, each with its reason."""

    runtime: str
    candidates: tuple[Candidate, ...]
    left_out: tuple[str, ...] = ()
    model: str
    suite: str
    suite_sha256: str
    workload: str
    metric: str
    faster: bool = False  # the change that is looked for; false: slower
    band_percent: float
    settings: tuple[str, ...] = ()
    backend: str
    seed: int
    pairs: int = PAIRS

    @property
    def orientation(self) -> int:
        """The power of the metric that gets smaller by the change that is looked for: 1 or −1."""
        higher = METRICS[Metric(self.metric)].higher_is_better
        return 1 if higher != self.faster else -1

    @property
    def looks(self) -> PairLooks:
        """The rule of each comparison."""
        alpha = alpha_of(len(self.candidates))
        return PairLooks(self.band_percent / 100, alpha, looks_until(self.pairs))

    @property
    def key(self) -> str:
        """Names what was asked: the same words give the same hunt. What the index has between two releases is not asked."""
        asked = self.model_dump(mode="json", exclude={"candidates", "left_out"})
        listed = [one for one in self.candidates if one.kind is not Kind.RELEASE]
        places = [[one.name, one.place, one.sha256] for one in listed or (self.candidates[0], self.candidates[-1])]
        return sha256(json.dumps([asked, places], sort_keys=True).encode()).hexdigest()[:8]

    @property
    def folder_name(self) -> str:
        """Of the hunt's folder, ASCII."""
        ends = [slug(self.candidates[0].name), slug(self.candidates[-1].name)]
        return f"bisect-{slug(self.runtime)}-{'-'.join(ends)}-{self.key}"


def slug(name: str) -> str:
    """A name as a part of a folder's name: at most 40 characters, none of them with a meaning to a file system."""
    return re.sub(r"[^A-Za-z0-9.+]+", "_", name).strip("._")[:40] or "x"


def workload_of(suite: Loaded, metric: str, named: str | None) -> str:
    """The workload whose metric counts: as named; for the prefill rate the longest prompt, otherwise the suite's headline.

    Raises `BadInput` for one that the suite does not have, or that has no such metric.
    """
    workloads = {one.id: one for one in suite.suite.workloads}
    if named is None:
        longest = max(suite.suite.workloads, key=lambda one: (one.prompt_tokens or 0, one.id))
        named = longest.id if metric == "prefill_rate" else suite.suite.headline
    if named not in workloads:
        raise BadInput(
            f"{suite.label} has no workload {named!r}", where="--workload", fix=f"take one of {', '.join(workloads)}"
        )
    chosen = workloads[named]
    if not (chosen.output_tokens > 1 if metric == "decode_rate" else chosen.has_prompt):
        raise BadInput(f"{named} of {suite.label} has no {metric}", where="--metric", fix="name another --workload")
    return named


def refuse_unfit(band_percent: float, pairs: int) -> None:
    """Raises `BadInput` for a band or a number of pairs that make no sense."""
    if not 0.1 <= band_percent <= 49:  # NaN fails, too
        raise BadInput(
            f"{band_percent:g} must be per cent from 0.1 to 49", where="--band", fix="give per cent, such as 3"
        )
    looks_until(pairs)


def path_of(candidate: Candidate) -> Path:
    """Of an interpreter or a wheel."""
    return Path(candidate.place)
