"""What independence costs one person: how many voices, with which words, take a row to high and very-high; what an editor sees.

    python benchmarks/attack_cost.py --out docs/measurements/attack-cost.md

One person makes keys under one handle after another, each with a rig key of its own, and signs records with invented samples that
agree with the hub: nothing that a machine must compute. An editor approves all of them. Each strategy varies one kind of words.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any

import machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.catalog import policies
from harness.demo.records import Setup, person, sealed
from harness.errors import ReproError
from harness.record.envelope import key_id
from harness.registry.actions import acts
from harness.registry.actions.acts import Actor, Wish
from harness.registry.actions.create import Charter, found
from harness.registry.intake.ingest import checked
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.review import dossier
from harness.registry.queries.rows import score_row
from harness.registry.store import Registry

POLICY = "network-v2"
MOST = 12  # voices that are tried
COMMANDS = 2  # a voice: repro keys new, repro submit
HUB = Setup(synthetic=False, sku="GeForce RTX 4090", version="0.25.3", rate=100.0)
Words = list[Mapping[str, Any]]

STRATEGIES: dict[str, Words] = {
    "the same words again": [{} for _ in range(MOST)],
    "a device's name with one more word": [{"sku": f"GeForce RTX 4090 OC{'X' * i}"} for i in range(MOST)],
    "a device's name with characters that print nothing": [
        {"sku": f"GPU A{character}"} for character in "\ufe0f\u034f\u3164\u2800\uffa0\u115f\u00ad\u200b\u2060\u180b\u200d\u2061"
    ],
    "versions in other digits, or with more words": [
        {"version": version}
        for version in (
            "0.026", "00.26", "v9 0.26", "0.\u0662\u0666", "\uff10.26", "0.26 b", "0.26-", "x0.27", "0.28 ", "0.029",
            "0.030", "r0.31",
        )
    ],
    "systems of no list": [{"os": f"Linux {i}"} for i in range(MOST)],
    "systems of the list": [{"os": system} for system in ("macOS", "Windows", "FreeBSD", "NetBSD", "OpenBSD", "SunOS", "AIX")],
    "real versions, which one machine can run": [{"version": f"0.{24 - i}.0"} for i in range(MOST)],
    "other listed devices, invented": [
        {"sku": sku}
        for sku in (
            "GeForce RTX 3090", "GeForce RTX 4080", "GeForce RTX 5090", "Radeon RX 7900 XTX", "Arc A750", "GeForce RTX 3080",
        )
    ],
}  # fmt: skip


@dataclass(frozen=True)
class Cost:
    """Voices until each tier, None where it was not reached; what was refused; the kinds of remarks on the last record."""

    high: int | None
    very_high: int | None
    refused: int
    tier: str
    remarks: tuple[str, ...]


def key(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(sha256(f"attack:{name}".encode()).digest())


def new_registry(folder: Path) -> Registry:
    entry = {"key": key("ed").public_key().public_bytes_raw().hex(), "next_key_sha256": key_id(key("n").public_key())}
    editors = {"version": 1, "threshold": 1, "expires": "2099-12-31", "editors": {"ed": entry}}
    own = key("registry").public_key().public_bytes_raw().hex()
    charter = Charter(
        "attack.example/registry", own, editors, POLICY, policies.load(POLICY).sha256, 1, demonstration=False
    )
    return found(str(folder), charter.event("ed"), [key("ed")])


def voice(registry: Registry, handle: str, setup: Setup, row: str) -> tuple[str, tuple[str, ...]]:
    """Join, submit, and be approved: the record's id, and what the editor was shown before."""
    who = person(handle)
    actor = Actor(handle, (who.operator,))
    acts.join(registry, actor, who.operator.public_key().public_bytes_raw().hex(), key_id(who.following.public_key()))
    record = checked(*sealed(who, setup), handle)
    acts.submit(registry, actor, record, Wish(row=row))
    with registry.reading() as reader:
        remarks = tuple(sorted({remark.kind for remark in dossier(reader, record.id).remarks}))
    acts.act(registry, Actor("ed", (key("ed"),)), "record-approved", record.id, reason="complete, and possible")
    return record.id, remarks


def cost(words: Words, folder: Path) -> Cost:
    registry = new_registry(folder)
    row, _ = voice(registry, "honest", HUB, "")
    high = very_high = None
    refused, tier, remarks = 0, "", ()
    for number, own in enumerate(words, start=1):
        setup = replace(HUB, seed=1000 + number, rate=100 + number / 10, **own)
        try:
            _, remarks = voice(registry, f"sock-{number:02d}x", setup, row)
        except ReproError:
            refused += 1
            continue
        with registry.reading() as reader:
            tier = str(score_row(reader, row, in_force(reader).policy, date.today())[1].tier)
        high = high or (number if tier in ("high", "very-high") else None)
        very_high = very_high or (number if tier == "very-high" else None)
    return Cost(high, very_high, refused, tier, remarks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    lines = [
        "# What independence costs one person\n",
        "Made by `python benchmarks/attack_cost.py --out docs/measurements/attack-cost.md`.\n",
        f"{machine.line()}\n",
        "One person, one machine, forged samples that agree with the hub, an editor who approves everything (policy network-v2).",
        "A voice is two commands: `repro keys new` and `repro submit`. *never*: not with twelve voices, or with all the words.\n",
        "| words that are varied | voices (commands) to *high* | to *very-high* | refused | ends at | shown to the editor |",
        "|---|---|---|---|---|---|",
    ]
    for name, words in STRATEGIES.items():
        with tempfile.TemporaryDirectory() as folder:
            made = cost(words, Path(folder) / "registry")
        tiers = [f"{n} ({COMMANDS * n})" if n else "never" for n in (made.high, made.very_high)]
        shown = ", ".join(made.remarks) or "nothing"
        lines.append(
            f"| {name} | {tiers[0]} | {tiers[1]} | {made.refused} of {len(words)} | {made.tier or '–'} | {shown} |"
        )
        print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    if options.out is not None:
        options.out.write_text(text)


if __name__ == "__main__":
    main()
