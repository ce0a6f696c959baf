"""`--runtime ollama` end to end: a double of its API in front of the real llama-server, which Ollama's runner is, and a store of its shape."""

import json
from pathlib import Path

import pytest

from harness import paths
from harness.catalog import fetch, models
from harness.progress import SILENT
from harness.record.store import read
from runtimes.support import gguf_vocabulary
from tests.e2e.conftest import Repro, measured, refused
from tests.support import ollama_server, tiny_models, vulkan_server

SMALL = Path(__file__).parents[1] / "data" / "small-v1.toml"
pytestmark = pytest.mark.e2e


@pytest.fixture
def repro(tmp_path):
    """With the user's environments: the reference ids are llama.cpp's, and its own takes minutes to make."""
    environments = paths.cache() / "runtimes"
    environments.mkdir(parents=True, exist_ok=True)
    own = tmp_path / "cache" / "repro-harness"
    own.mkdir(parents=True)
    (own / "runtimes").symlink_to(environments)
    return Repro(tmp_path, own.parent)


@pytest.fixture(scope="module")
def gemma():
    return fetch.fetch(models.load("gemma-3-270m-q4_k_m"), paths.cache(), SILENT)


@pytest.fixture(scope="module")
def served(tmp_path_factory, gemma):
    """The address, the double, and the store."""
    folder = tmp_path_factory.mktemp("ollama")
    engine = ollama_server.Engine(vulkan_server.on_the_processor(), folder)
    copy = folder / "gemma3.gguf"
    copy.write_bytes(gemma.read_bytes())
    ollama_server.store(folder / "store", "gemma3", copy)
    facts = {"models": {"gemma3:latest": copy}, "quantization": "Q4_K_M", "parameters": 268098176, "trained": 32768}
    with ollama_server.serving(engine, **facts) as (url, double):
        yield url, double, folder / "store"


@pytest.fixture
def suite(tmp_path):
    """Few tokens: the model is loaded again before each trial."""
    head, *workloads = SMALL.read_text().split("[[workloads]]")
    kept = [one for one in workloads if '"decode"' in one or '"pp64@d0"' in one]
    path = tmp_path / "small-v1.toml"
    path.write_text("[[workloads]]".join([head, *kept]).replace("output_tokens = 24", "output_tokens = 12"))
    return str(path)


def bench(repro, served, suite):
    url, _, store = served
    return repro(
        "bench", "--model", "ollama:gemma3", "--runtime", "ollama", "--suite", suite, "--processes", "1",
        OLLAMA_HOST=url, OLLAMA_MODELS=str(store),
    )  # fmt: skip


@pytest.mark.alone
def test_a_model_of_its_store_is_measured_at_it_and_forgotten_before_it_is_repeated(repro, served, suite):
    _, double, _ = served
    done = bench(repro, served, suite)
    measured(done)
    stored = read(repro.records()[0])
    record = stored.record
    assert (record.runtime.engine, record.runtime.version) == ("ollama", "0.18.2")
    assert record.model["name"] == "gemma3-latest"
    settings = record.runtime.settings
    assert (settings["prompts"], settings["threads"]) == ("text", "auto")
    assert {m.metric for r in record.results for m in r.metrics} >= {"ttft", "decode_rate", "prefill_rate"}
    checks = {check.code: (check.status, check.text) for check in record.checks}
    assert checks["counting"][0] == "pass"
    assert checks["cache_honesty"][0] != "fail", checks[
        "cache_honesty"
    ]  # the engine's own caches are on: it was loaded anew
    assert checks["engine_counters"][0] == "pass", checks["engine_counters"]
    assert checks["prefill_complete"][0] == "unknown"  # its count is of the whole prompt
    assert double.engine.started > 5
    assert not double.loaded
    assert "OLLAMA_HOST" not in json.dumps(dict(record.runtime.variables))
    assert repro("recompute", stored.path.parent).returncode == 0


@pytest.fixture
def words(tmp_path):
    model = tiny_models.write_gguf(tmp_path / "readable.gguf", readable=True)
    return model, ollama_server.Words(gguf_vocabulary.read(model))


def test_it_holds_what_a_server_can_hold(repro, words):
    model, engine = words
    with ollama_server.serving(engine, models={"tiny:latest": model}) as (url, double):
        done = repro("runtime", "check", "ollama", "--model", model, "-o", f"url={url}", "--json")
        assert not double.loaded
    found = {item["code"]: item for item in json.loads(done.stdout)}
    assert not [item for item in found.values() if item["status"] == "fail"], found
    assert {
        found[code]["status"] for code in ("tokenizes_as_reference", "exact_count", "context_kept", "prefill_alone")
    } == {"pass"}
    assert done.returncode == 0


def test_what_can_not_be_measured_is_one_line(repro, words, tmp_path):
    model, engine = words
    line = refused(repro("bench", "--model", model, "--runtime", "ollama", OLLAMA_HOST="127.0.0.1:9"))
    assert "no server answers at 127.0.0.1:9" in line
    line = refused(repro("bench", "--model", model, "--runtime", "ollama", "-o", "url=http://192.0.2.1:11434"))
    assert "is not this machine" in line
    other = tmp_path / "other.gguf"
    other.write_bytes(model.read_bytes() + b"\0")
    with ollama_server.serving(engine, models={"other:1b": other}) as (url, _):
        line = refused(repro("bench", "--model", model, "--runtime", "ollama", OLLAMA_HOST=url))
        assert "no model of the server has these weights; it has other:1b" in line
    with ollama_server.serving(engine, models={"tiny:latest": model}, ends_after=5) as (url, double):
        line = refused(
            repro("bench", "--model", model, "--runtime", "ollama", "--suite", SMALL, OLLAMA_HOST=url), code=3
        )
        assert "the model ended its text: 5 of " in line
        assert not double.loaded
    with ollama_server.serving(engine, models={"tiny:latest": model}, more_prompt_tokens=3) as (url, _):
        done = repro("bench", "--model", model, "--runtime", "ollama", "--suite", SMALL, OLLAMA_HOST=url)
        assert "ollama splits text otherwise than the model's own tokenizer: 124 tokens in place of 121" in refused(
            done, code=3
        )
    assert not repro.records()
