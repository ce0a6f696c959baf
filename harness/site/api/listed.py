"""A row as lists keep it, in the words of the API."""

from __future__ import annotations

from dataclasses import fields
from operator import attrgetter
from typing import Any

from harness.site.api.models import ListedRow
from harness.site.data.values import Summary
from harness.tiers.values import Source, State, Tier

NAMES = tuple(field.name for field in fields(ListedRow))
_VALUES = attrgetter(*NAMES)
# What the search script has of a row: enough to filter, to list and to compare. `row_short`: its id in addresses.
SEARCHED = (
    "row_short", "model_name", "quantisation", "device", "runtime_series", "os_family", "tier", "contested", "under_review",
    "decode_tokens_per_s", "decode_ci95_low_tokens_per_s", "decode_ci95_high_tokens_per_s", "persons_inside", "persons_outside",
    "records_pending", "workload_key", "processes", "decode_log_mean", "decode_log_variance", "fixed_number",
)  # fmt: skip


def listed(one: Summary) -> ListedRow:
    """What is published of it."""
    return ListedRow(
        row=one.row,
        model_name=one.model or None,
        weights_sha256=one.weights,
        quantisation=one.quantisation,
        engine=one.engine,
        runtime_series=one.runtime,
        device=one.device,
        os_family=one.os,
        workload_title=one.suite,
        workload_key=one.workload,
        state=State(one.state),
        tier=Tier(one.tier) if one.tier else None,
        contested=one.contested,
        operator=one.operator,
        source=Source(one.source),
        measured_on=one.measured,
        entry=one.entry,
        decode_tokens_per_s=one.rate,
        decode_ci95_low_tokens_per_s=one.low,
        decode_ci95_high_tokens_per_s=one.high,
        ttft_ns=one.ttft_ns,
        prefill_tokens_per_s=one.prefill,
        processes=one.processes,
        decode_log_mean=one.log_mean,
        decode_log_variance=one.log_variance,
        fixed_number=one.fixed_number,
        persons_inside=one.inside,
        persons_outside=one.outside,
        persons_independent=one.independent,
        records_pending=one.pending,
        operators=one.members,
        status_changes_on=one.until,
        under_review=one.under_review,
    )


def values(one: Summary) -> tuple[Any, ...]:
    """In the order of `NAMES`; a tenth of what `dataclasses.astuple` costs, which copies."""
    return tuple(_VALUES(listed(one)))


def plain(one: Summary) -> dict[str, Any]:
    """By name."""
    return dict(zip(NAMES, values(one), strict=True))


def searched(one: Summary) -> list[Any]:
    """In the order of `SEARCHED`."""
    told = {**plain(one), "row_short": one.short}
    return [told[name] for name in SEARCHED]
