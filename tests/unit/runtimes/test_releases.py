"""`NAME@VERSION`: one grammar, and the order of releases."""

import random

import pytest

from harness.errors import BadInput
from runtimes import releases

IN_ORDER = (
    "0.2.90", "0.3.0.dev1", "0.3.0a1", "0.3.0a2", "0.3.0b1", "0.3.0rc1", "0.3", "0.3.0.post1", "0.3.2", "0.3.10", "0.12.0",
    "0.12.0.post2", "1", "2026.10.19",
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("llama.cpp", ("llama.cpp", "")),
        ("llama.cpp@0.3.30", ("llama.cpp", "0.3.30")),
        ("vllm@0.12.0.post2", ("vllm", "0.12.0.post2")),
        ("pytorch@2.15.0rc1", ("pytorch", "2.15.0rc1")),
        ("cask@20261129", ("cask", "20261129")),
    ],
)
def test_a_runtime_may_be_named_with_a_release(text, named):
    found = releases.split(text)
    assert found == named
    assert str(found) == text


@pytest.mark.parametrize(
    "release",
    [
        "", "latest", "newest", "v0.3.30", "0.3.", ".3", "0.3.*", "0.3.x", "==0.3.30", ">=0.3", "0.3.30 ", " 0.3.30", "0.03.30", "0.3.30,",
        "0.3.30@0.3.31", "0.3.30+cpu", "1!2.0", "0.3.30-1", "٠.٣.٣٠", "0.3.30\n", "--pre", "0.3.30;rm", "file:///x", "1" * 9, "1.2.3.4.5.6",
    ],
)  # fmt: skip
def test_what_an_index_does_not_write_as_a_release_is_refused(release):
    with pytest.raises(BadInput, match="must be one whole release") as caught:
        releases.split(f"llama.cpp@{release}")
    assert "repro runtime list llama.cpp --available" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_releases_are_ordered_as_the_packaging_rules_say():
    mixed = [*IN_ORDER]
    random.Random(7).shuffle(mixed)
    assert tuple(sorted(mixed, key=releases.order)) == IN_ORDER


def test_a_prerelease_is_told_from_a_release():
    assert [one for one in IN_ORDER if releases.is_prerelease(one)] == [*IN_ORDER[1:6]]
