"""The records behind a change that a watch shows are those that it rests on."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.hunt import watch
from harness.hunt.batch import Batch
from harness.hunt.question import Question
from harness.progress import SILENT
from harness.run.prepare.package_index import Answer, Offered
from harness.terminal import watching
from tests.support import program

SPEEDS = (100, 101, 100, 99, 100, 101, 100, 99)
SLOW = Batch(SPEEDS, tuple(9 * one // 10 for one in SPEEDS))
OFFERED = Answer((Offered("0.3.36", usable=True), Offered("0.3.35", usable=True)))
NIGHTS = {1: SLOW, 2: Batch((), (), dropped="the clock was not steady"), 3: SLOW}


@pytest.fixture
def watched(tmp_path, monkeypatch, simulated_record):
    """Three nights on disk; the second one's records failed a check of their own."""
    monkeypatch.setattr(watch, "read_batch", lambda _good, other, *_: NIGHTS[other.run.seed])
    question = Question(
        runtime="llama.cpp", candidates=(), model="m", suite="quick", suite_sha256="0" * 64, workload="decode",
        metric="decode_rate", band_percent=3.0, backend="cpu", seed=0,
    )  # fmt: skip
    made = watch.Watch(question, tmp_path, tmp_path / "cache", None, _never, SILENT, _never)
    for night in NIGHTS:
        for name in watch.SIDES:
            folder = tmp_path / "watch" / "llama.cpp-m-00000000-decode_rate" / "0.3.36-after-0.3.35"
            kept = program.copied(simulated_record.parent, folder / f"point-{night:02d}" / name / "record")
            program.edited(kept, lambda predicate, night=night: predicate["run"].update(seed=night))
    return made


def _never(*_):
    raise AssertionError("nothing is measured: two nights agree")


def test_a_night_that_does_not_count_is_not_submitted_in_place_of_one_that_does(watched):
    found = watched.run(OFFERED)
    assert (found.candidate, found.measured, len(found.points)) == (True, False, 2)
    nights = [path.parents[2].name for path in map(Path, found.records)]
    assert nights == ["point-01", "point-01", "point-03", "point-03"]
    assert watching.says(found) == (
        "possible regression: two successive points; 1 point not counted, the last: the clock was not steady"
    )


def test_nights_of_a_model_that_was_replaced_meanwhile_are_not_put_together(watched, monkeypatch):
    monkeypatch.setitem(NIGHTS, 1, replace(SLOW, weights="older"))
    (step,) = watched._folder.iterdir()
    found = watched._nights(watched._kept(step))
    assert len(found.usable) == 1
    assert found.dropped == ["the model's file was another one then", "the clock was not steady"]


def test_nights_of_another_machine_are_not_put_together(watched, monkeypatch):
    monkeypatch.setitem(NIGHTS, 1, replace(SLOW, machine="another"))
    (step,) = watched._folder.iterdir()
    found = watched._nights(watched._kept(step))
    assert found.dropped == ["it was another machine, or another rig key, then", "the clock was not steady"]


def test_two_that_do_other_work_are_told_and_measured_no_more(watched, monkeypatch):
    other = Batch((), (), unfit="it did other work: prompt_tokens")
    monkeypatch.setattr(watch, "read_batch", lambda *_: other)
    found = watched.run(OFFERED)
    assert (found.failed, found.measured, found.candidate) == (True, False, False)
    assert watching.says(found) == "0.3.36 can't be held against 0.3.35: it did other work: prompt_tokens"


@pytest.mark.parametrize("change", [{"settings": ("threads=1",)}, {"backend": "cuda"}, {"model": "/data/m.gguf"}])
def test_nights_of_another_configuration_are_not_this_one_s(watched, tmp_path, change):
    plain = watched._question
    other = watch.Watch(plain.model_copy(update=change), tmp_path, tmp_path, None, _never, SILENT, _never)
    third = watch.Watch(
        plain.model_copy(update=change | {"settings": ("threads=2",)}), tmp_path, tmp_path, None, _never, SILENT, _never
    )
    assert len({one._folder for one in (watched, other, third)}) == 3
