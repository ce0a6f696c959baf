"""A real llama-server, started, measured and stopped by the program: what is recorded, what is refused, and that none is left."""

import json
import signal
import socket
from hashlib import sha256
from pathlib import Path

import psutil
import pytest

from harness.record.samples import decode
from harness.record.settings import subject_text
from harness.record.store import read
from harness.verify.trials import trials_of
from tests.e2e.conftest import Repro, measured, refused
from tests.e2e.test_resume import wait_for_process
from tests.support import tiny_gguf, tiny_models, vulkan_server
from tests.support.patience import PATIENCE_S, until

pytestmark = pytest.mark.e2e

SUITE = Path(__file__).parents[1] / "data" / "small-v1.toml"


@pytest.fixture(scope="module")
def program():
    return vulkan_server.on_the_processor() / "llama-server"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return tiny_models.write_gguf(tmp_path_factory.mktemp("model") / "readable.gguf", readable=True)


@pytest.fixture
def arguments(program, model):
    return ("bench", "--runtime", "llama-server", "--model", model, "--suite", SUITE, "-o", f"binary={program}",
            "-o", "threads=1")  # fmt: skip


def servers_of(model):
    """The processes that serve this very file: the server and who keeps it."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if str(model) in (process.info["cmdline"] or []) and "--port" in process.info["cmdline"]:
            found.append(process)
    return found


def test_it_is_measured_with_the_settings_of_the_run_and_nothing_is_left(repro, arguments, model):
    measured(repro(*arguments, "--processes", "1", "-o", "batch=128", "-o", "type_k=q8_0", "-o", "flash_attn=on"))
    assert servers_of(model) == []
    (path,) = repro.records()
    text, record = path.read_text(), read(path).record
    runtime = record.runtime
    assert (runtime.name, runtime.engine, runtime.version, runtime.commit) == (
        "llama-server",
        "llama-server",
        "b1",
        "571d0d5",
    )
    wanted = {"threads": 1, "batch": 128, "ubatch": 128, "type_k": "q8_0", "type_v": "f16", "flash_attn": "on", "slots": 1,
              "prefix_cache": False, "computed_on": "cpu", "prompts": "ids"}  # fmt: skip
    assert {name: runtime.settings[name] for name in wanted} == wanted
    assert [device.kind for device in runtime.devices] == ["cpu"]
    assert runtime.build["CPU.AVX2"] in (True, False)
    assert runtime.options["binary"] == "a file of this machine"
    assert str(model.parent) not in text
    checks = {check.code: check.status for check in record.checks}
    assert [checks[code] for code in ("counting", "prefill_complete", "arithmetic")] == ["pass"] * 3
    held = next(one for one in record.process_results if one.metric == "peak_rss")
    assert held.estimate.point > 20 << 20  # the server's, not its client's
    assert record.model["sha256"]


def test_the_adapter_passes_the_conformance_suite_with_the_default_model(tmp_path, program):
    done = Repro(tmp_path)("runtime", "check", "llama-server", "-o", f"binary={program}", "-o", "threads=1", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {one["code"]: one["status"] for one in json.loads(done.stdout)}
    assert {code for code, status in found.items() if status == "pass"} >= {
        "errors_clear", "facts_complete", "tokenizes", "exact_count", "prefill_alone", "stamps_monotonic", "caches_cleared",
        "context_kept",
    }  # fmt: skip


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=["Ctrl-C", "kill -9"])
@pytest.mark.parametrize("moment", ["starting", "measuring"])
def test_no_server_is_left_when_the_run_is_stopped(repro, arguments, model, how, moment):
    running = repro.start(*arguments, "--processes", "3")
    if moment == "starting":
        until(lambda: servers_of(model), "a server")
    else:
        wait_for_process(repro, 0, 3)
    running.send_signal(how)
    running.communicate(timeout=PATIENCE_S)
    until(lambda: not servers_of(model), "no server is left")


def test_a_server_that_dies_in_mid_run_loses_nothing_and_the_run_goes_on(repro, arguments, model):
    running = repro.start(*arguments, "--processes", "2")
    wait_for_process(repro, 1, 3)
    for process in servers_of(model):
        if "llama-server" in process.name():
            process.kill()
    _, said = running.communicate(timeout=PATIENCE_S)
    assert "Traceback" not in said
    if running.returncode not in (0, 4):  # it was told, and what was measured is kept
        assert "llama-server was killed by SIGKILL" in said
        measured(repro(*arguments, "--processes", "2", "--resume"))
    record = read(repro.records()[0]).record
    assert [(one.index, one.reason) for one in record.run.failed_processes] == [(1, "server died")]
    assert [one.index for one in record.processes] == [0, 2]
    assert servers_of(model) == []


def test_a_model_that_the_engine_refuses_is_a_failure_with_its_reason(repro, arguments, tmp_path):
    known = {name.replace("llama.", "nosuch."): value for name, value in tiny_gguf.LONG.items()}
    strange = tmp_path / "new-model.gguf"
    strange.write_bytes(tiny_gguf.build(known | {"general.architecture": "nosuch"}))
    line = refused(repro(*("bench", "--model", strange, *arguments[5:], "--runtime", "llama-server")), 3)
    assert "unknown model architecture: 'nosuch'" in line
    record = read(repro.records()[0]).record
    assert (record.outcome.reason, record.outcome.stage) == ("unsupported_architecture", "load")
    assert servers_of(strange) == []


@pytest.mark.parametrize(
    ("binary", "words"),
    [
        ("/bin/true", "must be a llama-server"),
        ("/nowhere/llama-server", "there is no such program"),
        ("no-such-program-anywhere", "no such program here or on PATH"),
        ("/tmp", "it must be a program"),
        ("{folder}/notes.txt", "it must be executable"),
        ("", "it must name a program"),
    ],
)
def test_what_is_no_server_is_refused_in_one_line(repro, tiny, tmp_path, binary, words):
    (tmp_path / "notes.txt").write_text("llama-server")
    line = refused(
        repro("bench", "--runtime", "llama-server", "--model", tiny, "-o", f"binary={binary.format(folder=tmp_path)}")
    )
    assert words in line
    assert not repro.records()


def test_a_port_that_is_in_use_is_refused_in_one_line(repro, arguments):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        line = refused(repro(*arguments, "-o", f"port={port}"))
    assert f"port {port} of 127.0.0.1 is in use" in line
    assert "leave it out" in line


def test_a_binary_of_ones_own_has_neither_builds_nor_releases(repro, arguments):
    assert "-o binary brings a build of its own" in refused(repro(*arguments, "--backend", "cuda"))
    line = refused(repro(*("llama-server@0.3.36" if word == "llama-server" else word for word in arguments)))
    assert "-o binary brings a release of its own" in line


def test_a_draft_model_is_declared_counted_and_a_subject_of_its_own(repro, arguments, model, tmp_path):
    draft = tmp_path / "draft.gguf"
    draft.write_bytes(model.read_bytes())
    measured(repro(*arguments, "--processes", "1", "-o", f"draft_model={draft}", "-o", "draft_max=3"))
    (path,) = repro.records()
    stored, text = read(path), path.read_text()
    record, settings = stored.record, stored.record.runtime.settings
    assert (settings["speculative"], settings["draft_max"]) == ("draft-model", 3)
    assert (settings["draft_model"], settings["draft_model_name"]) == (sha256(model.read_bytes()).hexdigest(), "draft")
    assert record.runtime.options["draft_model"] == "draft.gguf"
    assert "-o draft_model=draft.gguf" in record.run.command
    assert str(tmp_path) not in text
    assert subject_text(record).startswith("settings=")
    shares = {one.workload: one.evidence["accepted_tokens"] for one in record.findings if one.code == "drafted"}
    assert shares[record.suite.headline] > 0
    for trial in trials_of(decode(stored.samples(), record.samples.sha256, "samples"), "samples"):
        if trial.output_tokens:
            assert trial.engine["decode_steps"] + trial.engine["accepted_tokens"] == trial.output_tokens - 1
            assert trial.engine["draft_tokens"] <= 3 * trial.engine["decode_steps"]
    assert repro("recompute", path.parent).returncode == 0
    assert servers_of(model) == []


def test_a_draft_of_another_vocabulary_is_refused_in_one_line(repro, arguments, model, tmp_path):
    other = tiny_models.write_gguf(tmp_path / "other.gguf", readable=True, joined=True)
    line = refused(repro(*arguments, "-o", f"draft_model={other}"))
    assert "-o draft_model" in line
    assert "vocab" in line
    assert not repro.records()
    assert servers_of(model) == []
