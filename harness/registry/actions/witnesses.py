"""Editors name the witnesses that the registry asks for cosignatures."""

from __future__ import annotations

from harness.registry.actions.acts import Actor, act
from harness.registry.store import Registry
from harness.tlog import cosignature


def add(registry: Registry, actor: Actor, url: str, key: str, reason: str) -> tuple[str, int]:
    """Its name, and the entry that says so. Raises why it may not be."""
    name = cosignature.parse_vkey(key, "--key").name
    detail = {"url": url.rstrip("/"), "witness_key": key}
    return name, act(registry, actor, "witness-added", name, reason=reason, detail=detail).entry.index


def remove(registry: Registry, actor: Actor, name: str, reason: str) -> int:
    """The entry that says so. Raises why it may not be."""
    return act(registry, actor, "witness-removed", name, reason=reason).entry.index
