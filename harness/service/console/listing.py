"""The queue, a page at a time: which records fit, in which order, and what was found of them, which is kept as long as the log is
what it was.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Lock

from harness.registry.actions.acts import utc
from harness.registry.queries import failures, waiting
from harness.registry.queries.queue import Queue, examined
from harness.registry.store import Registry

ON_A_PAGE = 20  # records: one takes up to a second
_KEPT = 32  # pages


@dataclass(frozen=True, slots=True)
class Asked:
    """What an editor wants to see; empty: all. `page`: from 1 on."""

    operator: str = ""
    text: str = ""
    page: int = 1


@dataclass(frozen=True, slots=True)
class Listed:
    """A page of the queue. `size`: entries of the log before it was read; `fitting`: records of all pages."""

    size: int
    queue: Queue
    fitting: int
    page: int
    pages: int
    people: Sequence[str]  # operators whose records wait
    failed: failures.Listed


class Listings:
    """Of one registry. A page is examined once for each state of its log, whoever looks at it, and however often."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[int, str, Asked], Listed] = OrderedDict()
        self._lock = Lock()

    def of(self, registry: Registry, asked: Asked) -> Listed:
        """The page, or the last one where there are fewer."""
        with registry.reading() as reader:
            size = reader.size()
        key = size, utc()[:10], asked
        with self._lock:
            found = self._kept.get(key)
        if found is None:
            found = _listed(registry, asked, size)
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
        return found


def _listed(registry: Registry, asked: Asked, size: int) -> Listed:
    with registry.reading() as reader:
        fitting, people = waiting.fitting(reader, asked.operator, asked.text)
        failed = failures.listed(reader)
        failing = {one.operator for one in failed.told} | {one.operator for one in failed.unread}
    pages = max(-(-len(fitting) // ON_A_PAGE), 1)
    page = min(asked.page, pages)
    chosen = fitting[(page - 1) * ON_A_PAGE : page * ON_A_PAGE]
    return Listed(size, examined(registry, chosen), len(fitting), page, pages, sorted({*people, *failing}), failed)
