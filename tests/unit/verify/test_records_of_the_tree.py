"""Records that were published with this project go on to hold, whatever became of the program's words since."""

from pathlib import Path

import pytest

from harness.record import store
from harness.verify.findings import one_wording
from harness.verify.reading import Verified, check

ROOT = Path(__file__).parents[3]
PUBLISHED = sorted((ROOT / "docs").rglob("record.json"))


def test_there_are_some():
    assert len(PUBLISHED) >= 17


@pytest.mark.parametrize("path", PUBLISHED, ids=lambda path: path.parent.name[-40:])
def test_a_published_record_holds(path):
    found = check(store.read(path.parent))
    assert found.verified is not Verified.NO, found.reason


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        ("the warm-up of 1 processes did not settle", "the warm-up of 1 process did not settle"),
        ("1 of 1 trials lie far from the rest (slow)", "1 of 1 trial lies far from the rest (slow)"),
        ("1204 pages came from disk", "1,204 pages came from disk"),
        ("1234567 tokens came in 1 chunks", "1,234,567 tokens came in 1 chunk"),
    ],
)
def test_a_number_in_other_words_is_the_same(earlier, now):
    assert one_wording(earlier) == one_wording(now)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("the warm-up of 2 processes did not settle", "the warm-up of 1 processes did not settle"),
        ("11 processes", "11 process"),
        ("2,1 processes", "2,1 process"),
        ("fastest and slowest trial are 22% apart", "fastest and slowest trial are 2% apart"),
        ("12,04 pages", "1204 pages"),
    ],
)
def test_another_number_is_another(one, other):
    assert one_wording(one) != one_wording(other)
