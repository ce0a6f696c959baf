"""A reader of a registry that another machine holds: what it derives is asked of it, where a database would be."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection

from harness.errors import BadInput
from harness.registry.db.reader import Reader
from harness.registry.facts import FailureFact

if TYPE_CHECKING:
    from harness.registry.queries.desk import Brief, Examined, Subject
    from harness.registry.queries.evidence import Beside
    from harness.registry.queries.limits import InForce
    from harness.registry.queries.reports import Told
    from harness.registry.queries.submissions import Submitted


class Nowhere:
    """In the place of a database: every use is the one line that says so."""

    def __init__(self, where: str) -> None:
        self._where = where

    def __getattr__(self, name: str) -> Any:
        raise BadInput(
            "does not work over a URL",
            where=self._where,
            fix="name the registry's folder or database, or a whole export of it",
        )


class Elsewhere(Reader, ABC):
    """See the module. Every question that is not answered here ends in one line."""

    def __init__(self, where: str) -> None:
        super().__init__(cast(Connection, Nowhere(where)))

    def refuse(self) -> None:
        """Raises `BadInput`: it can't be asked over a URL."""
        _ = self.connection.execute

    @abstractmethod
    def submitted(self, handle: str) -> list[Submitted]:
        """An operator's records, in the log's order. Raises `NotAllowed` where the asker may not see them."""

    @abstractmethod
    def submitted_record(self, record: str) -> Submitted | None:
        """The asker's own record of that id; None where there is none."""

    @abstractmethod
    def failed(self, handle: str) -> list[tuple[str, FailureFact]]:
        """An operator's runs that failed, in the log's order."""

    @abstractmethod
    def brief(self, *, examine_all: bool) -> Brief:
        """The queue. Raises `NotAllowed` unless an editor asks."""

    @abstractmethod
    def subject(self, prefix: str) -> Subject:
        """The record whose id begins so, of all. Raises `NotAllowed` unless an editor asks."""

    @abstractmethod
    def examined(self, prefix: str) -> Examined:
        """All that is known of it. Raises `NotAllowed` unless an editor asks."""

    @abstractmethod
    def evidence(self, row: str) -> list[Beside]:
        """Other tools' numbers beside a row, by its whole id. Raises `NotAllowed` unless an editor asks."""

    @abstractmethod
    def limits(self, handle: str) -> InForce:
        """Those of an operator. Raises `NotFound`."""

    @abstractmethod
    def reports(self) -> list[Told]:
        """Reports of rows: the asker's own; to an editor all."""
