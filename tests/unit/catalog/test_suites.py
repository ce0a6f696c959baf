"""Suites: what ships is valid and pinned, what is broken gets one clear line."""

import pytest

from harness.catalog import suites
from harness.errors import BadInput
from harness.run.execute.plan import least_context, plan_for, required_context, texts_of
from runtimes import table

# A change of one byte is a new version: then add a line here and leave these alone.
PINNED = {
    "agent-v1": "5588058beb0fef3f1bd52eaf73544fe62f3e3022c2dfea4a779ad73d82686e5b",
    "counting-v1": "87225046d65c0d30681e6ef067d1d3371a011d0b64cc491f1938599dc1c0b4fe",
    "depth-v1": "fffd8a3a5ff6fac77fbac9734a07ab2763bba331a57c9bd46fbeb5e53d78bbfe",
    "default-v1": "7ad0354e5ff57e4203626c30f4cc95c995d588f70e83204de1a7772dde3f61a8",
    "quick-v1": "5f18567857f5ac864533e348190ffb767fbbad295fe6de0c418c760a0df458a4",
    "concurrency-v1": "967dad3c4acac41817e9690878decaae4aecb674764a1ca2d756a6d4fa826fdf",
}


@pytest.mark.parametrize("name", PINNED)
def test_a_published_suite_never_changes(name):
    assert suites.load(name).sha256.startswith(PINNED[name])


def test_every_suite_in_the_tree_is_pinned_here():
    assert set(suites.names()) == set(PINNED)


def test_a_name_without_version_is_the_newest():
    assert suites.load("quick").label == "quick-v1"


def test_an_unknown_name_gets_the_nearest():
    with pytest.raises(BadInput, match="did you mean quick-v1"):
        suites.load("quik")


def test_a_synthetic_prompt_is_the_same_forever():
    words = tuple(f"w{i}" for i in range(100))
    assert suites.synthetic(words, 7, 5) == "w47 w67 w13 w27 w79"
    assert suites.synthetic(words, 8, 5) != suites.synthetic(words, 7, 5)


def test_forced_ids_are_seeded_and_in_the_vocabulary():
    suite = suites.load("quick").suite
    ids = suites.forced_ids(suite, suite.workload("tg64@d0"), 1000)
    assert ids == suites.forced_ids(suite, suite.workload("tg64@d0"), 1000)
    assert len(ids) == 64
    assert all(0 <= i < 1000 for i in ids)
    assert suites.forced_ids(suite, suite.workload("chat-short"), 1000) is None


def test_distinct_prompts_are_distinct():
    suite = suites.load("quick").suite
    texts = [suites.prompt_text(suite, suite.workload("pp512@d0"), v) for v in range(9)]
    assert len(set(texts)) == 9


def test_the_least_context_never_asks_for_too_much():
    suite = suites.load("default").suite
    wanted = texts_of(suite)
    ids = {key: tuple(range(wanted.lengths[key] or 1)) for key in wanted.texts}
    assert least_context(suite) <= required_context(suite, ids)
    assert least_context(suite) == 2048 + 16


def test_an_engine_that_makes_a_token_of_a_prefill_alone_needs_a_place_for_it():
    suite = suites.load("quick").suite  # its longest is pp512@d0, which fills two steps of 256 tokens
    wanted = texts_of(suite)
    ids = {key: tuple(range(wanted.lengths[key] or 1)) for key in wanted.texts}
    assert (required_context(suite, ids), least_context(suite)) == (512, 512)
    assert (required_context(suite, ids, makes_one=True), least_context(suite, makes_one=True)) == (513, 513)
    makes = {name for name in table.names() if table.find(name).capabilities.makes_one}
    assert makes == {"llama-server", "ollama", "openai-http"}


def broken(tmp_path, **changes):
    text = (suites.load("quick").path).read_text()
    for before, after in changes.values():
        assert before in text
        text = text.replace(before, after, 1)
    path = tmp_path / "broken.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("output_tokens = 32", "output_tokens = 0", "output_tokens is 0"),
        ("output_tokens = 32", "output_tokens = -3", "output_tokens"),
        ('headline = "decode-128"', 'headline = "decode"', "headline 'decode' must be a workload"),
        ('mode = "greedy"', 'mode = "sampled"', "mode"),
        ("version = 1", "version = 1\ncolour = 2", "colour"),
        ("version = 1", "version = ", "is not valid TOML"),
        ('id = "decode-128"', 'id = "chat-short"', "two workloads have one id"),
        ("timed_trials = 3", "timed_trials = 0", "timed_trials"),
    ],
)
def test_a_broken_suite_is_refused_in_one_line_that_names_the_file(tmp_path, before, after, words):
    with pytest.raises(BadInput) as caught:
        suites.load(str(broken(tmp_path, change=(before, after))))
    assert words in str(caught.value)
    assert "broken.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_one_process_scores_the_probe_and_each_has_its_own_distinct_prompt():
    from pathlib import Path

    from harness.run.execute.plan import Triple

    suite = suites.load("quick").suite
    wanted = texts_of(suite)
    ids = {
        key: tuple((len(key) * 31 + ord(key[-1]) * 7 + i) % 1000 for i in range(wanted.lengths[key] or 13))
        for key in wanted.texts
    }
    triple = Triple("simulated", Path("m"), "gguf", {}, suite, 1000, seed=5)
    first, second = plan_for(triple, ids, 0, probe=True), plan_for(triple, ids, 1)
    assert first.probe
    assert not second.probe
    checked = [w for plan in (first, second) for w in plan.workloads if w.id == suite.cache_check]
    assert checked[0].prompt == checked[1].prompt
    assert checked[0].distinct != checked[1].distinct
    assert all(len(w.distinct) == 512 for w in checked)
