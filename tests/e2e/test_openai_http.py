"""The OpenAI-compatible adapter: against servers of a few lines for what goes wrong, and the real llama-cpp-python server."""

import json
import os
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from harness.capture.rooms import Rooms
from harness.errors import NotEnoughSpace
from harness.progress import SILENT
from harness.record.store import read
from harness.run.bench import prepare
from harness.run.execute import conformance
from harness.run.prepare import memory_need
from harness.run.request import Request
from tests.e2e.conftest import measured, refused
from tests.support import model_server
from tests.support.patience import PATIENCE_S

SUITE = Path(__file__).parents[1] / "data" / "small-v1.toml"


class Fake(BaseHTTPRequestHandler):
    """Streams a token every millisecond; `fault` says what it does wrong."""

    fault = "none"
    per_chunk = 1

    def log_message(self, *_):
        pass

    def do_GET(self):
        self._json({"data": [{"id": "tiny"}]} if self.path == "/v1/models" else None)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.path == "/tokenize":
            words = body["content"].split()
            return self._json({"tokens": [len(word) for word in words] * 3})
        if not body.get("stream"):
            return self._json({"choices": [{"text": "a"}], "usage": {"prompt_tokens": len(body["prompt"])}})
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        wanted = body["max_tokens"] - (2 if self.fault == "fewer" else 0)
        sent = 0
        while sent < wanted:
            if self.fault == "breaks off" and sent >= wanted // 2:
                self.connection.shutdown(socket.SHUT_RDWR)
                return None
            size = min(self.per_chunk, wanted - sent)
            time.sleep(0.001 * size)
            ids = {} if self.fault == "no ids" else {"token_ids": list(range(sent, sent + size))}
            self._event({"choices": [{"text": "x" * size, **ids}]})
            sent += size
        counted = len(body["prompt"]) + (3 if self.fault == "prompt" else 0)
        self._event({"choices": [], "usage": {"prompt_tokens": counted, "completion_tokens": sent}})
        self.wfile.write(b"data: [DONE]\n\n")
        return None

    def _event(self, data):
        self.wfile.write(b"data: " + json.dumps(data).encode() + b"\n\n")
        self.wfile.flush()

    def _json(self, data):
        raw = json.dumps(data).encode()
        self.send_response(200 if data is not None else 404)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


@contextmanager
def serving(**facts):
    handler = type("Handler", (Fake,), facts)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/v1"
    finally:
        server.shutdown()
        server.server_close()


def bench(repro, tiny, url, *arguments):
    return repro(
        "bench", "--model", tiny, "--runtime", "openai-http", "--suite", SUITE, "--processes", "1",
        "-o", f"url={url}", *arguments,
    )  # fmt: skip


@pytest.mark.alone
def test_a_server_is_timed_at_the_client_and_its_hardware_stays_unknown(repro, tiny):
    with serving() as url:
        done = bench(repro, tiny, url)
    measured(done)
    record = read(repro.records()[0]).record
    assert record.runtime.clock == "host, at the client, each chunk received"
    assert record.runtime.devices[0].kind == "server"
    assert record.environment["cpu"] == {"value": None, "reason": "the server's machine is not known"}
    assert {w.id for w in record.workloads} == {"decode", "chat", "pp64@d0"}  # no forced decode
    assert 300 < record.headline.estimate.point / 1e6 < 1000
    assert record.probe is None or record.probe.mean_nll_micronats is None


def test_what_a_server_made_of_the_prompts_stays_its_own(repro, tiny):
    with serving() as url:
        measured(bench(repro, tiny, url))
    # Another runtime makes its own ids of the same model and suite.
    done = repro(
        "bench", "--model", tiny, "--runtime", "simulated", "--suite", SUITE, "--processes", "1", "-o", "step_us=100"
    )
    measured(done)
    first, second = (read(path).record for path in sorted(repro.records(), key=lambda path: path.stat().st_mtime))
    assert first.workloads[0].prompt_sha256 != second.workloads[0].prompt_sha256
    assert ("split_unchecked", "note", "") in findings(first)
    assert ("split_unchecked", "note", "") not in findings(second)


def test_nothing_of_the_client_is_booked_for_an_unknown_server(repro, tiny):
    with serving() as url:
        measured(bench(repro, tiny, url))
    stored = read(repro.records()[0])
    assert stored.record.process_results == ()
    assert stored.record.run.load_before == stored.record.run.load_after == {}
    assert set(stored.record.derived) == {"bytes_per_token", "energy_per_token", "peak_device_memory"}
    assert next(c for c in stored.record.checks if c.code == "prefill_complete").status == "unknown"
    assert repro("recompute", stored.path.parent).returncode == 0


def test_it_holds_what_a_server_can_hold(repro, tiny):
    with serving() as url:
        done = repro("runtime", "check", "openai-http", "--model", tiny, "-o", f"url={url}", "--json")
    found = {item["code"]: item for item in json.loads(done.stdout)}
    assert found["forced"]["status"] == found["scores"]["status"] == found["caches_cleared"]["status"] == "unknown"
    failed = [item for item in found.values() if item["status"] == "fail"]
    # This server of a few lines has no context to overflow.
    assert {item["code"] for item in failed} <= {"context_kept"}, failed


def test_the_operator_may_vouch_for_the_hardware(repro, tiny):
    with serving() as url:
        done = bench(repro, tiny, url, "-o", "vouch=true")
    measured(done)
    record = read(repro.records()[0]).record
    assert record.runtime.settings["hardware"] == "vouched for by the operator"
    assert "model" in record.environment["cpu"]


def test_a_server_that_does_not_tell_its_ids_is_counted_by_its_usage(repro, tiny):
    with serving(fault="no ids") as url:
        done = bench(repro, tiny, url)
    measured(done)
    counting = next(c for c in read(repro.records()[0]).record.checks if c.code == "counting")
    assert counting.status == "pass"


def test_chunks_of_several_tokens_are_said_to_be_chunks(repro, tiny):
    with serving(per_chunk=3) as url:
        done = bench(repro, tiny, url)
    measured(done)
    codes = {finding.code for finding in read(repro.records()[0]).record.findings}
    assert "chunked" in codes


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("fewer", "the server sent 22 tokens of 24"),
        ("breaks off", "the stream"),
        ("prompt", "prompt tokens, not"),
    ],
)
def test_a_server_that_fails_is_told_in_one_line(repro, tiny, fault, words):
    with serving(fault=fault) as url:
        line = refused(bench(repro, tiny, url), code=3)
    assert words in line


def test_addresses_that_are_refused(repro, tiny):
    assert "is not this machine" in refused(bench(repro, tiny, "http://192.0.2.1:8080/v1"))
    both = ("-o", "remote=true", "-o", "vouch=true")
    with serving() as url:
        elsewhere = url.replace("127.0.0.1", socket.gethostname())
        if "127." not in socket.gethostbyname(socket.gethostname()):
            assert "nobody can vouch" in refused(bench(repro, tiny, elsewhere, *both))
    assert "-o remote=true" in refused(bench(repro, tiny, "http://example.invalid/v1"))
    assert "not a plain http" in refused(bench(repro, tiny, "ftp://127.0.0.1/v1"))
    assert "there is no such file" in refused(bench(repro, tiny, "https://127.0.0.1/v1", "-o", "ca_file=absent.pem"))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    assert "no server answers" in refused(bench(repro, tiny, f"http://127.0.0.1:{port}/v1"))


def findings(record):
    return {(f.code, f.severity, f.workload) for f in record.findings}


@pytest.mark.alone
def test_the_first_chunks_tokens_are_not_booked_as_speed(repro, tiny):
    with model_server.serving(sizes=[12, *([1] * 12)], step_s=0.004) as (url, _):
        # The workloads have 24 and 12 tokens; the shorter one comes in one chunk.
        done = bench(repro, tiny, url)
    measured(done)
    record = read(repro.records()[0]).record
    assert record.headline.estimate.point / 1e6 < 260
    assert not {m.metric for r in record.results if r.workload == "chat" for m in r.metrics} & {
        "decode_rate",
        "itl",
        "tpot",
    }


def test_a_stream_without_a_pace_ends_the_run_with_its_first_and_last_token(repro, tiny):
    with model_server.serving(sizes=[24], step_s=0.002) as (url, _):
        done = bench(repro, tiny, url)
    assert done.returncode == 4, done.stderr  # the record is written, and its number is not to be used
    record = read(repro.records()[0]).record
    assert record.headline is None
    assert {m.metric for r in record.results if r.workload == "decode" for m in r.metrics} == {"ttft", "e2e"}
    assert ("chunked", "invalid", "decode") in findings(record)
    assert not record.run.precise
    assert repro("recompute", repro.records()[0].parent).returncode == 0
    assert "no pace can be read" in repro("show", repro.records()[0].parent).stdout


@pytest.mark.alone
def test_a_servers_prefix_cache_is_caught(repro, tiny):
    with model_server.serving(takes_ids=False, prefix_cache=True, prefill_s=0.002, ids=False) as (url, _):
        for _ in range(2):  # the second run finds the prompts of the first in the server's cache
            done = repro(
                "bench", "--model", tiny, "--runtime", "openai-http", "--suite", SUITE, "--processes", "3", "-o", f"url={url}"
            )  # fmt: skip
            assert done.returncode == 4, done.stderr  # the record is written, and its number is not to be used
    for path in repro.records():
        check = next(c for c in read(path).record.checks if c.code == "cache_honesty")
        assert check.status == "fail", check.text


def test_several_models_without_a_name_are_refused_before_anything_is_sent(repro, tiny):
    with model_server.serving(models=[{"id": "tiny"}, {"id": "large"}]) as (url, double):
        line = refused(bench(repro, tiny, url))
        assert "lists 2 models: tiny, large" in line
        assert not double.completed()
    assert not repro.records()


def test_a_server_that_holds_another_model_is_refused_before_it_is_measured(repro, tiny):
    with model_server.serving(models=[{"id": "tiny", "meta": {"n_params": 7_000_000_000}}]) as (url, double):
        line = refused(bench(repro, tiny, url))
        assert "the engine says that it holds 7,000,000,000 parameters" in line
        # The worker may have begun to warm up by the time that it is stopped.
        assert len([body for body in double.completed() if body["max_tokens"] > 1]) <= 2
    assert not repro.records()


def test_the_key_and_its_name_are_written_nowhere(repro, tiny):
    key = "skcanary"  # a plain word, in a variable that an engine would heed
    with model_server.serving(key=key, unknown_fields=("min_tokens",)) as (url, double):
        done = repro(
            "bench", "--model", tiny, "--runtime", "openai-http", "--suite", SUITE, "--processes", "1",
            "-o", f"url={url}", "-o", "api_key_env=VLLM_CANARY_KEY", VLLM_CANARY_KEY=key,
        )  # fmt: skip
        measured(done)
        assert set(double.headers) == {f"Bearer {key}"}
        line = refused(bench(repro, tiny, url))
        assert "401 Unauthorized" in line
        line = refused(bench(repro, tiny, url, "-o", f"api_key_env={key}"))
        assert "canary" not in line
        wrong = repro(
            "bench", "--model", tiny, "--runtime", "openai-http", "--suite", SUITE, "-o", f"url={url}",
            "-o", "api_key_env=VLLM_CANARY_KEY", VLLM_CANARY_KEY="sk-canary-wrong",
        )  # fmt: skip
        assert "401 Unauthorized" in refused(wrong)
    written = [path for path in repro.folder.rglob("*") if path.is_file()]
    assert written
    for path in written:
        assert b"canary" not in path.read_bytes().lower(), path
    for said in (done, wrong):
        assert "canary" not in (said.stdout + said.stderr).lower()
    settings = read(repro.records()[0]).record.runtime.settings
    assert settings["api_key"] == "sent"
    assert settings["left_out"] == "min_tokens"


def test_no_memory_is_asked_for_what_a_server_holds(tmp_path, tiny, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(memory_need, "read_rooms", lambda *_: Rooms(0, 0, ()))
    with model_server.serving() as (url, _):
        request = Request(
            str(tiny), "openai-http", str(SUITE), (f"url={url}",), results=tmp_path / "results", processes=1
        )
        assert conformance.conform(request, SILENT)
    with pytest.raises(NotEnoughSpace, match="the model needs about"):
        prepare(Request(str(tiny), "llama.cpp", str(SUITE), results=tmp_path / "results"), tmp_path / "cache", SILENT)


@pytest.fixture(scope="module")
def real_server(tmp_path_factory):
    """llama-cpp-python's own server on the real model, in llama.cpp's environment plus what the server needs."""
    from harness import paths
    from harness.catalog import fetch, models
    from harness.run.bench import backend_of
    from harness.run.prepare import environments, installing

    folder = tmp_path_factory.mktemp("server")
    model = fetch.fetch(models.load("gemma-3-270m-q4_k_m"), paths.cache(), SILENT)
    place = environments.place(paths.cache(), "llama.cpp", backend_of("llama.cpp", "auto"))
    installing.install(place, SILENT)
    extra = paths.cache() / "peers" / f"llama-server-{place.folder.name}"
    wanted = ("uvicorn", "fastapi", "pydantic-settings", "sse-starlette", "starlette-context", "PyYAML")
    if not (extra / "uvicorn").exists():
        pip = [str(place.python), "-m", "pip", "install", "--quiet", "--target", str(extra), *wanted]
        subprocess.run(pip, check=True)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log").open("w")
    child = subprocess.Popen(
        [str(place.python), "-m", "llama_cpp.server", "--model", str(model), "--port", str(port), "--n_ctx", "1024"],
        env=os.environ | {"PYTHONPATH": str(extra)}, stdout=log, stderr=log,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline and child.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.2)
        assert child.poll() is None, (folder / "log").read_text()[-3000:]
        yield model, f"http://127.0.0.1:{port}/v1"
    finally:
        child.terminate()
        child.wait(PATIENCE_S)
        log.close()


@pytest.mark.e2e
def test_a_real_server_on_this_machine_is_seen_to_hold_the_model(repro, real_server):
    model, url = real_server
    done = bench(repro, model, url, "-o", "eos_id=1", "-o", "engine=llama.cpp", "-o", "context=1024")
    measured(done)
    record = read(repro.records()[0]).record
    assert record.runtime.settings["hardware"] == "process seen with the model open"
    assert record.runtime.engine == "llama.cpp"
    assert "model" in record.environment["cpu"]
    assert {c.code: c.status for c in record.checks}["counting"] == "pass"
