"""The policy in force at a registry, from its file, by the digest that the log names."""

from __future__ import annotations

from harness.catalog import policies
from harness.catalog.policies import Loaded
from harness.errors import RecordInvalid
from harness.registry.db.reader import Reader
from harness.registry.facts import PolicyFact


def names() -> list[str]:
    """The policies that this program has."""
    return policies.names()


def in_force(reader: Reader, name: str | None = None) -> Loaded:
    """The registry's policy, or the one named. Raises `BadInput`; `RecordInvalid` where its file is not the adopted one."""
    adopted = reader.get(PolicyFact, name) if name else reader.need(PolicyFact)
    loaded = policies.load(name or (adopted.name if adopted else ""))
    if adopted is not None and adopted.sha256 != loaded.sha256:
        raise RecordInvalid(
            f"the file {adopted.name}.toml is not the one that the registry adopted at entry {adopted.since}",
            where="policy",
            fix="take the version of repro-harness that has it, or adopt the new one: repro registry policy",
        )
    return loaded
