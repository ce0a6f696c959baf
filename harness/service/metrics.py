"""What a service counts, for Prometheus: no handle, no address, no id."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest


class Metrics:
    """Of one service."""

    def __init__(self) -> None:
        self._own = CollectorRegistry()
        self.requests = Counter(
            "repro_requests", "Requests answered, by route and status.", ("route", "status"), registry=self._own
        )
        self.events = Counter("repro_events", "Events taken into the log, by kind.", ("kind",), registry=self._own)
        self.commits = Histogram(
            "repro_commit_seconds", "Duration of one transaction with its receipts.", registry=self._own
        )
        self.entries = Gauge("repro_log_entries", "Entries in the log.", registry=self._own)
        self.pending = Gauge("repro_queue_records", "Records that wait for an editor.", registry=self._own)
        self.waiting = Gauge("repro_writer_waiting", "Events that wait for the writer.", registry=self._own)

    def text(self) -> bytes:
        """In the exposition format."""
        return generate_latest(self._own)
