"""Whatever happens to the lists of editors, to operators and to the log's key: after a key is out, nothing of its owner's acts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.record.envelope import key_id
from harness.registry.facts import EditorsFact, KeyFact, OperatorFact
from harness.registry.rules.apply import Facts, applied
from harness.registry.rules.base import Place
from harness.tlog.entry import Entry
from harness.tlog.event import Event
from tests.support.registry_world import ORIGIN, charter, key, text

AT = "2026-11-29T10:00:00Z"
OPERATORS = ("ann", "bob")
EDITORS = ("ed", "flo", "gil")


@dataclass
class Log:
    """A log in memory, folded by the very rules, and every key that ever was."""

    facts: Facts = field(default_factory=Facts)
    heads: list[str] = field(default_factory=lambda: [""])
    entries: list[Entry] = field(default_factory=list)
    turns: dict[str, int] = field(default_factory=dict)  # who → how many keys there were before the present one
    made: int = 0

    def key(self, who: str, turn: int | None = None) -> Ed25519PrivateKey:
        return key(f"{who}-{self.turns.get(who, 0) if turn is None else turn}")

    def event(self, by: str, kind: str, subject: str, detail: dict[str, Any] | None = None) -> Event:
        self.made += 1
        size = len(self.entries)
        return Event(
            kind, ORIGIN, by, AT, subject, f"for the sake of it, {self.made}", size, self.heads[-1], detail or {}
        )

    def tried(self, event: Event, keys: Sequence[Ed25519PrivateKey]) -> Any:
        data = event.signed(keys).to_bytes()
        return data, applied(
            data, Place(len(self.entries), AT), self.facts, lambda n: self.heads[n] if n < len(self.heads) else None
        )

    def append(self, event: Event, *keys: Ed25519PrivateKey) -> None:
        data, (_, made, payload) = self.tried(event, keys)
        self.facts.take(made)
        before = self.entries[-1].digest() if self.entries else ""
        line = Entry(len(self.entries), before, AT, sha256(payload).hexdigest(), sha256(data).hexdigest())
        self.entries.append(line)
        self.heads.append(line.digest())

    @property
    def editors(self) -> EditorsFact:
        return self.facts.get(EditorsFact, "")


def founded() -> Log:
    log = Log()
    entry = {"ed": {"key": text(log.key("ed")), "next_key_sha256": key_id(log.key("ed", 1).public_key())}}
    document = {"version": 1, "threshold": 1, "expires": "2099-12-31", "editors": entry}
    made = charter()
    detail = {**made.event("ed").detail, "registry_key": text(log.key("registry")), "editors": document}
    log.append(Event("registry-created", ORIGIN, "ed", AT, ORIGIN, "", 0, "", detail), log.key("ed"))
    return log


def acting(log: Log) -> str:
    """An editor who may act now."""
    return sorted(log.editors.editors)[0]


def listed(log: Log, people: dict[str, Any], *signers: Ed25519PrivateKey) -> None:
    document = {"version": log.editors.version + 1, "threshold": 1, "expires": "2099-12-31", "editors": people}
    log.append(log.event(acting(log), "editors-changed", "editors", {"editors": document}), *signers)


def as_listed(log: Log) -> dict[str, Any]:
    return {name: {"key": one.key, "next_key_sha256": one.next_key_sha256} for name, one in log.editors.editors.items()}


def add_editor(log: Log, who: str) -> None:
    if who not in log.editors.editors:
        log.turns[who] = log.turns.get(who, -1) + 1  # who comes back comes with other keys
        own = {"key": text(log.key(who)), "next_key_sha256": key_id(log.key(who, log.turns[who] + 1).public_key())}
        listed(log, as_listed(log) | {who: own}, log.key(acting(log)))


def remove_editor(log: Log, who: str) -> None:
    rest = {name: one for name, one in as_listed(log).items() if name != who}
    if who in log.editors.editors and rest:
        by = sorted(rest)[0]
        document = {"version": log.editors.version + 1, "threshold": 1, "expires": "2099-12-31", "editors": rest}
        log.append(log.event(by, "editors-changed", "editors", {"editors": document}), log.key(by))
        log.turns[who] = log.turns.get(who, 0) + 1


def rotate_editor(log: Log, who: str) -> None:
    if who in log.editors.editors:
        old, turn = log.key(who), log.turns.get(who, 0) + 1
        own = {"key": text(log.key(who, turn)), "next_key_sha256": key_id(log.key(who, turn + 1).public_key())}
        document = {
            "version": log.editors.version + 1,
            "threshold": 1,
            "expires": "2099-12-31",
            "editors": as_listed(log) | {who: own},
        }
        log.append(log.event(who, "editors-changed", "editors", {"editors": document}), old, log.key(who, turn))
        log.turns[who] = turn


def join(log: Log, who: str) -> None:
    if log.facts.get(OperatorFact, who) is None:
        detail = {"operator_key": text(log.key(who)), "next_key_sha256": key_id(log.key(who, 1).public_key())}
        log.append(log.event(who, "operator-joined", who, detail), log.key(who))


def rotate_operator(log: Log, who: str) -> None:
    if log.facts.get(OperatorFact, who) is not None:
        turn = log.turns.get(who, 0) + 1
        detail = {
            "operator_key": text(log.key(who, turn)),
            "next_key_sha256": key_id(log.key(who, turn + 1).public_key()),
        }
        log.append(log.event(who, "operator-rotated", who, detail), log.key(who, turn))
        log.turns[who] = turn


def revoke_operator(log: Log, who: str) -> None:
    own = key_id(log.key(who).public_key())
    if log.facts.get(KeyFact, own) is not None:
        log.append(log.event(acting(log), "key-revoked", own, {"from_index": 0}), log.key(acting(log)))


def unrevoke_operator(log: Log, who: str) -> None:
    own = key_id(log.key(who).public_key())
    fact = log.facts.get(KeyFact, own)
    if fact is not None and fact.revoked_from is not None:
        log.append(log.event(acting(log), "key-unrevoked", own), log.key(acting(log)))


def rotate_log(log: Log, _who: str) -> None:
    turn = log.turns.get("registry", 0) + 1
    following = log.key("registry", turn)
    detail = {"next_key_sha256": key_id(following.public_key())}
    log.append(log.event(acting(log), "registry-key-announced", ORIGIN, detail), log.key(acting(log)))
    log.append(log.event("registry", "registry-key-rotated", ORIGIN, {"registry_key": text(following)}), following)
    log.turns["registry"] = turn


STEPS = [
    (step, who)
    for who in EDITORS
    for step in (add_editor, remove_editor, rotate_editor)
] + [
    (step, who)
    for who in OPERATORS
    for step in (rotate_operator, revoke_operator, unrevoke_operator)
] + [(rotate_log, "")]  # fmt: skip


def live(log: Log) -> dict[str, str]:
    """Key id → whose word it is now."""
    found = {key_id(log.key(name).public_key()): name for name in log.editors.editors}
    found[key_id(log.key("registry").public_key())] = "registry"
    for name, one in log.facts.all(OperatorFact).items():
        own = sha256(bytes.fromhex(one.key)).hexdigest()
        if log.facts.get(KeyFact, own).revoked_from is None:
            found[own] = name
    return found


def acts(log: Log, by: str) -> list[Event]:
    """What an editor, an operator and the registry may do, in that name."""
    operator = next(iter(log.facts.all(OperatorFact)), "nobody")
    digest = sha256(by.encode()).hexdigest()
    people = as_listed(log) | {"eve": {"key": text(key("eve")), "next_key_sha256": digest}}
    document = {"version": log.editors.version + 1, "threshold": 1, "expires": "2099-12-31", "editors": people}
    own = [name for name, fact in log.facts.all(KeyFact).items() if fact.owner == by]
    return [
        log.event(by, "operator-verified", operator),
        log.event(by, "editors-changed", "editors", {"editors": document}),
        log.event(by, "policy-adopted", "network-v2", {"policy_sha256": digest, "approvals": 1}),
        log.event(by, "registry-key-announced", ORIGIN, {"next_key_sha256": digest}),
        log.event(by, "request-opened", digest, {"model": "m", "hardware": "h", "runtime": "r"}),
        log.event(by, "challenge-issued", digest, {"handle": operator, "expires": "2026-12-01T10:00:00Z"}),
        *(log.event(by, "key-revoked", name, {"from_index": 0}) for name in own),
        *(log.event(by, "key-unrevoked", name) for name in own),
    ]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(STEPS), min_size=2, max_size=12))
def test_after_any_changes_a_key_that_is_out_acts_in_nobodys_name(steps):
    holds(steps)


@pytest.mark.parametrize(("step", "who"), STEPS)
def test_after_one_change_a_key_that_is_out_acts_in_nobodys_name(step, who):
    holds([(add_editor, "flo"), (add_editor, "gil"), (step, who)])


def holds(steps: Sequence[tuple[Callable[[Log, str], None], str]]) -> None:
    log = founded()
    for name in OPERATORS:
        join(log, name)
    for step, who in steps:
        step(log, who)
    now = live(log)
    ever = {
        key_id(one.public_key()): one
        for who in (*EDITORS, *OPERATORS, "registry")
        for one in (log.key(who, turn) for turn in range(log.turns.get(who, 0) + 2))  # announced ones, too
    }
    names = sorted({*EDITORS, *OPERATORS, "registry"})
    for identity, one in ever.items():
        if identity in now:
            continue
        for by in names:
            for event in acts(log, by):
                with pytest.raises(BadInput):
                    log.tried(event, [one])
    for by in set(names) - set(log.editors.editors):  # nor does anybody's key in the name of who is out
        for event in acts(log, by)[:4]:
            for identity in now:
                with pytest.raises(BadInput):
                    log.tried(event, [ever[identity]])
    for name in log.editors.editors:  # and who is in does act: else nothing above would show anything
        log.tried(log.event(name, "registry-key-announced", ORIGIN, {"next_key_sha256": "a" * 64}), [log.key(name)])
    for identity, name in now.items():
        if name in OPERATORS:
            log.tried(acts(log, name)[4], [ever[identity]])
    if log.facts.get(OperatorFact, "ann") is not None:
        detail = {"handle": "ann", "expires": "2026-12-01T10:00:00Z"}
        log.tried(log.event("registry", "challenge-issued", "a" * 64, detail), [log.key("registry")])
