from __future__ import annotations

import pytest

from tests.support.registry_world import World, world


@pytest.fixture
def registry(place: str) -> World:
    return world(place)


@pytest.fixture
def small(place: str) -> World:
    """The same, by the name that the tests of rules use."""
    return world(place)
