"""OpenTelemetry: only where the administrator names a collector, and then what the log says of an answer and nothing else."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx2
import pytest
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from harness.extras import MissingExtra
from harness.service import telemetry as telemetries
from harness.service.app import app_of
from harness.service.core import Service, Settings
from harness.service.log import FIELDS, Log
from harness.service.telemetry import VARIABLE, Telemetry, wanted
from tests.support.coroutines import finished
from tests.support.registry_world import key

REPRO = str(Path(sys.executable).with_name("repro"))


def test_an_answer_is_a_span_and_a_duration_of_listed_fields_alone(plain):
    spans, metrics = InMemorySpanExporter(), InMemoryMetricReader()
    told = Telemetry(SimpleSpanProcessor(spans), metrics)
    stream = io.StringIO()
    service = Service(plain.world.registry, key("registry"), Settings(limited=False, helpers=0))
    service.log = told.beside(Log(stream))
    transport = httpx2.ASGITransport(app_of(service), raise_app_exceptions=False, client=("192.0.2.7", 4711))

    async def ask() -> None:
        async with httpx2.AsyncClient(transport=transport, base_url="http://bench.example") as client:
            trace = {
                "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                "baggage": "who=secretive",
            }
            await client.get("/v1/operators/secretive?x=secretive", headers=trace)
            await client.post("/v1/events", content=b"secretive", headers={"content-type": "text/plain"})
            await client.request("SECRETIVE", "/v1/events")

    service.start()
    try:
        finished(ask)
    finally:
        service.stop()
    found = [(one.name, dict(one.attributes or {})) for one in spans.get_finished_spans()]
    assert [(name, told["http.response.status_code"]) for name, told in found] == [
        ("GET /v1/operators/{handle}", 404), ("POST /v1/events", 415), ("other /v1/events", 405),
    ]  # fmt: skip
    assert all(set(told) == {"http.route", "http.request.method", "http.response.status_code"} for _, told in found)
    assert set(telemetries._NAMES) | {"duration_s"} <= FIELDS
    data = metrics.get_metrics_data()
    assert data is not None
    written = data.to_json() + "".join(one.to_json() for one in spans.get_finished_spans()) + stream.getvalue()
    assert "http.server.request.duration" in written
    for word in ("secretive", "SECRETIVE", "192.0.2.7", "4711", "0af7651916cd43dd8448eb211c80319c", "bench.example"):
        assert word not in written, word
    told.close()


def test_without_the_variable_nothing_of_it_is_imported():
    program = (
        "import sys; from harness.service import server, telemetry; assert telemetry.wanted({'OTEL_TRACES_EXPORTER': 'otlp'}) is None; "
        "import fastapi.applications; "  # which looks for the interface that can do nothing alone
        f"assert telemetry.wanted({{{VARIABLE!r}: ' '}}) is None; "
        "print([one for one in sys.modules if one.startswith(('opentelemetry.sdk', 'opentelemetry.exporter', 'google.protobuf'))])"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=environment, check=True)
    assert done.stdout.strip() == "[]"


def test_where_the_extra_is_missing_the_variable_is_refused_in_one_line(monkeypatch):
    monkeypatch.setattr("harness.extras._installed", lambda module: not module.startswith("opentelemetry"))
    with pytest.raises(MissingExtra) as error:
        wanted({VARIABLE: "http://127.0.0.1:4318"})
    assert str(error.value).startswith(f"{VARIABLE}: needs the package opentelemetry")
    assert str(error.value).endswith("run: pip install 'repro-harness[telemetry]'")


@contextmanager
def collector() -> Iterator[tuple[str, dict[str, bytes]]]:
    got: dict[str, bytes] = {}

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got[self.path] = got.get(self.path, b"") + self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Taking)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serving(place: str, home: Path, endpoint: str) -> Iterator[str]:
    """`repro serve` on a free port: its address."""
    told = {
        VARIABLE: endpoint,
        "OTEL_EXPORTER_OTLP_COMPRESSION": "none",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
        "XDG_CONFIG_HOME": str(home),
        "XDG_CACHE_HOME": str(home),
    }
    process = subprocess.Popen(
        [REPRO, "serve", "--registry", place, "--port", "0"], env=os.environ | told, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().split()[0]
    finally:
        process.terminate()
        said = process.communicate(timeout=60)[1]
    for line in said.splitlines():
        json.loads(line)  # the exporter's words are lines of the log, too


def test_a_collector_that_is_named_is_told_and_one_that_is_silent_holds_up_no_end(tmp_path):
    place = str(Path(__file__).parents[3] / "results" / "demo-registry")
    with collector() as (endpoint, got), serving(place, tmp_path, endpoint) as address:
        assert httpx2.get(f"{address}v1/operators/secretive").status_code == 404
    # All of it is sent by the time the service has ended.
    assert set(got) == {"/v1/traces", "/v1/metrics"}
    assert b"http.server.request.duration" in got["/v1/metrics"]
    assert b"repro-registry" in got["/v1/traces"]
    assert b"GET /v1/operators/{handle}" in got["/v1/traces"]
    assert not [one for one in got.values() if b"secretive" in one or b"fastapi" in one.lower()]
    with serving(place, tmp_path, "http://127.0.0.1:9") as address:
        assert httpx2.get(f"{address}healthz").status_code == 200
        assert httpx2.get(f"{address}v1/log").status_code in (200, 404)
