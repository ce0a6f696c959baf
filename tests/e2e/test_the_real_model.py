"""The real model through the real runtime, in the user's own cache: builds llama.cpp when it is not there yet.

What the engine did is held against llama-cpp-python's own high-level loop, which shares no code with our adapter.
"""

import json
import subprocess

import pytest

from harness import paths
from harness.record.samples import decode
from harness.record.store import read
from harness.run.bench import backend_of
from harness.run.prepare import environments
from harness.verify.recompute import verify
from harness.verify.trials import trials_of
from tests.e2e.conftest import Repro, measured
from tests.support.patience import PATIENCE_S

pytestmark = [pytest.mark.e2e, pytest.mark.alone]
DECIDED = {"counting", "prefill_complete", "cache_honesty", "determinism", "engine_counters", "arithmetic"}


@pytest.fixture(scope="module")
def place():
    return environments.place(paths.cache(), "llama.cpp", backend_of("llama.cpp", "auto"))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """`repro bench --suite quick` with three processes: a minute. Again where the machine was too busy to tell; a failure stays one."""
    for _ in range(3):
        repro = Repro(tmp_path_factory.mktemp("real"))
        done = measured(repro("bench", "--suite", "quick", "--processes", "3", timeout=3600))
        stored = read(repro.records()[0])
        status = {check.code: check.status for check in stored.record.checks}
        if "fail" in status.values() or all(status[code] == "pass" for code in DECIDED):
            break
    return done, stored


@pytest.fixture(scope="module")
def record(run):
    return run[1].record


@pytest.fixture(scope="module")
def trials(run):
    stored = run[1]
    return trials_of(decode(stored.samples(), stored.record.samples.sha256, "samples"), "samples")


def test_the_result_is_printed_with_its_interval(run):
    text = run[0].stdout
    for words in (
        "decode ",
        "95 % interval",
        "gemma-3-270m-q4_k_m (Q4_K_M) with llama.cpp",
        "Next: ",
        "Picture: repro report results/",
        "checks passed",
    ):
        assert words in text, words
    assert "SYNTHETIC" not in text


def test_no_truth_check_fails(record):
    failed = [check for check in record.checks if check.status == "fail"]
    assert not failed
    assert {check.code for check in record.checks if check.status == "pass"} >= DECIDED


def test_the_record_says_what_ran(record):
    assert record.model["sha256"] == "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
    assert record.model["variant"] == "base"
    assert record.runtime.engine == "llama.cpp"
    assert record.runtime.commit.startswith("0c1e570")
    assert record.runtime.settings["flash_attn"] == "on"
    assert record.runtime.environment["build_flags"][:2] == ["-DLLAVA_BUILD=OFF", "-DMTMD_BUILD=OFF"]
    assert record.tokenization.bos_id == 2
    assert record.runtime.model["parameters"] == record.model["parameters"] == 268_098_176
    assert record.runtime.model["size_bytes"] == record.model["bytes_per_token"]
    assert not record.run.synthetic


def test_every_number_follows_from_the_samples(run):
    assert verify(run[1]) > 500


def test_every_trial_has_every_stamp(trials, record):
    shapes = {workload.id: workload for workload in record.workloads}
    assert {trial.process for trial in trials} == {0, 1, 2}
    for trial in trials:
        shape = shapes[trial.workload]
        assert trial.valid
        assert trial.token_ns.size == trial.step_ns.size == max(shape.output_tokens, 1)
        assert (trial.step_ns > 0).all()
        assert len(trial.output_ids) == shape.output_tokens
        assert trial.engine["decode_steps"] == (
            shape.output_tokens - (1 if shape.prompt_tokens else 0) if shape.output_tokens else 0
        )


def test_the_weights_are_those_that_are_named(record):
    # 4.26 nats a token for this passage; random weights give ln 262144 = 12.5, a wrong tokenizer or no BOS more than 6.
    assert record.probe is not None
    assert record.probe.mean_nll_micronats is not None
    assert 3_800_000 < record.probe.mean_nll_micronats < 4_700_000


def test_greedy_output_is_that_of_the_runtimes_own_loop(record, place, trials):
    workload = next(w for w in record.workloads if w.id == "chat-short")
    ours = next(r for r in record.results if r.workload == "chat-short").output_ids
    model = paths.cache() / "models" / record.model["name"] / record.model["file"]
    program = f"""
import json, sys
from llama_cpp import Llama
llm = Llama({str(model)!r}, n_ctx=512, n_threads=2, n_threads_batch=2, flash_attn=True, verbose=False)
text = "Explain in two short sentences why the sky looks blue during the day."
ids = llm.tokenize(text.encode(), add_bos=True, special=False)
out = []
for token in llm.generate(ids, temp=0.0, top_k=1, repeat_penalty=1.0):
    out.append(token)
    if len(out) == {workload.output_tokens}:
        break
print(json.dumps([len(ids), out]))
"""
    done = subprocess.run(
        [place.python, "-P", "-c", program], capture_output=True, text=True, check=True, timeout=PATIENCE_S
    )
    prompt_tokens, theirs = json.loads(done.stdout.strip().splitlines()[-1])
    assert prompt_tokens == workload.prompt_tokens
    assert list(ours) == theirs


def test_an_operators_own_interpreter_gives_the_same_output(place, record, tmp_path):
    repro = Repro(tmp_path)
    done = repro("bench", "--suite", "quick", "--processes", "1", "--python", place.python, "-o", "threads=1", "--json")
    measured(done)
    other = json.loads(done.stdout)
    assert other["runtime"]["environment"] == {"given_by_operator": True}
    assert other["runtime"]["settings"]["threads"] == 1
    assert {f["code"] for f in other["findings"]} >= {"few_processes"}
    same = {result["workload"]: tuple(result["output_ids"]) for result in other["results"]}
    for result in record.results:
        assert same[result.workload] == result.output_ids


def test_a_context_that_the_engine_can_not_make_is_one_line(tmp_path):
    done = Repro(tmp_path)("bench", "--suite", "quick", "--processes", "1", "-o", "type_v=q4_0", "-o", "flash_attn=off")
    assert done.returncode == 2
    assert "can't make a context" in done.stderr
    assert "Traceback" not in done.stderr
