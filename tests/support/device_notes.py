"""Records that name a device note, for the registry's tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from harness.record import envelope, private
from harness.record.canonical import canonical
from harness.registry.intake.ingest import Submission, checked
from tests.support.registry_world import World


def noted(world: World, name: str, ids: Sequence[str], **setup: Any) -> tuple[Submission, bytes]:
    """A record of that person whose statement binds a note of these ids, signed by both keys; and the note."""
    plain = world.record(name, **setup)
    note = private.make(ids)
    assert note is not None
    value = json.loads(envelope.read(plain.envelope, name).payload)
    value["subject"].append({"name": private.FILE, "digest": {"sha256": private.digest(note)}})
    who = world.person(name)
    return checked(envelope.sign(canonical(value), [who.operator, who.rig]).to_bytes(), plain.samples, name), note
