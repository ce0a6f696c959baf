"""A small world for the registry's tests: a registry with its editor, people who do not exist, and what they do. Times are the test's own."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.catalog import policies
from harness.demo.records import Person, Setup, person, sealed
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.actions.acts import Actor, Wish
from harness.registry.actions.create import Charter, found
from harness.registry.db.transaction import Item, Taken
from harness.registry.facts import RecordFact
from harness.registry.intake.ingest import Submission, checked
from harness.registry.opening import open_database
from harness.registry.store import Registry
from tests.support import postgres

ORIGIN = "test.example/registry"


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(f"test:{name}".encode()).digest())


def text(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def editors(
    *names: str,
    version: int = 1,
    threshold: int = 1,
    expires: str = "2099-12-31",
    keys: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """A list of editors; the key of each is made from its name, or from what `keys` says."""
    entries = {}
    for name in names:
        seed = (keys or {}).get(name, name)
        entries[name] = {"key": text(key(seed)), "next_key_sha256": key_id(key(f"next:{seed}").public_key())}
    return {"version": version, "threshold": threshold, "expires": expires, "editors": entries}


def charter(
    *names: str, threshold: int = 1, approvals: int = 1, demonstration: bool = False, policy: str = "network-v2"
) -> Charter:
    loaded = policies.load(policy)
    document = editors(*(names or ("ed",)), threshold=threshold)
    return Charter(ORIGIN, text(key("registry")), document, policy, loaded.sha256, approvals, demonstration)


# Cards of the device table, since an unlisted one is distinct from nothing; tests name them by letters, as the demonstration does.
CARDS = (
    "GeForce RTX 4090", "GeForce RTX 3090", "GeForce RTX 3080", "GeForce RTX 4080", "GeForce RTX 4070", "GeForce RTX 5090",
    "Radeon RX 7900 XTX", "Radeon RX 7900 XT", "Radeon RX 6800 XT", "GeForce RTX 3070", "GeForce RTX 3060 Ti", "Arc A750", "Arc B580",
    "GeForce RTX 5080", "GeForce RTX 5070", "Radeon RX 9070 XT", "Radeon RX 9070", "Radeon RX 7600", "Radeon RX 6700 XT",
    "GeForce RTX 2080 Ti",
)  # fmt: skip


def card(letter: str) -> str:
    """The card behind `Synthetic GPU A`."""
    return CARDS[ord(letter) - ord("A")]


def listed(sku: str) -> str:
    """A card of the table for a synthetic one; any other name as it is."""
    letter = sku.removeprefix("Synthetic GPU ")
    return card(letter) if len(letter) == 1 and letter in "ABCDEFGHIJKLMNOPQRST" else sku


REAL = Setup(synthetic=False, sku=CARDS[0])  # as records of real runtimes are; nobody but a test signs such a thing


@dataclass
class World:
    registry: Registry
    people: dict[str, Person] = field(default_factory=dict)

    def actor(self, name: str) -> Actor:
        return Actor(name, (self.person(name).operator,))

    def editor(self, name: str = "ed") -> Actor:
        return Actor(name, (key(name),))

    def person(self, name: str, rig: str = "") -> Person:
        return self.people.setdefault(name, person(name, rig))

    def join(self, name: str, rig: str = "") -> Person:
        who = self.person(name, rig)
        acts.join(self.registry, self.actor(name), text(who.operator), key_id(who.following.public_key()))
        return who

    def record(self, name: str, rig: str = "", **setup: Any) -> Submission:
        """Signed by that person, and checked."""
        numbers = {k: setup.pop(k) for k in ("number", "previous") if k in setup}
        seed = setup.pop(
            "seed", int.from_bytes(sha256(f"{name}{rig}{sorted(setup.items())}".encode()).digest()[:4], "big")
        )
        who = self.person(name, rig) if not rig else person(name, rig)
        made = replace(REAL, seed=seed, **setup)
        made = made if made.synthetic else replace(made, sku=listed(made.sku))
        envelope, samples = sealed(who, made, **numbers)
        return checked(envelope, samples, name)

    def submit(self, found: Submission, row: str = "", **wish: Any) -> Taken:
        handle = found.measured.measurement.operator
        self.join(handle)
        taken = acts.submit(self.registry, self.actor(handle), found, Wish(row=row, **wish))
        assert taken is not None
        return taken

    def approve(self, record: str, editor: str = "ed", reason: str = "complete, and possible") -> Taken:
        return acts.act(self.registry, self.editor(editor), "record-approved", record, reason=reason)

    def accepted(self, name: str, row: str = "", rig: str = "", **setup: Any) -> str:
        """A record measured, submitted and approved; its id."""
        found = self.record(name, rig, **setup)
        self.submit(found, row)
        self.approve(found.id)
        return found.id

    def act(self, actor: Actor, kind: str, subject: str, **more: Any) -> Taken:
        return acts.act(self.registry, actor, kind, subject, **more)

    def raw(self, event: Any, *keys: Ed25519PrivateKey) -> Taken:
        return self.registry.append_one(Item(event.signed(keys).to_bytes()), acts.utc())

    def status(self, record: str) -> str:
        with self.registry.reading() as reader:
            return reader.need(RecordFact, record).status.value


def world(
    target: str,
    *names: str,
    threshold: int = 1,
    approvals: int = 1,
    demonstration: bool = False,
    policy: str = "network-v2",
    anew: bool = False,
) -> World:
    """A new registry at the place: where nothing is yet, a copy of one that this process founded before: the same, and sooner there.

    `anew`: founded here, by the program as a test has changed it.
    """
    asked = (names or ("ed",), threshold, approvals, demonstration, policy)
    if anew:
        return World(_founded(target, *asked))
    if postgres.is_empty(target):
        postgres.copied(_database(urlsplit(target)._replace(path="/postgres").geturl(), *asked), target)
        return World(open_database(target))
    # At a server, in a file, where something is already.
    if "://" in target or Path(target).suffix or Path(target).exists():
        return World(_founded(target, *asked))
    shutil.copytree(_model(*asked), target)
    return World(open_database(target))


def _founded(
    target: str, names: tuple[str, ...], threshold: int, approvals: int, demonstration: bool, policy: str
) -> Registry:
    made = charter(*names, threshold=threshold, approvals=approvals, demonstration=demonstration, policy=policy)
    return found(target, made.event(names[0]), [key(name) for name in names])


@cache
def _database(server: str, *asked: Any) -> str:
    """The same as a database."""
    place = postgres.fresh(server)
    _founded(place, *asked).close()
    return place


@cache
def _model(*asked: Any) -> Path:
    """A founded registry that nobody opens again: only its files are copied."""
    folder = Path(tempfile.mkdtemp(prefix="world-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _founded(str(folder / "registry"), *asked).close()
    return folder / "registry"
