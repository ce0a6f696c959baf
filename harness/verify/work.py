"""A record must be of the work that it names: its suite, the plan of its run, the checks that follow from its samples. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.catalog import suites
from harness.errors import RecordInvalid
from harness.measure.trial import Trial
from harness.record.schema import Record
from harness.record.settings import keeps_prefix
from harness.verify import checks, drafts, plan, suite


def refuse_other_work(record: Record, trials: Sequence[Trial], where: str) -> None:
    """Raises `RecordInvalid` with the first way in which the record, or its samples, are not of the run that it describes."""
    known = suites.by_digest(record.suite.sha256)
    found = [] if known is None else suite.departures(record, known)
    headline = next((w for w in record.workloads if w.id == record.suite.headline), None)
    if (
        headline is not None and (headline.concurrency or 1) > 1
    ):  # of any suite: requests at once share a reading of the weights
        found.append("its headline is of several requests at once")
    if any(w.mode == "greedy" and w.depth for w in record.workloads) and not keeps_prefix(record):
        found.append("its turns begin behind cached tokens, and none of its settings says that a prefix cache is on")
    found += drafts.faults(record, trials)
    found = found or plan.faults(record, trials) or checks.denied(record, trials)
    if found:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise RecordInvalid(f"{found[0]}{more}", where=where, fix="do not trust this record")
