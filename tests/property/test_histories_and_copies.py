"""Whatever happens at a registry, in whatever order: it, its copies and its site agree."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ReproError
from harness.progress import SILENT
from harness.record.envelope import key_id
from harness.registry.actions import acts, log_key, requests
from harness.registry.actions.create import sign_checkpoint
from harness.registry.exchange import files, public
from harness.registry.exchange.audit import audit
from harness.registry.exchange.rebuild import rebuild
from harness.registry.facts import FailureFact, RecordFact, RequestFact
from harness.registry.store import Registry
from harness.site.build import Wish, build
from harness.site.incremental import shared
from harness.terminal.days import day_of
from tests.support.failed_runs import submitted
from tests.support.registry_world import World, key, world
from tests.unit.site.test_build import tree

ACTS, BETWEEN = 48, 24  # and a build of the site between them
Act = Callable[[], object]


@dataclass
class History:
    """Acts of three operators, an editor and the registry, drawn by a seed. Many are refused: that is part of it."""

    made: World
    draw: random.Random
    log_keys: int = 0
    number: int = 0
    did: set[str] = field(default_factory=set)

    def some(self, kind: type[Any]) -> str:
        with self.made.registry.reading() as reader:
            found = list(reader.all(kind))
        return self.draw.choice(found) if found else "0" * 64

    def who(self) -> str:
        return self.draw.choice(["ann", "bob", "cat"])

    def submit(self) -> None:
        self.number += 1
        setup = {"rate": self.draw.choice([100.0, 100.5, 120.0]), "sku": f"Synthetic GPU {self.draw.choice('AB')}"}
        found = self.made.record(self.who(), seed=self.number, version=self.draw.choice(["0.3.36", "0.3.37"]), **setup)
        self.made.submit(found, self.draw.choice(["", self.some(RecordFact)]) if self.number > 1 else "")

    def fail(self) -> None:
        self.number += 1
        submitted(self.made, self.who(), model=f"model-{self.number}")

    def ask(self) -> None:
        self.number += 1
        words = {"model": f"model-{self.number}", "hardware": "here", "runtime": "llama.cpp"}
        requests.open_request(self.made.registry, self.made.actor(self.who()), **words)

    def edit(self, *kinds: str, of: type[Any] | None = None, **detail: Any) -> None:
        kind = self.draw.choice(kinds)
        self.made.act(
            self.made.editor(), kind, self.who() if of is None else self.some(of), reason="seen it", detail=detail
        )

    def own(self, kind: str, of: type[Any]) -> None:
        self.made.act(self.made.actor(self.who()), kind, self.some(of), reason="mine to say")

    def revoke(self) -> None:
        of = key_id(self.made.person(self.who()).operator.public_key())
        kind, detail = self.draw.choice(
            [("key-revoked", {"from_index": self.draw.randrange(20)}), ("key-unrevoked", {})]
        )
        self.made.act(self.made.editor(), kind, of, reason="so it seems", detail=detail)

    def log_key(self, number: int) -> Any:
        return key("registry" if number == 0 else f"registry-{number}")

    def rotate(self) -> None:
        following = self.log_key(self.log_keys + 1)
        log_key.announce(self.made.registry, self.made.editor(), key_id(following.public_key()), "as every year")
        log_key.rotate(self.made.registry, [self.log_key(self.log_keys)], following)
        self.log_keys += 1

    def acts(self) -> dict[str, Act]:
        until = (date.fromisoformat(acts.utc()[:10]) + timedelta(days=9)).isoformat()
        limits = {"events_per_hour": 600, "events_per_day": 5000, "pending_records": 50, "until": until}
        step = lambda *of: requests.step(self.made.registry, self.made.editor(), self.draw.choice(of), self.some(RequestFact), reason="so be it")  # noqa: E731  # fmt: skip
        return {
            "submit": self.submit, "submit again": self.submit, "and again": self.submit, "fail": self.fail, "ask": self.ask,
            "approve": lambda: self.edit("record-approved", of=RecordFact),
            "approve another": lambda: self.edit("record-approved", of=RecordFact),
            "put out": lambda: self.edit("record-rejected", "record-sent-back", of=RecordFact),
            "take down": lambda: self.edit("body-dropped", of=RecordFact),
            "move": lambda: self.edit("record-moved", of=RecordFact, row=self.some(RecordFact)),
            "withdraw": lambda: self.own("record-withdrawn", RecordFact),
            "report": lambda: self.own("row-reported", RecordFact),
            "close reports": lambda: self.edit("reports-closed", of=RecordFact),
            "show a failure": lambda: self.edit("failure-approved", of=FailureFact),
            "put a failure out": lambda: self.edit("failure-rejected", of=FailureFact),
            "take a failure down": lambda: self.edit("failure-dropped", of=FailureFact),
            "verify": lambda: self.edit("operator-verified", "operator-unverified"),
            "tie": lambda: self.edit("operators-tied", "operators-untied", other=self.who()),
            "raise": lambda: self.edit("limits-raised", **limits),
            "revoke": self.revoke, "rotate": self.rotate,
            "decide a request": lambda: step(requests.Step.ACCEPT, requests.Step.ARCHIVE, requests.Step.REVIVE),
            "sign": lambda: sign_checkpoint(self.made.registry, self.log_key(self.log_keys)),
        }  # fmt: skip

    def go_on(self, count: int) -> None:
        possible = self.acts()
        for name in self.draw.choices(list(possible), k=count):
            with suppress(ReproError):
                possible[name]()
                self.did.add(name)


def faults(registry: Registry) -> list[object]:
    return list(audit(registry, None, SILENT).faults)


@pytest.mark.parametrize("seed", [1])
def test_a_registry_its_copies_and_its_site_agree(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        shared.forecasts, "files", lambda _site: ()
    )  # of the program alone, and most of a first build's time
    history = History(world(str(tmp_path / "registry")), random.Random(seed))
    for name in ("ann", "bob", "cat"):
        history.made.join(name)
    registry = history.made.registry
    wish = Wish(registry.target, tmp_path / "site", day_of(None), at_once=True)
    for _ in range(ACTS // BETWEEN):
        history.go_on(BETWEEN)
        build(wish, SILENT)
    assert {"rotate", "take down", "take a failure down"} <= history.did
    build(replace(wish, out=tmp_path / "fresh", at_once=False), SILENT)
    assert tree(wish.out) == tree(tmp_path / "fresh")
    assert faults(registry) == []
    files.export(registry, tmp_path / "files", SILENT)
    public.export(registry, tmp_path / "public", SILENT)
    assert faults(files.in_memory(tmp_path / "files")) == []
    assert faults(public.in_memory(tmp_path / "public")) == []
    assert faults(rebuild(registry, str(tmp_path / "again"), SILENT)) == []
