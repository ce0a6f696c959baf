"""A challenge before a run begins: whose it is, whether it was used, and whether the run can end within it."""

from __future__ import annotations

import pytest

from harness.errors import BadInput
from harness.registry.actions import acts
from harness.registry.queries.challenges import usable
from tests.support.registry_world import key, world


@pytest.fixture
def issued(tmp_path):
    made = world(str(tmp_path / "registry"))
    made.join("ann")
    nonce, ends = acts.challenge(made.registry, key("registry"), "ann", 1)
    return made, nonce, ends


def test_a_run_that_can_not_end_within_the_challenge_is_refused_before_it_begins(issued):
    made, nonce, _ = issued
    with made.registry.reading() as reader:
        usable(reader, nonce, "ann", acts.utc(), 3600)
        with pytest.raises(BadInput, match="before a run of 90000 s can end"):
            usable(reader, nonce, "ann", acts.utc(), 90_000)


def test_another_s_an_unknown_an_expired_and_a_used_one_are_refused(issued):
    made, nonce, ends = issued
    with made.registry.reading() as reader:
        for wrong, who, now in (
            (nonce, "bob", acts.utc()),
            ("f" * 64, "ann", acts.utc()),
            (nonce, "ann", "2099-01-01T00:00:00Z"),
        ):
            with pytest.raises(BadInput):
                usable(reader, wrong, who, now)
        usable(reader, nonce, "ann", ends)
