"""The registry asks witnesses to sign its newest checkpoint, and keeps what they sign, in nobody's way."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from harness.errors import NotAllowed, ReproError, Unavailable
from harness.measure.plural import count
from harness.registry.db import checkpoints, cosignatures
from harness.registry.facts import WitnessFact
from harness.registry.remote import outgoing
from harness.registry.remote.outgoing import Answer
from harness.registry.store import Registry
from harness.tlog import cosignature, merkle, witness
from harness.tlog.cosignature import Cosigner
from harness.tlog.witness import Request

Post = Callable[..., Answer]
SIZE_TYPE = "text/x.tlog.size"
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,15})\n?")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 5.0, 3600.0


@dataclass(slots=True)
class Peer:
    """What this process knows of a witness: the size that it signed last, and when it is asked again after a failure."""

    size: int = 0
    failures: int = 0
    not_before: float = 0.0  # by the caller's clock, in seconds


@dataclass(slots=True)
class Peers:
    """Of all witnesses, by name. `private`: names of those that may be on this machine or its network."""

    private: Collection[str] = ()
    known: dict[str, Peer] = field(default_factory=dict)

    def of(self, name: str) -> Peer:
        """Made where it was not known."""
        return self.known.setdefault(name, Peer())


@dataclass(frozen=True, slots=True)
class Asked:
    """How a witness answered: the size that it has signed now, or why it has not."""

    name: str
    signed: int | None
    error: ReproError | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A witness that has not signed the newest checkpoint, as far as is known."""

    name: str
    url: str
    cosigner: Cosigner
    size: int
    note: bytes


def due(registry: Registry, peers: Peers, now: float) -> list[Due]:
    """Whom to ask now: nobody while nothing new is signed by the registry itself."""
    with registry.reading() as reader:
        active = {name: one for name, one in reader.all(WitnessFact).items() if not one.removed}
        if not active:
            return []
        size, note = checkpoints.newest_size(reader), checkpoints.newest_note(reader)
        have = cosignatures.witnesses(reader, size)
    found = []
    for name, one in active.items():
        cosigner = cosignature.parse_vkey(one.key, name)
        done = f"{name}+{cosigner.hash.hex()}" in have
        if note is not None and not done and now >= peers.of(name).not_before:
            found.append(Due(name, one.url, cosigner, size, note))
    return found


def ask(registry: Registry, one: Due, peers: Peers, now: float, post: Post = outgoing.post) -> Asked:
    """Ask one witness, and keep its signature. Never raises what the witness or the network did wrong; it is asked later then."""
    peer = peers.of(one.name)
    try:
        note = _signed(registry, one, peer, post, private=one.name in peers.private)
    except ReproError as error:
        peer.failures += 1
        peer.not_before = now + min(_FIRST_WAIT_S * 2 ** (peer.failures - 1), _LONGEST_WAIT_S)
        return Asked(one.name, None, error)
    _, lines = cosignature.parted(note, one.name)
    mine = {name: text for name, text in lines.items() if name == f"{one.name}+{one.cosigner.hash.hex()}"}
    with registry.counting() as reader:
        cosignatures.put(reader, one.size, mine)
    peer.size, peer.failures, peer.not_before = one.size, 0, 0.0
    return Asked(one.name, one.size)


def _signed(registry: Registry, one: Due, peer: Peer, post: Post, *, private: bool) -> bytes:
    """The note with the witness's line, which holds. A witness that names another size is asked once more, from there."""
    for _ in range(2):
        with registry.reading() as reader:
            proof = tuple(merkle.consistency_proof(min(peer.size, one.size), one.size, reader.node))
        body = witness.write(Request(min(peer.size, one.size), proof, one.note))
        answer = post(f"{one.url.rstrip('/')}/add-checkpoint", body, {"Content-Type": "text/plain"}, private=private)
        if answer.status == 200:
            return _held(one, answer.body)
        if answer.status != 409 or answer.media_type != SIZE_TYPE or _SIZE.fullmatch(answer.body) is None:
            raise Unavailable(f"answered {answer.status}", where=one.name, fix="ask whoever runs it")
        peer.size = int(answer.body)
        if peer.size > one.size:
            raise NotAllowed(
                f"has signed {count(peer.size, 'entry', 'entries')} of this log, and here it has {one.size}: "
                "entries are missing here",
                where=one.name,
                fix="run: repro audit; compare with an export",
            )
    raise Unavailable("names another size each time", where=one.name, fix="ask whoever runs it")


def _held(one: Due, answer: bytes) -> bytes:
    """The note with what the witness answered, which holds for every reader: over this text, and not from the future."""
    note = one.note + answer
    if b"\n\n" in answer or answer.startswith(b"\n"):  # the registry's own line would be text
        raise Unavailable("answered more than signature lines", where=one.name, fix="ask whoever runs it")
    signed = cosignature.times(note, [one.cosigner], one.name).get(one.name)
    if signed is None:
        raise Unavailable("answered without its cosignature", where=one.name, fix="check its key")
    if signed > time.time() + cosignature.MOST_AHEAD_S:  # every audit would find it
        raise Unavailable("answered a cosignature from the future", where=one.name, fix="its clock must be set")
    return note
