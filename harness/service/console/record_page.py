"""A record before its editor, as values for a page: charts, workloads, machine, checks, findings, and the row's own record."""

from __future__ import annotations

from typing import Any

from harness.record.schema import Record
from harness.registry.queries.examined import Examined
from harness.site.draw import record_charts
from harness.site.draw.charts import Chart
from harness.site.pages import record_parts


def view(found: Examined) -> dict[str, Any]:
    """What `record.html` shows."""
    record = found.record
    return {
        "one": found,
        "record": record,
        "charts": [] if record is None else _charts(found, record),
        "workloads": [] if record is None else [record_parts.workload(record, one) for one in record.results],
        "hub_workloads": []
        if found.hub is None
        else [record_parts.workload(found.hub, one) for one in found.hub.results],
        "resources": [] if record is None else record_parts.resources(record),
        "settings": [] if record is None else record_parts.settings(record),
        "environment": [] if record is None else record_parts.environment(record),
        "decisions": decisions(found),
    }


def decisions(found: Examined) -> tuple[tuple[str, str], ...]:
    """What an editor may decide of it now: kind of the event, and the button's word. The rules have the last word."""
    status = found.status
    if found.dropped:
        return ()
    if found.failure is not None:
        kinds = [("failure-approved", "Approve")] if status == "pending" else []
        kinds += [("failure-rejected", "Reject")] if status in ("pending", "accepted") else []
        return (*kinds, *([("failure-dropped", "Take down")] if status in ("rejected", "withdrawn") else []))
    kinds = [("record-approved", "Approve")] if status in ("pending", "sent-back", "rejected") else []
    kinds += [("record-sent-back", "Request changes")] if status == "pending" else []
    kinds += [("record-rejected", "Reject")] if status in ("pending", "sent-back", "accepted") else []
    closed = found.dossier is not None and any(one.kind == "closed row" for one in found.dossier.remarks)
    kinds += [("record-moved", "Move out of the closed row")] if closed else []
    if status in ("rejected", "withdrawn"):
        kinds.append(("body-dropped", "Take down the bytes"))
    return tuple(kinds)


def _charts(found: Examined, record: Record) -> list[Chart]:
    made = list(record_charts.of_results(record))
    if found.trials:
        made += record_charts.of_samples(record, found.trials)
        order = record_charts.in_order(record, found.trials)
        made += [] if order is None else [order]
    return made
