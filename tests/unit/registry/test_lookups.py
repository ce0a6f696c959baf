"""Tables that look facts up: exact whoever wrote last, and found out where somebody changed them."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from harness.progress import SILENT
from harness.registry.actions import failures, requests
from harness.registry.actions.requests import Step
from harness.registry.db import leases, lookups, transaction
from harness.registry.db import sessions as transactions
from harness.registry.exchange.audit import audit
from harness.registry.queries import failures as asked
from tests.support.failed_runs import submitted
from tests.support.registry_world import REAL, World


def wanted(made: World, model: str) -> str:
    """A request that an editor accepted."""
    made.join("asker")
    actor = made.actor("asker")
    found = requests.open_request(made.registry, actor, model=model, hardware=REAL.sku, runtime="llama.cpp")
    requests.step(made.registry, made.editor(), Step.ACCEPT, found.request, reason="useful to know")
    return found.request


def told(made: World, *names: str) -> tuple[bool, set[str], int, int]:
    """Whether the tables hold, which requests are answered, how many failed runs wait, and how many are ann's."""
    with made.registry.reading() as reader:
        return (
            lookups.hold(reader),
            leases.answered(reader, names),
            lookups.pending_failures(reader),
            len(asked.of_operator(reader, "ann")),
        )


def test_what_was_written_is_found_and_follows_each_decision(registry):
    first, second = wanted(registry, "a"), wanted(registry, "b")
    record = registry.record("ann")
    registry.submit(record, request=first)
    run = submitted(registry, "ann")
    assert told(registry, first, second) == (True, {first}, 1, 1)
    failures.decide(registry.registry, registry.editor(), failures.Decision.REJECT, run, "no such limit")
    registry.act(registry.actor("ann"), "record-withdrawn", record.id)
    assert told(registry, first, second) == (True, set(), 0, 1)
    assert audit(registry.registry, None, SILENT).faults == []


def test_a_program_that_does_not_know_the_tables_may_write_between(registry, monkeypatch):
    first, second = wanted(registry, "a"), wanted(registry, "b")
    registry.submit(registry.record("ann"), request=first)
    early = submitted(registry, "ann")
    with monkeypatch.context() as older:
        older.setattr(transaction.lookups, "write", lambda *_: None)
        registry.submit(registry.record("bob"), request=second)
        failures.decide(registry.registry, registry.editor(), failures.Decision.REJECT, early, "no such limit")
        submitted(registry, "ann", model="another-model")
    assert told(registry, first, second) == (False, {first, second}, 1, 2)
    assert audit(registry.registry, None, SILENT).faults == []
    registry.join("somebody")
    assert told(registry, first, second) == (True, {first, second}, 1, 2)
    assert audit(registry.registry, None, SILENT).faults == []


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM answers",
        "UPDATE answers SET request = 'feed'",
        "INSERT INTO answers VALUES ('feed', 'beef')",
        "DELETE FROM failures",
        "UPDATE failures SET status = 'accepted'",
        "UPDATE failures SET operator = 'bob'",
    ],
)
def test_a_changed_line_is_found_by_an_audit(registry, statement):
    registry.submit(registry.record("ann"), request=wanted(registry, "a"))
    submitted(registry, "ann")
    with transactions.writing(registry.registry.engine) as writer:
        writer.connection.execute(text(statement))
    assert any("says otherwise than the log" in str(fault) for fault in audit(registry.registry, None, SILENT).faults)
