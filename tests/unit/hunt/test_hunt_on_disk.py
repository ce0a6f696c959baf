"""A hunt's folder: what it asks is what its name says, whatever somebody wrote into it."""

import json

import pytest

from harness.errors import BadInput, RecordInvalid
from harness.hunt.state import opened
from tests.support.simulated_hunts import question


@pytest.fixture
def begun(tmp_path):
    with opened(tmp_path, question(5), resume=False) as state:
        return state


def edited(state, change):
    path = state.folder / "question.json"
    asked = json.loads(path.read_bytes())
    change(asked)
    path.write_text(json.dumps(asked))


@pytest.mark.parametrize(
    "change",
    [
        lambda asked: asked.update(metric="ttft"),
        lambda asked: asked.update(metric="no metric"),
        lambda asked: asked.update(candidates=[]),
        lambda asked: asked.update(candidates=asked["candidates"][:1]),
        lambda asked: asked.update(faster=True),
        lambda asked: asked["candidates"][-1].update(place="9.9"),
    ],
)
def test_a_question_that_was_edited_is_refused_in_one_line(begun, tmp_path, change):
    edited(begun, change)
    with pytest.raises(RecordInvalid, match="asks something else") as told, opened(tmp_path, question(5), resume=True):
        pass
    assert "remove that folder" in str(told.value)


def test_what_lies_between_may_be_of_another_day(begun, tmp_path):
    """Which releases the index had is written down, and not asked for again."""
    only = question(5).model_copy(update={"candidates": (question(5).candidates[0], question(5).candidates[-1])})
    with opened(tmp_path, only, resume=True) as state:
        assert len(state.question.candidates) == 5
    with pytest.raises(BadInput, match="was begun and is not over"), opened(tmp_path, only, resume=False):
        pass
