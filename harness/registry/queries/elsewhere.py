"""A reader of a registry that another machine holds: what it derives is asked of it, where a database would be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from harness.registry.db.reader import Reader
from harness.registry.facts import FailureFact

if TYPE_CHECKING:
    from harness.registry.queries.submissions import Submitted


class Elsewhere(Reader, ABC):
    """See the module."""

    @abstractmethod
    def submitted(self, handle: str) -> list[Submitted]:
        """An operator's records, in the log's order. Raises `NotAllowed` where the asker may not see them."""

    @abstractmethod
    def submitted_record(self, record: str) -> Submitted | None:
        """The asker's own record of that id; None where there is none."""

    @abstractmethod
    def failed(self, handle: str) -> list[tuple[str, FailureFact]]:
        """An operator's runs that failed, in the log's order."""
