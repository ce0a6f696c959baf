"""Records whose samples this user read before, byte for byte, by this very program: what followed from them is not derived again.

Each state of a registry gets a copy of its own, and most of its records were in the copy before. Their signatures, form and
digests are checked each time. Only the samples, which are most of the work, are not read twice. What is remembered is a digest
of the program, the envelope and the samples: where any of these differs, the record is checked in full.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TypeVar

from harness import program
from harness.registry.intake import failures, ingest
from harness.registry.intake.failures import FailedRun
from harness.registry.intake.ingest import Submission
from harness.registry.queries import remembered

T = TypeVar("T")
_Way = Callable[[bytes, bytes, str], T]


@dataclass(slots=True)
class DerivedBefore:
    """Of one registry. `known`: what is remembered; `held`: what held this time."""

    origin: str
    known: set[str]
    held: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, origin: str) -> DerivedBefore:
        """As this user left it."""
        return cls(origin, remembered.read(_name(origin)))

    def submission(self, envelope: bytes, samples: bytes, where: str) -> Submission:
        """As `ingest.checked`."""
        return self._checked(ingest.checked, ingest.opened, envelope, samples, where)

    def failure(self, envelope: bytes, samples: bytes, where: str) -> FailedRun:
        """As `failures.checked`."""
        return self._checked(failures.checked, failures.read, envelope, samples, where)

    def keep(self) -> None:
        """For the next time, where it differs."""
        if self.held - self.known:
            remembered.write(_name(self.origin), self.held)

    def _checked(self, whole: _Way[T], again: _Way[T], envelope: bytes, samples: bytes, where: str) -> T:
        digests = (sha256(one).hexdigest() for one in (envelope, samples))
        key = sha256(" ".join((program.digest(), *digests)).encode()).hexdigest()
        found = (again if key in self.known else whole)(envelope, samples, where)
        self.held.add(key)
        return found


def _name(origin: str) -> str:
    """Another than that of what a reader verified in full."""
    return f"samples of {origin}"
