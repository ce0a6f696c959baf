from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgres
from tests.support.registry_world import World, world


@pytest.fixture(scope="session")
def server() -> Iterator[str | None]:
    with postgres.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, server: str | None) -> str:
    """Where a new registry may be made: the same tests hold for both databases."""
    if request.param == "sqlite":
        return str(tmp_path / "registry")
    if server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return postgres.fresh(server)


@pytest.fixture
def registry(place: str) -> World:
    return world(place)


@pytest.fixture
def small(place: str) -> World:
    """The same, by the name that the tests of rules use."""
    return world(place)
