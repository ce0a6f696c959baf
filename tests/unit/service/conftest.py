from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.actions.acts import Wish
from harness.registry.intake.ingest import Submission
from tests.support.registry_world import World, key, text, world
from tests.support.served import served


@dataclass
class Over:
    """A registry, and its service over HTTP."""

    world: World
    client: httpx2.Client

    def event(self, name: str, kind: str, subject: str, **detail: Any) -> bytes:
        """Signed by that person's operator key, on the log as it is now."""
        actor = self.world.actor(name)
        with self.world.registry.reading() as reader:
            made = acts.event(reader, actor, kind, subject, detail=detail)
        return made.signed(actor.keys).to_bytes()

    def joining(self, name: str) -> bytes:
        who = self.world.person(name)
        detail = {"operator_key": text(who.operator), "next_key_sha256": key_id(who.following.public_key())}
        return self.event(name, "operator-joined", name, **detail)

    def submission(self, found: Submission, name: str | None = None) -> dict[str, bytes]:
        """The parts of its submission, signed by its operator or by `name`."""
        actor = self.world.actor(name or found.claims.handle)
        with self.world.registry.reading() as reader:
            item = acts.submission(reader, actor, found, Wish())
        return {"event": item.envelope, "record": found.envelope, "samples": found.samples}

    def post(self, parts: dict[str, bytes], query: str = "") -> httpx2.Response:
        files = {name: (name, data) for name, data in parts.items()}
        return self.client.post("/v1/events" + query, files=files)

    def size(self) -> int:
        with self.world.registry.reading() as reader:
            return reader.size()


def over(target: str, **settings: Any) -> Any:
    from contextlib import contextmanager

    @contextmanager
    def running() -> Iterator[Over]:
        made = world(target)
        with served(made.registry, key("registry"), **settings) as client:
            yield Over(made, client)

    return running()


@pytest.fixture
def service(place: str) -> Iterator[Over]:
    """On either database, without limits."""
    with over(place, limited=False) as found:
        yield found


@pytest.fixture
def limited(place: str) -> Iterator[Over]:
    """With them."""
    with over(place) as found:
        yield found


@pytest.fixture
def plain(tmp_path: Any) -> Iterator[Over]:
    """On SQLite alone, without limits: where the database has no say."""
    with over(str(tmp_path / "registry"), limited=False) as found:
        yield found


def problem(response: httpx2.Response) -> dict[str, Any]:
    """A problem document, whole. Fails for anything else."""
    assert response.headers["content-type"] == "application/problem+json", response.text[:500]
    found: dict[str, Any] = response.json()
    assert set(found) == {"type", "title", "status", "detail", "code", "field", "remedy"}
    assert found["status"] == response.status_code
    assert found["detail"]
    return found
