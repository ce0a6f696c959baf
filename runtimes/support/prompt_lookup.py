"""Drafts without a second model: what followed the newest tokens when they last occurred. Pure."""

from __future__ import annotations

from collections.abc import Iterable

NGRAM = 2  # tokens that must occur again


class PromptLookup:
    """The ids of one request, and where each run of `NGRAM` of them last ended."""

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # a run of ids → the place behind its newest occurrence
        for token in ids:
            self.add(token)

    def add(self, token: int) -> None:
        """The next id. A run is found again only once something followed it."""
        place = len(self._ids)
        if place >= NGRAM:
            self._after[tuple(self._ids[-NGRAM:])] = place
        self._ids.append(token)

    def guess(self, most: int) -> list[int]:
        """At most so many ids that may come next; none where the newest run never occurred before."""
        place = self._after.get(tuple(self._ids[-NGRAM:])) if most > 0 and len(self._ids) >= NGRAM else None
        return [] if place is None else self._ids[place : place + most]
