"""Which records of the queue fit what an editor asks for, without examining any."""

from __future__ import annotations

from harness.errors import ReproError
from harness.registry.db import records
from harness.registry.db.reader import Reader
from harness.registry.queries.review import glance, in_turn, queue


def fitting(reader: Reader, operator: str = "", text: str = "") -> tuple[list[str], list[str]]:
    """Ids as they are looked at, the oldest of every operator first, and all operators whose records wait.

    `text`: of the id, title, operator or place. A record that can't be read fits every text: somebody must look at it.
    """
    operators = records.waiting(reader)
    ids = [one for one in in_turn(queue(reader), operators) if operator in ("", operators.get(one, ""))]
    people = sorted({one for one in operators.values() if one})
    return ([one for one in ids if _says(reader, one, text.lower())] if text else ids), people


def _says(reader: Reader, identity: str, text: str) -> bool:
    try:
        one = glance(reader, identity)
    except ReproError:
        return True
    return text in f"{one.id} {one.title} {one.operator} {one.place}".lower()
