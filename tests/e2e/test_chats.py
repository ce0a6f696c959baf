"""Chats at a real llama-server on the processor: what its template adds is explained, and its own account agrees."""

import json
from pathlib import Path

import pytest

from harness import paths
from harness.catalog import fetch, models
from harness.measure.metrics import measure_trial
from harness.progress import SILENT
from harness.record.store import read
from runtimes.interface import SECRET
from tests.e2e.conftest import measured
from tests.support import server_trials, vulkan_server

SMALL = Path(__file__).parents[1] / "data" / "small-v1.toml"
pytestmark = pytest.mark.e2e
TEMPLATE = "{% for m in messages %}<|user|>{{ m.content }}<|end|>{% endfor %}<|assistant|>"


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("chat")
    model = fetch.fetch(models.load("gemma-3-270m-q4_k_m"), paths.cache(), SILENT)
    template = folder / "template.jinja"
    template.write_text(TEMPLATE)
    arguments = ("--jinja", "--chat-template-file", str(template), "--api-key", "sk-canary-e2e", "--metrics")
    binaries = vulkan_server.on_the_processor()
    with vulkan_server.serving(binaries, model, folder / "log", *arguments, variables=None) as url:
        yield model, url


def bench(repro, served, *arguments):
    model, url = served
    return repro(
        "bench", "--model", model, "--runtime", "openai-http", "--suite", SMALL, "--processes", "1", "-o", f"url={url}",
        "-o", "api_key_env=CHAT_KEY", *arguments, CHAT_KEY="sk-canary-e2e",
    )  # fmt: skip


def test_a_chat_is_measured_and_its_template_is_explained(repro, served):
    done = bench(repro, served, "-o", "api=chat")
    measured(done)
    stored = read(repro.records()[0])
    record = stored.record
    assert record.runtime.settings["api"] == "chat"
    assert record.runtime.settings["prompts"] == "text"
    metrics = {m.metric for r in record.results for m in r.metrics}
    assert {"ttft", "decode_rate"} <= metrics
    assert "prefill_rate" not in metrics
    checks = {check.code: check.status for check in record.checks}
    assert checks["prefill_complete"] == checks["counting"] == "pass"
    assert "templated" in {finding.code for finding in record.findings}
    assert repro("recompute", stored.path.parent).returncode == 0
    assert b"canary" not in stored.path.read_bytes()


def test_completions_of_the_same_server_are_asked_otherwise(served, monkeypatch):
    model, url = served
    monkeypatch.setenv(f"{SECRET}api_key_env", "sk-canary-e2e")
    loaded = server_trials.load(model, url)
    assert loaded.facts.settings["prompts"] == "ids"
    assert "api" not in loaded.facts.settings
    assert "left_out" not in loaded.facts.settings
    assert loaded.facts.settings["ignored"] == "continuous_usage_stats, return_token_ids"
    one = server_trials.timed(loaded, 8, prompt=loaded.tokenize("The harbour is quiet", add_bos=True))
    assert measure_trial(one).prefill_rate is not None
    assert one.engine["prefill_tokens"] == one.prompt_tokens


def test_it_holds_what_a_server_can_hold(repro, served):
    model, url = served
    done = repro(
        "runtime", "check", "openai-http", "--model", model, "-o", f"url={url}", "-o", "api=chat",
        "-o", "api_key_env=CHAT_KEY", "--json", CHAT_KEY="sk-canary-e2e",
    )  # fmt: skip
    found = {item["code"]: item for item in json.loads(done.stdout)}
    assert not [item for item in found.values() if item["status"] == "fail"], found
    assert done.returncode == 0
