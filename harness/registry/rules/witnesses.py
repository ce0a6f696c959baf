"""Whom the registry asks for cosignatures: an editor names and removes them. Whose word counts is each reader's choice. Pure."""

from __future__ import annotations

import re

from harness.errors import Conflict
from harness.registry.facts import Named, WitnessFact
from harness.registry.rules.base import Place, Signed, View, editor_of, known, refuse_unless
from harness.tlog import cosignature
from harness.tlog.event import Event

URL = re.compile(r"https?://[a-zA-Z0-9.\-\[\]:]{1,253}(/[a-zA-Z0-9._~/\-]{0,200})?")


def added(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """From here on the registry asks this witness. A name that was removed may come back with the key that it had."""
    editor_of(view, event, signed, place)
    key, url = event.detail["witness_key"], event.detail["url"]
    cosigner = cosignature.parse_vkey(key, "witness")
    refuse_unless(
        cosigner.name == event.subject, f"the key is of {cosigner.name}", "witness", "name it as its key does"
    )
    refuse_unless(URL.fullmatch(url) is not None, "must have an address", "witness", "as https://witness.example.org")
    before = view.get(WitnessFact, event.subject)
    refuse_unless(
        before is None or before.removed,
        f"{event.subject} is a witness already",
        "witness",
        "remove it first: repro registry witnesses remove",
        Conflict,
    )
    refuse_unless(
        before is None or (before.key == key and event.after > before.since),
        f"{event.subject} had another key, or was removed since this was signed",
        "witness",
        "a witness that lost its key takes a new name",
    )
    return [(event.subject, WitnessFact(url, key, place.index, event.reason))]


def removed(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """It is asked no more. What it has signed stays."""
    editor_of(view, event, signed, place)
    before = known(view, WitnessFact, event.subject)
    refuse_unless(not before.removed, f"{event.subject} is not asked any more", "witness")
    refuse_unless(
        event.after > before.since, f"was signed before entry {before.since} named it", "witness", "sign it again"
    )
    return [(event.subject, WitnessFact(before.url, before.key, place.index, event.reason, removed=True))]


RULES = {"witness-added": added, "witness-removed": removed}
