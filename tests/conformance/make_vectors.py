"""Writes the conformance vectors: `python -m tests.conformance.make_vectors`. The same bytes every time.

`samples.parquet` beside them holds no rows. It is kept, not made: its bytes depend on the Parquet library that wrote it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from tests.conformance import envelope_cases, event_cases, outcome_cases, payload_cases
from tests.conformance.building import FOLDER, Case
from tests.conformance.event_building import EventCase

GROUPS: tuple[Callable[[], Iterator[Case]], ...] = (
    envelope_cases.valid,
    payload_cases.valid,
    envelope_cases.broken,
    envelope_cases.types,
    envelope_cases.signatures,
    envelope_cases.people,
    payload_cases.texts,
    payload_cases.statements,
    payload_cases.fields,
    outcome_cases.valid,
    outcome_cases.broken,
    outcome_cases.fields,
)

EVENTS = FOLDER / "events"
EVENT_GROUPS: tuple[Callable[[], Iterator[EventCase]], ...] = (
    event_cases.valid,
    event_cases.shapes,
    event_cases.keys,
    event_cases.clients,
    event_cases.authenticators,
    event_cases.signatures,
)


def files() -> dict[str, bytes]:
    """Name of the file → its bytes."""
    return _files([case for group in GROUPS for case in group()])


def event_files() -> dict[str, bytes]:
    """The same of signed events."""
    return _files([case for group in EVENT_GROUPS for case in group()])


def _files(cases: Sequence[Case | EventCase]) -> dict[str, bytes]:
    found = {f"{case.name}.json": case.to_bytes() for case in cases}
    if len(found) != len(cases):
        raise ValueError("two cases have one name")
    return found


def main() -> None:
    """Write all, and remove what is none of them any more."""
    for folder, made in ((FOLDER, files()), (EVENTS, event_files())):
        folder.mkdir(exist_ok=True)
        for path in folder.glob("*.json"):
            if path.name not in made:
                path.unlink()
        for name, data in made.items():
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
