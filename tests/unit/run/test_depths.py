"""Depths and conversations: what is planned, what is left out and why, what a record of them must say."""

from itertools import pairwise
from pathlib import Path

import pytest

from harness.catalog import suites
from harness.errors import BadInput
from harness.run.execute.plan import Triple, least_context, plan_for, required_context, texts_of
from harness.run.prepare.depths import LeftOut, Limit, fitting

DEPTH, AGENT = suites.load("depth-v1").suite, suites.load("agent-v1").suite


def planned(suite, **able):
    texts = texts_of(suite)
    ids = {name: tuple(range(texts.lengths[name] or 20)) for name in texts.texts}
    triple = Triple("x", Path("m.gguf"), "gguf", {}, suite, 1000, 7, **able)
    return {workload.id: workload for workload in plan_for(triple, ids, 0).workloads}, ids


def test_a_depth_is_in_the_cache_and_not_in_the_prompt():
    work, ids = planned(DEPTH, deepens=True)
    assert len(work["pp512@d4096"].history) == 4096
    assert len(work["pp512@d4096"].prompt) == 512
    assert work["tg32@d4096"].prompt == ()
    assert len(work["tg32@d4096"].forced) == 32
    assert required_context(DEPTH, ids) == least_context(DEPTH) == 32768 + 512


def test_the_shallower_depth_is_the_beginning_of_the_deeper():
    work, _ = planned(DEPTH, deepens=True)
    assert work["tg32@d1024"].history == work["pp512@d16384"].history[:1024]


def test_a_challenge_draws_other_depths():
    work, _ = planned(DEPTH, deepens=True)
    other, _ = planned(DEPTH, deepens=True, challenge="c")
    assert work["tg32@d1024"].history != other["tg32@d1024"].history


def test_a_runtime_that_begins_at_nothing_runs_the_empty_depths_alone():
    work, _ = planned(DEPTH)
    assert list(work) == ["decode-64", "pp512@d0", "tg32@d0"]


def test_what_does_not_fit_is_left_out_with_the_tightest_limit():
    limits = [Limit(8192, "the model was trained for 8,192 tokens"), Limit(5000, "-o context=5000")]
    kept, gone = fitting(DEPTH, limits)
    assert [w.id for w in kept.workloads if w.depth] == ["pp512@d1024", "tg32@d1024", "pp512@d4096", "tg32@d4096"]
    assert gone[0] == LeftOut("pp512@d16384", "-o context=5000")
    assert least_context(kept) == 4608
    assert fitting(DEPTH, []) == (DEPTH, ())


def test_the_edge_of_a_limit_fits():
    _, gone = fitting(DEPTH, [Limit(32768 + 512, "edge")])
    assert gone == ()
    assert len(fitting(DEPTH, [Limit(32768 + 511, "edge")])[1]) == 1


def test_nothing_of_a_conversation_is_left_out():
    assert fitting(AGENT, [Limit(1, "tiny")]) == (AGENT, ())


def test_a_turn_continues_what_was_said_before_it():
    work, ids = planned(AGENT, keeps=True)
    turns = [work[f"turn-{number}"] for number in range(1, 6)]
    assert turns[0].history == ()
    for earlier, later in pairwise(turns):
        said = len(earlier.history) + len(earlier.prompt) + earlier.output_tokens
        assert len(later.history) == said
        assert later.history + later.prompt == ids[f"{later.id}#0"]
        assert said % 128 == 0


def test_without_a_prefix_cache_a_turn_computes_the_whole_conversation():
    work, ids = planned(AGENT)
    assert work["turn-5"].history == ()
    assert work["turn-5"].prompt == ids["turn-5#0"]
    assert len(work["turn-5"].prompt) == 1536 + 192


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('headline = "decode-64"', 'headline = "tg32@d1024"', "no engine leaves out"),
        ('cache_check = "pp512@d0"', 'cache_check = "pp512@d1024"', "empty cache"),
        ("depth = 4096\n", "depth = 0\n", "depth"),
        ("depth = 4096\n", 'depth = 4096\ntext = "a"\n', "give text or prompt_tokens"),
    ],
)
def test_a_suite_with_a_bad_depth_is_refused_in_one_line(tmp_path, old, new, words):
    path = tmp_path / "suite.toml"
    path.write_text(suites.load("depth-v1").path.read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match=words) as caught:
        suites.read(path)
    assert "\n" not in str(caught.value)
