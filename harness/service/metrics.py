"""What a service counts, for Prometheus: no handle, no address, no id."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from harness.errors import NotAllowed
from harness.registry.actions.cosigning import Asked


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
        self.cosignatures = Counter(
            "repro_cosignatures",
            "Answers of witnesses, by name: signed, failed, or ahead (it has seen a longer log than this one).",
            ("witness", "outcome"),
            registry=self._own,
        )
        self.database = Gauge("repro_database_up", "Whether the database answers.", registry=self._own)
        self.entries = Gauge("repro_log_entries", "Entries in the log.", registry=self._own)
        self.pending = Gauge("repro_queue_records", "Records that wait for an editor.", registry=self._own)
        self.refusing = Gauge(
            "repro_writes_refused", "Whether the database took nothing the last time.", registry=self._own
        )
        self.waiting = Gauge("repro_writer_waiting", "Events that wait for the writer.", registry=self._own)

        self.site_behind = Gauge(
            "repro_site_entries_behind", "Entries of the log that the site does not show.", registry=self._own
        )
        self.site_age = Gauge("repro_site_age_seconds", "Since the site was last built.", registry=self._own)
        self.site_failing = Gauge(
            "repro_site_failures", "Builds of the site that failed, in a row.", registry=self._own
        )
        self.site_builds = Histogram(
            "repro_site_build_seconds", "Duration of one build of the site by this service.", registry=self._own
        )

    def ready(self, told: Mapping[str, Any] | None, site: Mapping[str, Any] | None) -> None:
        """What `/readyz` says of the log and of the site; None: the database does not answer, and nothing of before is told."""
        self.database.set(told is not None)
        self.entries.set(math.nan if told is None else told["entries"])
        self.pending.set(math.nan if told is None else told["pending"])
        self.site(site)

    def site(self, told: Mapping[str, Any] | None) -> None:
        """What `/readyz` says of the site."""
        if told is not None:
            self.site_behind.set(told["behind"])
            self.site_failing.set(told["failures"])
            if told["age_s"] is not None:
                self.site_age.set(told["age_s"])

    def asked_witness(self, one: Asked) -> None:
        """One more answer of a witness."""
        outcome = "signed" if one.error is None else "ahead" if isinstance(one.error, NotAllowed) else "failed"
        self.cosignatures.labels(one.name, outcome).inc()

    def text(self) -> bytes:
        """In the exposition format."""
        return generate_latest(self._own)
