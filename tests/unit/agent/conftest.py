"""An agent of bob's at a service over loopback, where ann asks for measurements."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import pytest

from harness.agent import lead, sending, state, work
from harness.progress import SILENT
from harness.record import keys
from harness.registry.actions import requests
from harness.registry.actions.acts import Actor
from harness.registry.actions.requests import Step
from harness.registry.facts import RecordFact
from harness.registry.remote.registry import opened
from tests.support import agents, tiny_gguf
from tests.support.registry_world import World, key, world
from tests.support.served import served


@dataclass
class Scene:
    """All of it. `agent` may be replaced."""

    world: World
    url: str
    agent: Any
    said: list[str] = field(default_factory=list)

    def ask(self, model="tiny", runtime="simulated", hardware="here", accepted=True) -> str:
        made = requests.open_request(
            self.world.registry, self.world.actor("ann"), model=model, hardware=hardware, runtime=runtime
        )
        if accepted:
            requests.step(self.world.registry, self.world.editor(), Step.ACCEPT, made.request, reason="useful to know")
        return made.request

    def change(self, **more) -> None:
        self.agent = replace(self.agent, **more)

    def turn(self):
        return lead.turn(self.agent)

    def queue(self) -> dict[str, str]:
        """Records at the registry: id → the request that each answers."""
        with self.world.registry.reading() as reader:
            return {name: one.request for name, one in reader.all(RecordFact).items()}


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    return path


@pytest.fixture
def scene(tmp_path, model, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "bob"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    made = world(str(tmp_path / "registry"), demonstration=True)
    made.join("ann")
    signers = _signers(tmp_path / "bob" / "repro-harness" / "keys")
    with served(made.registry, key("registry"), limited=False) as client:
        url = str(client.base_url).rstrip("/")
        registry = opened(url, lambda operator: signers.operator if operator else None, lambda: tmp_path / "seen")
        actor = Actor("bob", (signers.operator,))
        _introduce(registry, actor)
        scene = Scene(made, url, None)
        scene.agent = work.Agent(
            policy=agents.policy(model),
            state=state.of("test"),
            leases=registry.leases(signers.operator),
            signers=signers,
            there=partial(sending.there, registry, actor),
            send=partial(sending.send, registry, actor),
            send_failure=partial(sending.send_failure, registry, actor),
            tell=scene.said.append,
            progress=SILENT,
            policies=lead.known_policies(),
            measure=agents.prepared,
            moment=lambda _: agents.NOON,
            look=agents.idle,
        )
        yield scene
        registry.close()


def _signers(place):
    keys.create(place, "bob", None)
    return keys.unlock(place, None)


def _introduce(registry, actor):
    from harness.terminal.keys import introduced

    registry.append_all(introduced(registry, actor), "")
