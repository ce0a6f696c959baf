"""What attackers have: a registry with something in it, keys of operators who joined, an editor's session; and what they could bring."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from random import Random
from threading import Lock

from harness.record import envelope, signed_request
from harness.record.envelope import key_id
from harness.registry.actions import acts, editors, proposals
from harness.registry.actions.acts import Actor, Wish
from harness.registry.actions.passkeys import Prepared, prepared
from harness.registry.actions.proposals import Proposal
from harness.tlog import event as events
from harness.tlog.event import Event
from tests.support.authenticator import Authenticator
from tests.support.console_desk import Desk
from tests.support.console_forms import form_to
from tests.support.registry_world import CARDS, ORIGIN, World

Parts = dict[str, bytes]


@dataclass
class Scene:
    """`unsent` holds submissions that would be taken as they are; `taken` one that was. Nothing here may be sent unchanged."""

    world: World
    desk: Desk  # an editor, signed in with a passkey
    people: list[str]
    unsent_parts: list[Parts] = field(default_factory=list)
    taken: Parts = field(default_factory=dict)
    record: str = ""  # of what was taken: it waits
    csrf: str = ""
    act_form: list[tuple[str, str]] = field(default_factory=list)  # an approval, not signed
    act: Prepared | None = None  # another
    proposal: Proposal | None = None  # of another editor: it waits for the desk's signature
    used: str = ""  # a number for signed requests that was used
    lock: Lock = field(default_factory=Lock)

    @property
    def port(self) -> int:
        return int(self.desk.client.base_url.port or 0)

    def unsent(self, rng: Random) -> Parts:
        return dict(rng.choice(self.unsent_parts))

    def event(self, rng: Random) -> tuple[Event, str]:
        """That submits a record and was not sent, and its operator."""
        found = event_of(self.unsent(rng)["event"])
        return found, found.by

    def size(self) -> int:
        with self.world.registry.reading() as reader:
            return reader.size()

    def nonce(self) -> str:
        found: str = self.desk.client.get("/v1/nonce").json()["nonce"]
        return found

    def signed(self, path: str, who: str, method: str = "GET", body: bytes = b"", **said: str) -> dict[str, str]:
        """The headers of a request that carries no event. `said`: `nonce`, `origin`."""
        told = {"nonce": said.get("nonce") or self.nonce(), "origin": said.get("origin", ORIGIN)}
        return signed_request.sign(method, path, body, self.world.person(who).operator, **told)


def event_of(data: bytes) -> Event:
    return events.read(envelope.read(data, "event").payload, "event")


def made(world: World, desk: Desk, operators: int = 6, unsent: int = 4) -> Scene:
    """`desk`: its passkey is on the list of editors. Each operator joins; the first submits a record, over HTTP."""
    people = [f"op-{number:03}" for number in range(operators)]
    for name in people:
        world.join(name)
    scene = Scene(world, desk, people)
    first = _submission(scene, people[0], "taken")
    answer = desk.client.post("/v1/events", files={name: (name, data) for name, data in first.items()})
    assert answer.status_code == 201, answer.text
    scene.taken, scene.record = first, event_of(first["event"]).subject
    scene.unsent_parts = [_submission(scene, people[n % operators], f"unsent {n}") for n in range(unsent)]
    assert desk.sign_in().status_code == 303
    shown = desk.get("/console/editors").text
    scene.csrf = dict(form_to(shown, "/console/sign-out").fields)["csrf"]
    page = desk.prepare("record-approved", scene.record).text
    scene.act_form = desk.signed(form_to(page, "/console/acts"), Authenticator(name="nobody's", rp_id="localhost"))
    scene.act = prepared(world.registry, desk.handle, "record-approved", scene.record, reason="complete, and possible")
    document = editors.changed(world.registry, editors.Change(threshold=2))
    data = editors.propose_editors(world.registry, world.editor(), document, "two from now on")
    scene.proposal = proposals.keep(world.registry, data)
    scene.used = scene.nonce()
    read = desk.client.get("/v1/submissions", headers=scene.signed("/v1/submissions", people[0], nonce=scene.used))
    assert read.status_code == 200, read.text
    return scene


def _submission(scene: Scene, name: str, model: str) -> Parts:
    found = scene.world.record(name, sku=CARDS[int(name[-3:]) % len(CARDS)], model=f"model-{model.replace(' ', '-')}")
    actor = Actor(name, (scene.world.person(name).operator,))
    with scene.world.registry.reading() as reader:
        item = acts.submission(reader, actor, found, Wish())
    return {"event": item.envelope, "record": found.envelope, "samples": found.samples}


def keyid(scene: Scene, name: str) -> str:
    return key_id(scene.world.person(name).operator.public_key())


def resigned(scene: Scene, payload: bytes, name: str) -> bytes:
    """Any bytes as an event's envelope, truly signed by that operator."""
    return envelope.sign(payload, [scene.world.person(name).operator], events.PAYLOAD_TYPE).to_bytes()


def as_json(event: Event) -> dict[str, object]:
    found: dict[str, object] = json.loads(event.payload())
    return found
