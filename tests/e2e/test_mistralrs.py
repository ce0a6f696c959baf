"""mistral.rs for real: a tiny model and SmolLM2 beside llama.cpp on the same bytes, and Gemma's GGUF, which it splits wrongly."""

import json
import re
from pathlib import Path

import pytest

from harness.compare.agreement import Agreement, agree
from harness.record.store import read
from harness.verify.recompute import verify
from tests.e2e.conftest import Repro, measured, refused
from tests.support import tiny_models

pytestmark = pytest.mark.e2e

SMOLLM2, GEMMA = "smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m"
AGREEMENT = Path(__file__).parents[2] / "benchmarks" / "suites" / "agreement-v1.toml"
ONE = ("-o", "threads=1")  # its pools spin while they wait: two threads on a busy machine are slower than one


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A tiny model of which both engines take every byte."""
    return tiny_models.write_gguf(tmp_path_factory.mktemp("tiny") / "tiny.gguf", readable=True, joined=True)


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """`repro bench` of a model through a runtime, in the user's cache; each is run once."""
    done = {}
    folder = tmp_path_factory.mktemp("suite")
    whole, short = folder / "mini-v1.toml", folder / "short-v1.toml"
    text = AGREEMENT.read_text().replace("tokens = 128", "tokens = 12").replace("tokens = 32", "tokens = 8")
    whole.write_text(text.replace('name = "agreement"', 'name = "mini"'))
    # To the tiny model each letter is a token. Of a real one a text so short says little: likelihoods lie further apart.
    text = re.sub(r'probe = """(.{110})[^"]*"""', r'probe = """\1"""', text)
    short.write_text(text.replace('name = "agreement"', 'name = "short"'))

    def run(runtime, model):
        if (runtime, model) not in done:
            repro = Repro(tmp_path_factory.mktemp("mistralrs"))
            suite = whole if model == SMOLLM2 else short
            words = ("--model", model, "--runtime", runtime, "--suite", suite, "--processes", "1")
            measured(repro("bench", *words, *ONE))
            done[runtime, model] = read(repro.records()[0])
        return done[runtime, model]

    return run


def test_it_holds_what_any_adapter_must(model, tmp_path):
    done = Repro(tmp_path)("runtime", "check", "mistralrs", "--model", model, "--json", *ONE)
    found = {item["code"]: item for item in json.loads(done.stdout)}
    assert not [item for item in found.values() if item["status"] == "fail"], found
    assert done.returncode == 0
    passed = {code for code, item in found.items() if item["status"] == "pass"}
    assert {
        "tokenizes_as_reference",
        "exact_count",
        "prefill_alone",
        "deterministic",
        "scores",
        "context_kept",
    } <= passed
    assert found["forced"]["status"] == "unknown"


def test_a_record_says_what_the_engine_tells_and_no_more(model, bench):
    stored = bench("mistralrs", model)
    record = stored.record
    verify(stored)
    assert (record.runtime.name, record.runtime.engine, record.runtime.version) == ("mistralrs", "mistral.rs", "0.9.5")
    assert record.runtime.packages["mistralrs"].startswith("0.9.5 sha256:")
    assert record.runtime.commit == "not told by the engine"
    settings = record.runtime.settings
    assert {name: settings[name] for name in ("dtype", "type_k", "type_v", "prompts", "prefix_caching", "threads")} == {
        "dtype": "f32", "type_k": "f16", "type_v": "f16", "prompts": "text", "prefix_caching": False, "threads": 1,
    }  # fmt: skip
    assert [device.kind for device in record.runtime.devices] == ["cpu"]
    assert (
        record.tokenization.bos_id == tiny_models.BOS
    )  # it adds none by itself: it is written out, as a template does
    # Timings of half a millisecond say nothing; what was computed does.
    failed = {check.code for check in record.checks if check.status == "fail"}
    assert not failed - {"physics_ttft", "engine_counters", "cache_honesty"}, record.checks


@pytest.mark.parametrize("which", ["tiny", SMOLLM2])
def test_it_computes_what_llama_cpp_does_of_the_same_bytes(model, bench, which):
    name = model if which == "tiny" else which
    llama, mistral = (bench(runtime, name).record for runtime in ("llama.cpp", "mistralrs"))
    assert llama.model["sha256"] == mistral.model["sha256"]
    assert [w.prompt_sha256 for w in llama.workloads] == [w.prompt_sha256 for w in mistral.workloads]
    found = agree(llama, mistral)
    if which == "tiny":
        assert found.verdict in (Agreement.IDENTICAL, Agreement.PARTED), found.text
    assert found.probe is not None  # of the real model 0.27 % apart for the whole probe, 0.51 % for this short one
    assert abs(found.probe / found.probe_reference - 1) < 0.02


def test_a_model_that_it_splits_wrongly_is_refused_before_anything_is_timed(tmp_path):
    repro = Repro(tmp_path)
    done = repro("bench", "--model", GEMMA, "--runtime", "mistralrs", "--suite", "quick", *ONE)
    line = refused(done, 3)
    assert "splits text otherwise than the model's own tokenizer" in line
    record = read(repro.records()[0]).record
    assert (record.outcome.status, record.outcome.reason, record.outcome.stage) == ("failed", "tokenizer", "load")
    assert record.outcome.loaded
    assert record.outcome.evidence == {"attempts": 1}
    assert record.results == record.processes == ()
    checked = repro("runtime", "check", "mistralrs", "--model", GEMMA, "--json", *ONE)
    assert checked.returncode == 1
    last = json.loads(checked.stdout)[-1]
    assert (last["code"], last["status"]) == ("tokenizes_as_reference", "fail")


def test_bad_input_is_one_line(model, tmp_path):
    repro = Repro(tmp_path)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(model.read_bytes()[:-4096])
    bench = ("bench", "--runtime", "mistralrs", "--suite", "quick", "--model")
    refused(repro(*bench, cut))
    assert "did you mean" in refused(repro(*bench, model, "-o", "dtyp=f16"))
    assert "take one of" in refused(repro(*bench, model, "-o", "dtype=int4"))
    assert not repro.records()
