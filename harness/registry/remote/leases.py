"""Calls about leases, signed by an operator's key. Each may be sent again: the same call is the same lease."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import RecordInvalid
from harness.registry.remote.client import Client


@dataclass(frozen=True, slots=True)
class Leases:
    """At one service. What it answers is anybody's word: `held` alone is checked here."""

    client: Client
    key: Ed25519PrivateKey

    def offered(self) -> Mapping[str, Any]:
        """What there is to measure, as it is told."""
        return self.client.get("/v1/jobs", key=self.key)

    def take(self, request: str, lease: str, for_s: int) -> Mapping[str, Any]:
        """Take a request, under a number that the caller drew; what is told of it. Raises `NotFound`, `Conflict`, `TooMany`."""
        return self._held(f"/v1/jobs/{request}/lease?lease={lease}&for_s={for_s}", request, lease)

    def renew(self, request: str, lease: str, for_s: int) -> None:
        """Hold it for so long from now. Raises `NotFound`, `Conflict` where it is lost."""
        self._held(f"/v1/leases/{lease}/heartbeat?for_s={for_s}", request, lease)

    def release(self, request: str, lease: str) -> None:
        """Give it back. Raises `NotFound`."""
        self._held(f"/v1/leases/{lease}/release", request, lease)

    def finish(self, request: str, lease: str, record: str) -> None:
        """Its record is in the queue. Raises `NotFound`, `Conflict`."""
        self._held(f"/v1/leases/{lease}/finish?record={record}", request, lease)

    def _held(self, path: str, request: str, lease: str) -> Mapping[str, Any]:
        found = self.client.post_again(path, self.key)
        if (found.get("request"), found.get("lease")) != (request, lease):
            raise RecordInvalid(
                "answers for another lease than was asked", where=self.client.base, fix="check the address"
            )
        return found
