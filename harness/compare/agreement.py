"""Do two runs compute the same model? Greedy ids and the probe text's likelihood, side by side. Pure.

Greedy outputs of two correct engines may part where two tokens are nearly tied, and never meet again: the likelihood of a
fixed text, which no choice can lead astray, tells a tie from a wrong model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from harness import notebook
from harness.measure.plural import count
from harness.record import settings
from harness.record.schema import Record

SAME_WEIGHTS = 0.005  # |ΔNLL| of the probe, relative, for the same weights in another engine
CONVERTED = 0.02  # one is a conversion of the other: bf16 rounds what was quantised
# Keys and values are rounded anew for every token, which no choice of weights undoes. Our own choice, wider than what is known of
# large models (docs/agreement.md): small ones with few heads suffer more.
CACHE_8_BITS = 0.02
CACHE_FEWER_BITS = 0.05


class Agreement(StrEnum):
    """The verdict on a pair."""

    IDENTICAL = "identical"  # every greedy id
    PARTED = "parted"  # likelihoods agree, ids part somewhere: a numerical tie
    DIFFERENT = "different"  # the likelihoods say another model, or broken output
    UNKNOWN = "unknown"  # nothing that both hold


@dataclass(frozen=True, slots=True)
class WorkloadAgreement:
    """The first index at which the greedy ids differ; None: nowhere. `compared` ids stood side by side."""

    workload: str
    compared: int
    first_mismatch: int | None


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """A record against the reference; likelihoods in micronats a token."""

    verdict: Agreement
    text: str
    workloads: tuple[WorkloadAgreement, ...]
    probe_reference: int | None
    probe: int | None
    skipped: tuple[str, ...]  # workloads whose prompts are not the same ids

    def to_json(self) -> dict[str, Any]:
        """As JSON prints it."""
        return asdict(self)

    def _repr_html_(self) -> str:
        """For a notebook."""
        head = ("workload", "tokens compared", "first difference")
        rows = [
            (one.workload, f"{one.compared:,}", "none" if one.first_mismatch is None else f"{one.first_mismatch:,}")
            for one in self.workloads
        ]
        skipped = [f"not compared, other prompts: {', '.join(self.skipped)}"] if self.skipped else []
        return notebook.block(str(self.verdict), (), [self.text, *skipped], head, rows)


def first_mismatch(a: Sequence[int], b: Sequence[int]) -> int | None:
    """The first index at which they differ; the end of the shorter one where only the lengths do."""
    for index, (left, right) in enumerate(zip(a, b, strict=False)):
        if left != right:
            return index
    return None if len(a) == len(b) else min(len(a), len(b))


def agree(reference: Record, record: Record) -> PairAgreement:
    """The verdict in words, with where the outputs part."""
    theirs = {w.id: w for w in reference.workloads}
    outputs = {r.workload: r.output_ids for r in reference.results}
    found, skipped = [], []
    for workload in record.workloads:
        other = theirs.get(workload.id)
        own = next(r.output_ids for r in record.results if r.workload == workload.id)
        if workload.mode != "greedy" or other is None or not own or not outputs.get(workload.id):
            continue
        if (workload.prompt_sha256, workload.output_tokens) != (other.prompt_sha256, other.output_tokens):
            skipped.append(workload.id)
            continue
        mismatch = first_mismatch(outputs[workload.id], own)
        found.append(WorkloadAgreement(workload.id, len(own), mismatch))
    ours, base = _probe(record, reference), _probe(reference, record)
    verdict, text = _verdict(found, base, ours, _limit(reference, record))
    if verdict is not Agreement.IDENTICAL:
        text = "; ".join([text, *filter(None, (_rounded(reference, record), _caches(reference, record)))])
    return PairAgreement(verdict, text, tuple(found), base, ours, tuple(skipped))


def _probe(record: Record, other: Record) -> int | None:
    if record.probe is None or other.probe is None or record.probe.ids_sha256 != other.probe.ids_sha256:
        return None
    return record.probe.mean_nll_micronats


def _limit(a: Record, b: Record) -> float | None:
    """How far the likelihoods may differ; None where the weights have nothing to do with each other."""
    sources = [record.model.get("derived_from") or record.model["sha256"] for record in (a, b)]
    if a.model["sha256"] == b.model["sha256"]:
        kept = all(_same(a, b, name) for name in _ROUNDING) and _weights(a) == _weights(b)
        limit = SAME_WEIGHTS if kept else CONVERTED
    elif sources[0] == sources[1]:
        limit = CONVERTED
    else:
        return None
    return max(limit, _cache_limit(a, b))


_ROUNDING = ("dtype", "quantization", "tf32")  # settings that round the same weights, or their products, otherwise


def _same(a: Record, b: Record, name: str) -> bool:
    """Whether a setting of the same adapter is the same; of another adapter nothing is known."""
    ours, theirs = settings.computing(a).get(name), settings.computing(b).get(name)
    return ours == theirs or a.runtime.name != b.runtime.name


def _weights(record: Record) -> str:
    """What the engine's own reader makes of the file's weights, where it rounds them again and says so; "" where it does not."""
    return settings.computing(record).get("weights", "")


def _bits(cache: str) -> int:
    """Of a value in a KV cache; 16 for every type that quantises nothing."""
    told = re.match(r"(?:i?q|[iu]|u?int|(?:mx|nv)?fp|float)(\d{1,3})", cache)
    if told is None:
        return 8 if cache.startswith(("e4m3", "e5m2")) else 16
    return int(told[1])


def _cache_limit(a: Record, b: Record) -> float:
    """How far the caches' types alone may put the likelihoods apart: nothing where both have the same ones in the same engine."""
    ours, theirs = settings.cache_types(a), settings.cache_types(b)
    fewest = min(map(_bits, (*ours, *theirs)))
    if fewest >= 16 or (ours == theirs and a.runtime.engine == b.runtime.engine):
        return 0.0
    return CACHE_8_BITS if fewest >= 8 else CACHE_FEWER_BITS


def _rounded(a: Record, b: Record) -> str:
    """Why the limit is that of a conversion though the file is the same; "" where it is not."""
    ours, theirs = _weights(a), _weights(b)
    if ours == theirs or a.model["sha256"] != b.model["sha256"]:
        return ""
    made = " and ".join(one or "nothing else" for one in (ours, theirs))
    return f"the engines make {made} of the file's weights: allowed {CONVERTED:.0%}"


def _caches(a: Record, b: Record) -> str:
    """Why the limit is wider, in words; "" where it is not."""
    if not _cache_limit(a, b):
        return ""
    ours, theirs = ("/".join(settings.cache_types(record)) for record in (a, b))
    return f"the KV caches are {ours} and {theirs}: a quantised cache is allowed {_cache_limit(a, b):.0%}"


def _verdict(
    found: Sequence[WorkloadAgreement], base: int | None, ours: int | None, limit: float | None
) -> tuple[Agreement, str]:
    if not found and (base is None or ours is None):
        return Agreement.UNKNOWN, "nothing to compare: no greedy workload with the same prompt, no common probe"
    parted = [one for one in found if one.first_mismatch is not None]
    apart = None if base is None or ours is None or not base else abs(ours - base) / base
    likelihood = "no common probe" if apart is None else f"the probe's likelihoods are {apart:.2%} apart"
    if limit is None:
        return (
            Agreement.DIFFERENT,
            f"other models: the weights are not the same and neither comes from the other; {likelihood}",
        )
    if apart is not None and apart > limit:
        return Agreement.DIFFERENT, f"{likelihood}, more than {limit:.1%}: not the same model, or broken output"
    if not found:
        return Agreement.UNKNOWN, f"no greedy workload with the same prompt; {likelihood}"
    if not parted:
        return Agreement.IDENTICAL, f"every greedy id of {count(len(found), 'workload')} agrees; {likelihood}"
    where = ", ".join(f"{one.workload} at token {one.first_mismatch} of {one.compared}" for one in parted)
    if apart is None:
        return Agreement.UNKNOWN, f"greedy outputs part ({where}); {likelihood}, so a tie can't be told from a fault"
    return Agreement.PARTED, f"greedy outputs part ({where}); {likelihood}: a numerical tie, not another model"
