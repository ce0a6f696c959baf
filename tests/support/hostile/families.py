"""The families of hostile requests, and how many of each are in ten thousand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from tests.support.hostile import asked, brought, lines
from tests.support.hostile.request import Hostile
from tests.support.hostile.scene import Scene


class Family(NamedTuple):
    """`waits`: each of its requests takes half a minute."""

    share: int
    make: Callable[[Scene, Random], Hostile]
    waits: bool = False


FAMILIES: dict[str, Family] = {
    "another media type": Family(300, lines.media_type),
    "JSON 10,000 deep": Family(300, lines.json_depth),
    "no JSON, or too large": Family(500, lines.json_garbage),
    "multipart cut or changed": Family(700, lines.multipart_garbage),
    "chunked, over the limit": Family(40, lines.chunked_over_the_limit),
    "a length that lies": Family(250, lines.false_length),
    "a body that never ends": Family(48, lines.slow_body, waits=True),
    "a head that never ends": Family(48, lines.slow_head, waits=True),
    "no HTTP": Family(500, lines.not_http),
    "a huge head": Family(300, lines.huge_head),
    "two requests in one, upgrades": Family(200, lines.two_in_one),
    "path tricks": Family(800, lines.path_trick),
    "method tricks": Family(400, lines.method_trick),
    "parameters": Family(500, lines.parameter),
    "an envelope changed": Family(500, brought.signature_changed),
    "signed by another, for another": Family(500, brought.by_another),
    "a member changed, truly signed": Family(600, brought.member_changed),
    "no event, truly signed": Family(200, brought.no_event),
    "replayed": Family(300, brought.replayed),
    "acts of the registry and of editors": Family(300, brought.own_acts),
    "parts exchanged": Family(300, brought.parts_exchanged),
    "a forged assertion": Family(500, brought.passkey_forged),
    "false records, bombs": Family(160, brought.false_record),
    "samples overwritten, truly signed": Family(160, brought.samples_changed),
    "a number reused": Family(400, asked.number_reused),
    "another request signed": Family(300, asked.another_request_signed),
    "a signature of garbage": Family(300, asked.signature_garbage),
    "a form of another page": Family(500, asked.another_page),
    "a stolen session without passkey": Family(400, asked.session_without_passkey),
    "a session made up": Family(300, asked.session_made_up),
    "a sign-in forged": Family(300, asked.sign_in_forged),
    "a form that is none": Family(300, asked.form_garbage),
}
WHOLE = sum(one.share for one in FAMILIES.values())


def made(scene: Scene, seed: int, count: int, *, least: int = 1) -> Iterator[tuple[str, Callable[[], Hostile]]]:
    """About `count` requests in a mixed order, each family's share of them and `least` at least; made when they are called for."""
    rng = Random(seed)
    planned = [
        (name, number)
        for name, family in FAMILIES.items()
        for number in range(max(least, round(family.share * count / WHOLE)))
    ]
    rng.shuffle(planned)
    for name, number in planned:
        yield name, lambda name=name, number=number: FAMILIES[name].make(scene, Random(f"{seed} {name} {number}"))  # type: ignore[misc]
