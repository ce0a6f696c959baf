"""A registry's two kinds of database: the same tests hold for both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import postgres


@pytest.fixture(scope="session")
def server() -> Iterator[str | None]:
    """The URL of a PostgreSQL of this test run; None where none is installed."""
    with postgres.cluster() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path, server: str | None) -> Iterator[str]:
    """Where a new registry may be made."""
    if request.param == "sqlite":
        yield str(tmp_path / "registry")
        return
    if server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    made = postgres.fresh(server)
    yield made
    postgres.dropped(made)
