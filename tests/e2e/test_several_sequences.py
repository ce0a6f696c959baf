"""Requests at once, depths, a conversation and drafts, by the real engine in two small runs: what it computed, what the record says."""

import pytest

from harness.catalog import suites
from harness.record.samples import decode
from harness.record.settings import subject_text
from harness.record.store import read
from harness.verify.trials import trials_of
from tests.e2e.conftest import Repro, measured, refused

pytestmark = pytest.mark.e2e

WORKLOADS = """
[[workloads]]
id = "alone"
title = "One request"
mode = "greedy"
prompt_tokens = 48
seed = 1
output_tokens = 8

[[workloads]]
id = "three"
title = "Three requests at once"
mode = "greedy"
prompt_tokens = 48
seed = 1
output_tokens = 8
concurrency = 3

[[workloads]]
id = "turn"
title = "The last 16 tokens of the same prompt, behind the others"
mode = "greedy"
prompt_tokens = 16
depth = 32
seed = 1
output_tokens = 8

[[workloads]]
id = "pp16@d64"
title = "Prefill behind 64 tokens"
mode = "forced"
prompt_tokens = 16
depth = 64
output_tokens = 0

[[workloads]]
id = "tg8@d64"
title = "Decode behind 64 tokens"
mode = "forced"
depth = 64
output_tokens = 8

[[workloads]]
id = "tg8@d40000"
title = "Deeper than the model was trained for"
mode = "forced"
depth = 40000
output_tokens = 8
"""


def small(folder):
    """A suite of all three, in the words of one of ours."""
    text = suites.load("concurrency").path.read_text()
    head = text[: text.index("[[workloads]]")].replace('"decode-64"', '"alone"').replace('"prefill-128"', '"alone"')
    path = folder / "several.toml"
    path.write_text(head.replace('name = "concurrency"', 'name = "several"') + WORKLOADS)
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    repro = Repro(tmp_path_factory.mktemp("several"))
    done = repro("bench", "--suite", small(repro.folder), "--processes", "1", timeout=3600)
    measured(done)
    return repro, done, read(repro.records()[0])


@pytest.fixture(scope="module")
def trials(run):
    stored = run[2]
    found = trials_of(decode(stored.samples(), stored.record.samples.sha256, "samples"), "samples")
    return {
        name: [t for t in found if t.workload == name and t.purpose != "distinct"]
        for name in {t.workload for t in found}
    }


def of(trials, name):
    """What every trial of a workload made; one value where all agree."""
    return {tuple(trial.output_ids) for trial in trials[name]}


@pytest.fixture(scope="module")
def speculative(tmp_path_factory):
    """A greedy decode that is long enough to repeat itself, with drafts and without."""
    repro = Repro(tmp_path_factory.mktemp("drafts"))
    text = small(repro.folder).read_text()
    alone = text[: text.index("[[workloads]]", text.index("[[workloads]]") + 1)]
    path = repro.folder / "alone.toml"
    path.write_text(alone.replace("output_tokens = 8", "output_tokens = 64"))
    for options in (("-o", "draft=lookup"), ()):
        measured(repro("bench", "--suite", path, "--processes", "1", *options, timeout=3600))
    with_drafts, without = (read(path) for path in repro.records())
    return repro, with_drafts, without


def test_drafts_change_the_speed_and_not_the_ids(speculative):
    _, *runs = speculative
    ids = [run.record.results[0].output_ids for run in runs]
    assert ids[0] == ids[1]
    assert len(ids[0]) == 64


def test_drafts_are_declared_counted_and_a_subject_of_their_own(speculative):
    _, drafted, plain = speculative
    settings = drafted.record.runtime.settings
    assert (settings["speculative"], settings["draft_max"], settings["swa_full"]) == ("prompt-lookup", 8, True)
    assert subject_text(drafted.record) == "draft_max=8 draft_ngram=2 speculative=prompt-lookup"
    assert subject_text(plain.record) == ""
    (finding,) = [finding for finding in drafted.record.findings if finding.code == "drafted"]
    assert finding.evidence["accepted_tokens"] > 0
    found = trials_of(decode(drafted.samples(), drafted.record.samples.sha256, "samples"), "samples")
    for trial in found:
        assert trial.engine["decode_steps"] + trial.engine["accepted_tokens"] == trial.output_tokens - 1
    physics = next(check for check in drafted.record.checks if check.code == "physics_decode")
    # Where others use the memory too, its bandwidth bounds nothing, and the check says so.
    assert physics.status in ("pass", "unknown")
    assert physics.status == "unknown" or "tokens a pass" in physics.text
    assert speculative[0]("recompute", speculative[0].records()[0].parent).returncode == 0


def test_drafts_for_several_requests_are_refused_before_anything_runs(run):
    repro = run[0]
    said = refused(repro("bench", "--suite", repro.folder / "several.toml", "-o", "draft=lookup"))
    assert "one request at a time" in said


def test_a_draft_without_room_for_it_is_refused(speculative):
    repro = speculative[0]
    said = refused(repro("bench", "--suite", repro.folder / "alone.toml", "-o", "draft=lookup", "-o", "batch=1"))
    assert "-o batch=1" in said


def test_each_of_three_requests_gets_the_ids_of_one_alone(run, trials):
    assert len(trials["three"]) % 3 == 0
    assert of(trials, "three") == of(trials, "alone")
    together = run[2].record.result("three", "throughput").estimate.point
    assert together > run[2].record.result("three", "decode_rate").estimate.point


def test_a_turn_behind_its_conversation_gets_the_ids_of_the_whole_prompt(trials):
    assert of(trials, "turn") == of(trials, "alone")
    assert {(t.engine["prefill_tokens"], t.engine["cached_tokens"]) for t in trials["turn"]} == {(16, 32)}


def test_a_depth_is_cached_and_only_what_comes_behind_it_is_computed(run, trials):
    assert {(t.engine["prefill_tokens"], t.engine["cached_tokens"]) for t in trials["pp16@d64"]} == {(16, 64)}
    assert {(t.engine["decode_steps"], t.engine["cached_tokens"]) for t in trials["tg8@d64"]} == {(8, 64)}
    depths = {workload.id: workload.depth for workload in run[2].record.workloads}
    assert depths == {"alone": None, "three": None, "turn": 32, "pp16@d64": 64, "tg8@d64": 64}


def test_what_was_left_out_and_what_was_on_stand_in_the_record(run):
    record = run[2].record
    (finding,) = [finding for finding in record.findings if finding.code == "left_out"]
    assert finding.text == "left out: tg8@d40000: the model was trained for 32,768 tokens"
    assert record.runtime.settings["sequences"] == 3
    assert record.runtime.settings["prefix_cache"] is True
    assert record.runtime.settings["context"] == record.runtime.context_tokens == 256
    checks = {check.code: check.status for check in record.checks}
    assert checks["counting"] == checks["prefill_complete"] == checks["determinism"] == "pass"


def test_the_record_verifies_and_shows_its_depths(run):
    repro, done, _ = run
    assert "32 cached + 16 → 8" in done.stdout
    assert repro("recompute", repro.records()[0].parent).returncode == 0


def test_fewer_sequences_than_requests_are_refused_before_anything_runs(run):
    repro = run[0]
    said = refused(repro("bench", "--suite", repro.folder / "several.toml", "-o", "sequences=2"))
    assert "the suite runs 3 requests at once" in said
