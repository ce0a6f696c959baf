"""A demonstration registry: real runs beside operators who do not exist, with a row for every state, tier, ring and verdict.

Its keys are made from names, so that anybody can make them: a demonstration proves nothing but how a registry works.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.catalog import policies
from harness.demo.kept import ORIGIN as ORIGIN
from harness.demo.records import Setup, person, sealed
from harness.errors import BadInput
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.actions.acts import Actor, Wish
from harness.registry.actions.create import Charter, found, sign_checkpoint
from harness.registry.intake.ingest import Submission, checked
from harness.registry.store import Registry

EDITOR = "demo-editor"
REAL = "demo-workshop"  # signs the real runs
_MONTH = timedelta(days=30)


def key(role: str) -> Ed25519PrivateKey:
    """Of the demonstration's editor, registry and workshop."""
    return Ed25519PrivateKey.from_private_bytes(sha256(f"demonstration:{role}".encode()).digest())


@dataclass(slots=True)
class Demo:
    """The registry while it is made."""

    registry: Registry
    now: datetime
    count: int = 0
    rows: dict[str, str] = field(default_factory=dict)  # what each shows → its id

    def submit(self, handle: str, setup: Setup, row: str = "", rig: str = "", request: str = "") -> str:
        """A synthetic operator's record, in the queue; its id."""
        self.count += 1
        who = person(f"synthetic-{handle}", rig and f"synthetic-{rig}")
        if setup.started == Setup().started:
            setup = replace(setup, started=self.now - timedelta(days=2))
        envelope, samples = sealed(who, replace(setup, seed=self.count))
        record = checked(envelope, samples, who.handle)
        actor = Actor(who.handle, (who.operator,))
        acts.join(self.registry, actor, _text(who.operator), key_id(who.following.public_key()))
        acts.submit(self.registry, actor, record, Wish(row=row, request=request))
        return record.id

    def decide(
        self, record: str, kind: str = "record-approved", reason: str = "complete, and its numbers agree"
    ) -> str:
        """The editor's word."""
        acts.act(self.registry, Actor(EDITOR, (key("editor"),)), kind, record, reason=reason)
        return record

    def accepted(self, handle: str, setup: Setup, row: str = "", rig: str = "") -> str:
        """Submitted and approved."""
        return self.decide(self.submit(handle, setup, row, rig))


def _text(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes_raw().hex()


def build(target: str, real: Sequence[Submission]) -> Demo:
    """The registry at `target`, with its checkpoint signed."""
    loaded = policies.load()
    entry = {"key": _text(key("editor")), "next_key_sha256": key_id(key("next editor").public_key())}
    editors = {"version": 1, "threshold": 1, "expires": "2099-12-31", "editors": {EDITOR: entry}}
    charter = Charter(
        ORIGIN, _text(key("registry")), editors, policies.DEFAULT, loaded.sha256, loaded.policy.approvals, True
    )
    demo = Demo(found(target, charter.event(EDITOR), [key("editor")]), datetime.now(UTC).replace(tzinfo=None))
    _real(demo, real)
    _states(demo)
    _tiers(demo)
    _requests(demo)
    sign_checkpoint(demo.registry, key("registry"))
    return demo


def _real(demo: Demo, real: Sequence[Submission]) -> None:
    actor = Actor(REAL, (key("workshop"),))
    for record in real:
        acts.join(demo.registry, actor, _text(key("workshop")), key_id(key("next workshop").public_key()))
        acts.submit(demo.registry, actor, record)
        try:
            demo.decide(record.id, reason="measured on the machine that made this demonstration")
        except BadInput as error:  # a noisy machine's interval is too wide to judge against
            demo.decide(record.id, "record-sent-back", error.what)


def _states(demo: Demo) -> None:
    base = Setup(model="synthetic-states-1b")
    demo.rows["queued"] = demo.submit("ada", replace(base, sku="Synthetic GPU Queued"))
    for kind, name, reason in (
        ("record-rejected", "Rejected", "the device's name and its memory disagree"),
        ("record-sent-back", "SentBack", "please say which power limit was set"),
    ):
        demo.rows[name] = demo.decide(demo.submit("bea", replace(base, sku=f"Synthetic GPU {name}")), kind, reason)
    withdrawn = demo.accepted("cyd", replace(base, sku="Synthetic GPU Withdrawn"))
    who = person("synthetic-cyd")
    acts.act(
        demo.registry,
        Actor(who.handle, (who.operator,)),
        "record-withdrawn",
        withdrawn,
        reason="measured with a wrong driver",
    )
    demo.rows["withdrawn"] = withdrawn
    demo.rows["approved, low"] = demo.accepted("dot", replace(base, sku="Synthetic GPU Alone"))
    imported = {
        "tool": "llama-bench",
        "tool_version": "",
        "engine": "llama.cpp",
        "model": "synthetic-states-1b",
        "quantisation": "Q4_K_M",
        "device": "Synthetic GPU Alone",
        "metric": "decode_rate",
        "prompt_tokens": 0,
        "output_tokens": 128,
        "depth": 0,
        "samples_micro": [98_000_000, 99_500_000],
        "measured": "",
    }
    detail = {"row": demo.rows["approved, low"], "source_sha256": "0" * 64, "evidence": imported}
    subject = sha256(b"demonstration evidence").hexdigest()
    acts.act(
        demo.registry, Actor(EDITOR, (key("editor"),)), "evidence-imported", subject, reason="made up", detail=detail
    )


def _tiers(demo: Demo) -> None:
    base = Setup(model="synthetic-tiers-7b", rate=60.0)

    def row(name: str, sku: str, **changes: object) -> tuple[str, Setup]:
        setup = replace(base, sku=sku, **changes)  # type: ignore[arg-type]
        demo.rows[name] = demo.accepted(f"owner-{len(demo.rows)}", setup)
        return demo.rows[name], setup

    reproduced, setup = row("reproduced, moderate", "Synthetic GPU A")
    demo.accepted("eve", replace(setup, rate=60.6), reproduced)
    demo.accepted("fay", replace(setup, rate=60.3, processes=2), reproduced)  # two processes decide nothing
    demo.submit("gil", replace(setup, rate=59.0), reproduced)  # pending
    independently, setup = row("independently reproduced, moderate", "Synthetic GPU B")
    for handle, rate in (("hal", 59.5), ("ivy", 60.2), ("jon", 60.9)):
        demo.accepted(handle, replace(setup, rate=rate), independently)
    demo.accepted("kim", replace(setup, rate=45.0), independently)  # outside
    high, setup = row("high", "Synthetic GPU C")
    demo.accepted("lea", replace(setup, os="Windows", rate=59.0), high)
    demo.accepted("moe", replace(setup, sku="Synthetic GPU D", rate=61.0), high)
    best, setup = row("very-high", "Synthetic GPU E")
    for handle, sku, rate in (("nat", "F", 59.4), ("oda", "G", 60.1), ("pia", "H", 60.7), ("quy", "I", 61.2)):
        demo.accepted(handle, replace(setup, sku=f"Synthetic GPU {sku}", rate=rate), best)
    for handle in ("ray", "sam", "tom"):
        demo.accepted(handle, replace(setup, rate=60.0), best)
    contested, setup = row("contested", "Synthetic GPU J")
    demo.accepted("uma", replace(setup, os="Windows", rate=60.0), contested)
    demo.accepted("vic", replace(setup, os="macOS", rate=48.0), contested)
    stale, setup = row("stale", "Synthetic GPU K", started=demo.now - 20 * _MONTH)
    demo.accepted("wes", replace(setup, os="Windows"), stale)
    demo.accepted("xia", replace(setup, os="macOS"), stale)
    row("failed, low", "Synthetic GPU L", failed=("physics",))
    shared, setup = row("one voice", "Synthetic GPU M")
    for handle in ("yin", "yan", "yon"):
        demo.accepted(handle, replace(setup, rate=60.0), shared, rig="yin")
    versions, setup = row("versions", "Synthetic GPU N")
    runs = (("zed", "0.3.36", 60.0), ("zed", "0.3.37", 57.0), ("zoe", "0.3.36", 60.2), ("zoe", "0.3.37", 57.1))
    for handle, version, rate in runs:
        started = demo.now - timedelta(days=9 if version.endswith("36") else 3)
        demo.accepted(handle, replace(setup, version=version, rate=rate, started=started), versions)
    acts.act(
        demo.registry,
        Actor(EDITOR, (key("editor"),)),
        "operator-verified",
        "synthetic-nat",
        reason="a made-up visit to a made-up machine",
    )


def _requests(demo: Demo) -> None:
    asker, editor = person("synthetic-ada"), Actor(EDITOR, (key("editor"),))
    actor = Actor(asker.handle, (asker.operator,))
    for number, moves in enumerate(((), ("accepted",), ("accepted", "claimed"), ("rejected",), ("archived",))):
        subject = sha256(f"demonstration request {number}".encode()).hexdigest()
        wish = {"model": f"synthetic-wish-{number}", "hardware": "Synthetic GPU Z", "runtime": "llama.cpp"}
        acts.act(demo.registry, actor, "request-opened", subject, reason="to show a request", detail=wish)
        for move in moves:
            acts.act(
                demo.registry,
                actor if move == "claimed" else editor,
                f"request-{move}",
                subject,
                reason="to show its state",
            )
