"""Handles that speak for the registry, break a page's address, or look like another one."""

from __future__ import annotations

import pytest

from harness.registry.rules.handles import flaw, nearly_equal, skeleton


@pytest.mark.parametrize(
    "handle",
    ["editor", "admin", "anonymous", "index", "page-2", "page2", "con", "nul", "com1", "lpt9", "a-", "ed-", "a--b", "a__b", "root", "synthetic", "unsigned"],
)  # fmt: skip
def test_a_handle_that_nobody_may_take(handle):
    assert flaw(handle)


@pytest.mark.parametrize(
    "handle", ["ed", "ada", "conny", "pages", "indexer", "com10", "a-b", "editorial-board", "synthetic-ada"]
)
def test_a_handle_that_somebody_may_take(handle):
    assert flaw(handle) is None


@pytest.mark.parametrize(
    ("a", "b"), [("ed", "ed-"), ("bill", "bi11"), ("b0b", "bob"), ("bernie", "bemie"), ("vvolf", "wolf"), ("a_b", "a-b"), ("ali", "a1l"), ("clara", "dara")]
)  # fmt: skip
def test_handles_that_look_alike_have_one_skeleton(a, b):
    assert skeleton(a) == skeleton(b)


@pytest.mark.parametrize(("a", "b"), [("ada", "eda"), ("ann", "anne"), ("op2", "op3")])
def test_other_handles_have_their_own(a, b):
    assert skeleton(a) != skeleton(b)


@pytest.mark.parametrize(
    ("a", "b"), [("alice", "alic"), ("alice", "alices"), ("alice", "alise"), ("alice", "ailce"), ("alice", "lice")]
)
def test_one_keystroke_is_nearly_equal(a, b):
    assert nearly_equal(a, b)
    assert nearly_equal(b, a)


@pytest.mark.parametrize(
    ("a", "b"), [("alice", "alice"), ("alice", "bob"), ("ed", "er"), ("alice", "alxyz"), ("alice", "ecila")]
)
def test_others_are_not(a, b):
    assert not nearly_equal(a, b)
