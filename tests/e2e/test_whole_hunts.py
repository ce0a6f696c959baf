"""A hunt and a watch from their first process to their last: real processes, records and state; the engine alone is made up.

Nothing here rests on how busy the machine is. The planted releases lie far apart, one that is *not slower* is twice as fast (a busy
machine can't tell that two are equal), and a step takes so long that waiting for a core is a small part of an answer.
"""

from hashlib import sha256
from pathlib import Path

import pytest

from harness.errors import BadInput, Interrupted
from harness.hunt import beside
from harness.hunt.bisect import Hunt
from harness.hunt.halving import End, Verdict
from harness.hunt.points import Standing
from harness.hunt.question import Candidate, Question
from harness.hunt.state import opened
from harness.hunt.watch import Watch
from harness.progress import SILENT
from harness.record.store import below, read
from harness.run.prepare.package_index import Answer, Offered
from harness.run.request import Request
from harness.run.session import Session
from tests.support import tiny_gguf

pytestmark = pytest.mark.alone
SMALL = Path(__file__).parents[1] / "data" / "small-v1.toml"
FAST, GOOD, SLOW = 700, 1500, 4000  # microseconds a step
RELEASES = ("0.3.31", "0.3.32", "0.3.33", "0.3.34", "0.3.35")


@pytest.fixture
def question(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    model = tmp_path / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    head, *workloads = SMALL.read_text().split("[[workloads]]")
    needed = [one for one in workloads if '"decode"' in one or '"pp64@d0"' in one]
    suite = tmp_path / "hunt.toml"
    suite.write_text("[[workloads]]".join([head, *needed]))
    return Question(
        runtime="llama.cpp", candidates=tuple(Candidate(name=one, place=one) for one in RELEASES), model=str(model),
        suite=str(suite), suite_sha256=sha256(suite.read_bytes()).hexdigest(), workload="decode", metric="decode_rate",
        band_percent=3.0, backend="cpu", seed=5,
    )  # fmt: skip


def planted(step_us):
    """Makes a release ready: the simulated engine with this true length of a step, by release."""

    def prepare(question, candidate, cache, progress):
        found = step_us[candidate.place]
        if found is None:
            raise BadInput("does not build here", where=candidate.name)
        settings = (f"step_us={found}", "prefill_us=5")
        return Request(question.model, "simulated", question.suite, settings, seed=question.seed)

    return prepare


def test_the_first_slower_release_is_named_after_a_stop_and_past_one_that_does_not_build(question, tmp_path):
    truth = {"0.3.31": GOOD, "0.3.32": FAST, "0.3.33": None, "0.3.34": SLOW, "0.3.35": SLOW}
    calls = []

    def cut_off(sides, seed, begin, progress):
        calls.append(seed)
        if len(calls) == 2:
            raise Interrupted("stopped", where="here")
        return beside.measure(sides, seed, begin, progress)

    def hunt(resume):
        with opened(tmp_path / "results", question, resume=resume) as state:
            return Hunt(state, tmp_path / "cache", None, Session, SILENT, planted(truth), cut_off).run()

    with pytest.raises(Interrupted):
        hunt(resume=False)
    measured = {path: path.read_bytes() for path in below(tmp_path / "results")}
    assert measured
    found = hunt(resume=True)
    assert {path: path.read_bytes() for path in measured} == measured  # nothing was measured again
    assert found.ended.end is End.FOUND
    assert found.first.name == "0.3.34"
    assert found.first.ratio == pytest.approx(GOOD / SLOW, rel=0.5)
    assert found.first.low < found.first.ratio < found.first.high < 0.97
    by_name = {step.name: step for step in found.steps}
    assert by_name["0.3.32"].ratio == pytest.approx(GOOD / FAST, rel=0.5)
    assert by_name["0.3.33"].verdict is Verdict.SKIPPED
    assert "does not build here" in by_name["0.3.33"].reason
    assert found.to_json()["last_unchanged"] == "0.3.32"
    assert found.to_json()["between"] == ["0.3.33"]


def test_a_watch_measures_a_point_a_night_until_two_agree_and_then_no_more(question, tmp_path):
    offered = tuple(Offered(one, usable=True) for one in reversed(RELEASES))
    nights = [
        Watch(
            question, tmp_path / "results", tmp_path / "cache", None, Session, SILENT,
            planted({"0.3.34": GOOD, "0.3.35": SLOW}),
        ).run(Answer(offered))
        for _ in range(3)
    ]  # fmt: skip
    assert [night.measured for night in nights] == [True, True, False]
    assert [night.candidate for night in nights] == [False, True, True]
    assert nights[0].judged.standing is Standing.OPEN
    assert (nights[0].step.newest, nights[0].step.last) == ("0.3.35", "0.3.34")
    assert {read(path).record.runtime.options["step_us"] for path in nights[2].records} == {GOOD, SLOW}
