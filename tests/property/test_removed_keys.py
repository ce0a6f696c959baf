"""After an editor, a passkey or an operator's key is removed, nothing of theirs acts, alone or beside those who may.

The rules alone, on a log in memory: the code by which events are appended and audited. Each attempt is one that those who may
act can do at that place, so that it is the key that is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ReproError
from harness.record import envelope
from harness.record.passkey import ED25519, ES256
from harness.registry.facts import EditorsFact, KeyFact, OperatorFact
from harness.registry.rules.apply import Facts, applied
from harness.registry.rules.base import Place, id_of
from harness.tlog.event import PAYLOAD_TYPE, Event
from tests.support.authenticator import Authenticator
from tests.support.passkey_world import RP_ID, WEB_ORIGIN
from tests.support.registry_world import ORIGIN, charter, key, text

Key = Ed25519PrivateKey | Authenticator
KINDS = ("file", "es256", "ed25519")
HANDLES = ("ed", "flo", "gil", "hal")
OPERATORS = ("ann", "bob")
ACTS = ("verify", "tie", "list", "allow", "policy", "revoke")


def made(kind: str, name: str) -> Key:
    return key(name) if kind == "file" else Authenticator(ES256 if kind == "es256" else ED25519, RP_ID, name)


def written(one: Key) -> str:
    return one.key.text() if isinstance(one, Authenticator) else text(one)


def identity(one: Key) -> str:
    return id_of(written(one))


@dataclass
class Log:
    """The facts so far, and every key that there was."""

    facts: Facts = field(default_factory=Facts)
    heads: list[str] = field(default_factory=lambda: [""])
    owners: dict[str, tuple[str, Key]] = field(default_factory=dict)  # by id: an editor's or an operator's handle
    next: dict[str, Key] = field(default_factory=dict)  # by id
    generation: int = 0

    @property
    def at(self) -> str:
        return f"2026-11-20T10:{len(self.heads) // 60:02}:{len(self.heads) % 60:02}Z"

    def event(self, kind: str, by: str, subject: str, detail: dict[str, Any], reason: str = "so agreed") -> Event:
        return Event(kind, ORIGIN, by, self.at, subject, reason, len(self.heads) - 1, self.heads[-1], detail)

    def apply(self, event: Event, signers: Sequence[Key], *, keep: bool) -> None:
        """Raises why it may not be."""
        payload = event.payload()
        asked = envelope.challenge(PAYLOAD_TYPE, payload)
        signatures = [
            envelope.asserted(one.key, one.assertion(asked, WEB_ORIGIN))
            if isinstance(one, Authenticator)
            else envelope.sign(payload, [one], PAYLOAD_TYPE).signatures[0]
            for one in signers
        ]
        data = envelope.Envelope(PAYLOAD_TYPE, payload, tuple(signatures)).to_bytes()
        index = len(self.heads) - 1
        _, found, _ = applied(data, Place(index, self.at), self.facts, lambda n: self.heads[n] if n <= index else None)
        if keep:
            self.facts.take(found)
            self.heads.append(sha256(payload).hexdigest())

    def fresh(self, kind: str, owner: str) -> tuple[Key, Key]:
        """A key of that owner, and its announced next."""
        self.generation += 1
        first, after = (made(kind, f"{owner} {self.generation} {place}") for place in ("now", "next"))
        self.owners[identity(first)], self.next[identity(first)] = (owner, first), after
        return first, after

    def editors(self) -> EditorsFact:
        found = self.facts.get(EditorsFact, "")
        assert found is not None
        return found

    def live(self) -> dict[str, Key]:
        """The editors' present keys, by handle."""
        return {handle: self.owners[id_of(one.key)][1] for handle, one in self.editors().editors.items()}

    def document(self, **changes: Any) -> dict[str, Any]:
        present = self.editors()
        people = {
            handle: {"key": one.key, "next_key_sha256": one.next_key_sha256} for handle, one in present.editors.items()
        }
        return {
            "version": present.version + 1, "threshold": present.threshold, "expires": "2029-12-31", "editors": people, **changes
        }  # fmt: skip

    def change(self, document: dict[str, Any], *more: Key) -> None:
        live = self.live()
        event = self.event("editors-changed", next(iter(live)), "editors", {"editors": document})
        self.apply(event, [*live.values(), *more], keep=True)


def founded() -> Log:
    log, made_of = Log(), charter("ed")
    first, after = log.fresh("file", "ed")
    made_of.editors["editors"]["ed"] = entry(first, after)  # type: ignore[index]
    start = made_of.event("ed")
    log.apply(log.event(start.kind, "ed", ORIGIN, dict(start.detail), ""), [first], keep=True)
    log.apply(log.event("passkeys-allowed", "ed", WEB_ORIGIN, {"rp_id": RP_ID}), [first], keep=True)
    for name in OPERATORS:
        mine, following = log.fresh("file", name)
        joined = {"operator_key": written(mine), "next_key_sha256": identity(following)}
        log.apply(log.event("operator-joined", name, name, joined, ""), [mine], keep=True)
    return log


def entry(one: Key, after: Key) -> dict[str, str]:
    return {"key": written(one), "next_key_sha256": identity(after)}


def add(log: Log, handle: str, kind: str) -> None:
    if handle not in log.live():
        first, after = log.fresh(kind, handle)
        document = log.document()
        document["editors"][handle] = entry(first, after)
        log.change(document)


def remove(log: Log, handle: str, _: str) -> None:
    live = log.live()
    if handle in live and len(live) > 1:
        document = log.document()
        del document["editors"][handle]
        document["threshold"] = min(document["threshold"], len(live) - 1)
        log.change(document)


def rotate(log: Log, handle: str, kind: str) -> None:
    if handle in (live := log.live()):
        log.generation += 1
        successor = log.next[identity(live[handle])]
        following = made(kind, f"{handle} {log.generation} next")
        log.owners[identity(successor)], log.next[identity(successor)] = (handle, successor), following
        document = log.document()
        document["editors"][handle] = entry(successor, following)
        log.change(document, successor)


def threshold(log: Log, handle: str, _: str) -> None:
    log.change(log.document(threshold=len(log.live()) if handle in HANDLES[:2] else 1))


def rotate_operator(log: Log, handle: str, _: str) -> None:
    name = OPERATORS[HANDLES.index(handle) % 2]
    present = operator_key(log, name)
    successor = log.next[identity(present)]
    log.generation += 1
    following = made("file", f"{name} {log.generation} next")
    log.owners[identity(successor)], log.next[identity(successor)] = (name, successor), following
    detail = {"operator_key": written(successor), "next_key_sha256": identity(following)}
    log.apply(log.event("operator-rotated", name, name, detail, ""), [successor], keep=True)


def revoke_operator(log: Log, handle: str, _: str) -> None:
    name = OPERATORS[HANDLES.index(handle) % 2]
    by, live = next(iter(log.live().items()))
    event = log.event("key-revoked", by, identity(operator_key(log, name)), {"from_index": 0})
    log.apply(event, [live], keep=True)


def operator_key(log: Log, name: str) -> Key:
    found = log.facts.get(OperatorFact, name)
    assert found is not None
    return log.owners[id_of(found.key)][1]


STEPS = (add, add, remove, rotate, threshold, rotate_operator, revoke_operator)


def attempt(log: Log, act: str, by: str) -> Event:
    """What editors may do at this place."""
    if act == "verify":
        return log.event("operator-verified", by, "ann", {})
    if act == "tie":
        return log.event("operators-tied", by, "ann", {"other": "bob"})
    if act == "list":
        return log.event("editors-changed", by, "editors", {"editors": log.document()})
    if act == "allow":
        return log.event("passkeys-allowed", by, WEB_ORIGIN, {"rp_id": RP_ID})
    if act == "policy":
        return log.event("policy-adopted", by, "network-v2", {"policy_sha256": "1" * 64, "approvals": 1})
    return log.event("key-revoked", by, identity(operator_key(log, "bob")), {"from_index": 0})


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(STEPS), st.sampled_from(HANDLES), st.sampled_from(KINDS)), min_size=3, max_size=12
    )
)
def test_nothing_of_a_removed_key_acts(steps):
    log = founded()
    for step, handle, kind in steps:
        step(log, handle, kind)
    live = log.live()
    everybody, dead = list(live.values()), [
        (owner, one)
        for name, (owner, one) in log.owners.items()
        if owner in HANDLES and name not in {identity(alive) for alive in live.values()}
    ]  # fmt: skip
    for owner, one in dead:  # nor does it bring itself back
        document = log.document()
        document["editors"][owner] = entry(one, log.next[identity(one)])
        for by in {owner, *live}:
            with pytest.raises(ReproError):
                log.apply(log.event("editors-changed", by, "editors", {"editors": document}), [one], keep=False)
    for act in ACTS:
        log.apply(attempt(log, act, next(iter(live))), everybody, keep=False)  # it may be, by those who may
        for owner, one in dead:
            for by in {owner, *live}:
                for signers in ([one], [*everybody, one], [*everybody[1:], one]):
                    with pytest.raises(ReproError):
                        log.apply(attempt(log, act, by), signers, keep=False)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(STEPS[5:]), st.sampled_from(HANDLES), st.just("file")), min_size=1, max_size=6)
)
def test_nothing_of_an_operators_earlier_or_revoked_key_acts(steps):
    log = founded()
    for step, handle, kind in steps:
        step(log, handle, kind)
    for owner, one in list(log.owners.values()):
        fact = log.facts.get(KeyFact, identity(one))
        if fact is None:
            continue
        wish = {"model": "m", "hardware": "h", "runtime": "r"}
        event = log.event("request-opened", owner, sha256(owner.encode()).hexdigest(), wish, "")
        if fact.revoked_from is None and fact.until is None:
            log.apply(event, [one], keep=False)
            continue
        present = operator_key(log, owner)
        for signers in ([one], [present, one] if present is not one else [one]):
            with pytest.raises(ReproError):
                log.apply(event, signers, keep=False)
        for subject in (identity(one), identity(present)):
            revoked = log.event("key-revoked", owner, subject, {"from_index": 0})
            with pytest.raises(ReproError):
                log.apply(revoked, [one], keep=False)
