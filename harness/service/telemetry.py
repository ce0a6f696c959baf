"""Spans and durations of answers for OpenTelemetry, only where the administrator names a collector; else none of it is imported.

What goes out is what the log says of an answer, by the same list of fields: the route's template, the method, the status, how
long it took. No identity of a request is read from its headers, and none is passed on.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from harness import __version__
from harness.extras import needs
from harness.service.log import Log, allowed

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.trace import SpanProcessor

VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
EXTRA = "telemetry"
_NAMES = {"route": "http.route", "method": "http.request.method", "status": "http.response.status_code"}
_CLOSING_S = 3.0  # for what is left when the service ends


class Telemetry:
    """Takes what a service's log takes, and tells of answers alone."""

    def __init__(self, spans: SpanProcessor, metrics: MetricReader) -> None:
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.trace import SpanKind, Status, StatusCode

        resource = Resource.create({"service.version": __version__})
        if str(resource.attributes["service.name"]).startswith(
            "unknown_service"
        ):  # the administrator's own name comes first
            resource = resource.merge(Resource({"service.name": "repro-registry"}))
        self._kind, self._failed = SpanKind.SERVER, Status(StatusCode.ERROR)
        self._traces = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._traces.add_span_processor(spans)
        self._tracer = self._traces.get_tracer("repro-harness", __version__)
        self._meters = MeterProvider([metrics], resource=resource, shutdown_on_exit=False)
        self._durations = self._meters.get_meter("repro-harness", __version__).create_histogram(
            "http.server.request.duration", unit="s", description="Duration of answers."
        )

    def __call__(self, event: str, **fields: Any) -> None:
        """One more thing that happened."""
        if event != "answered":
            return
        told = allowed(None, "", fields)
        named = {_NAMES[name]: value for name, value in told.items() if name in _NAMES}
        now, seconds = time.time_ns(), float(told["duration_s"])
        self._durations.record(seconds, named)
        name = f"{told['method']} {told['route']}"
        span = self._tracer.start_span(name, kind=self._kind, attributes=named, start_time=now - int(seconds * 1e9))
        if int(told["status"]) >= 500:
            span.set_status(self._failed)
        span.end(now)

    def beside(self, log: Log) -> Both:
        """That log, and this."""
        return Both(log, self)

    def close(self) -> None:
        """Send what is left, or give up soon: a collector that is silent holds up no end."""
        threads = [
            threading.Thread(target=_ended, args=(one.shutdown,), daemon=True) for one in (self._traces, self._meters)
        ]
        for one in threads:
            one.start()
        ends = time.monotonic() + _CLOSING_S
        for one in threads:
            one.join(max(ends - time.monotonic(), 0))


class Both:
    """A service's log that tells telemetry, too."""

    def __init__(self, log: Log, telemetry: Telemetry) -> None:
        self._log, self._telemetry = log, telemetry

    def __call__(self, event: str, *, level: str = "info", **fields: Any) -> None:
        """To both."""
        self._log(event, level=level, **fields)
        self._telemetry(event, **fields)


def _ended(shutdown: Callable[[], None]) -> None:
    try:
        shutdown()
    except Exception as error:
        logging.getLogger("harness.service").warning("telemetry: %s", type(error).__name__)


def wanted(environment: Mapping[str, str]) -> Telemetry | None:
    """To the collector that the environment names; None where it names none. Raises `MissingExtra`."""
    if not environment.get(VARIABLE, "").strip():
        return None
    needs(EXTRA, VARIABLE)
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    return Telemetry(BatchSpanProcessor(OTLPSpanExporter()), PeriodicExportingMetricReader(OTLPMetricExporter()))
