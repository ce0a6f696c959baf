"""Reports of rows: who may, how many, what freezes a row, that its tier is held then, and how it ends."""

from __future__ import annotations

from datetime import date

import pytest

from harness.errors import BadInput, NotAllowed
from harness.progress import SILENT
from harness.registry.exchange.audit import audit
from harness.registry.queries import reports, rows
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.explanations import explained, row_alone
from harness.registry.queries.rows import score_row
from harness.registry.queries.scores import standings
from harness.tiers.values import Tier
from tests.support.registry_world import world

DAY = date(2026, 12, 1)


@pytest.fixture
def small(place):
    """A row of two persons' records, and four verified operators beside."""
    made = world(place)
    row = made.accepted("ann")
    made.accepted("bob", row, rig="of bob")
    for name in ("cat", "dan", "eve", "fay"):
        made.join(name)
        made.act(made.editor(), "operator-verified", name, reason="seen the machine")
    return made, row


def report(made, name, row, reason="twice what the card can do"):
    return made.act(made.actor(name), "row-reported", row, reason=reason)


def frozen(made):
    with made.registry.reading() as reader:
        return reports.frozen(reader)


def tier(made, row, day=DAY):
    """As one row is scored and as all are, which must agree."""
    with made.registry.reading() as reader:
        policy = in_force(reader).policy
        _, score = score_row(reader, row, policy, day)
        (listed,) = [one for one in standings(reader, policy, day) if one.row == row]
        assert (score.tier, score.state) == (listed.tier, listed.state)
        assert listed.under_review == (row in reports.frozen(reader))
        return score.tier


def test_two_verified_operators_put_a_row_under_review_and_an_editor_ends_it(small):
    made, row = small
    assert frozen(made) == {}
    report(made, "cat", row)
    assert frozen(made) == {}
    taken = report(made, "dan", row)
    assert frozen(made)[row].since == taken.entry.index
    with row_alone(made.registry, row) as (reader, whole, left_out):
        assert explained(reader, whole, left_out, None, DAY).frozen.since == taken.entry.index
    made.act(made.editor(), "reports-closed", row, reason="measured again: it holds")
    assert frozen(made) == {}
    with made.registry.reading() as reader:
        assert {(one.by, one.status, one.answer) for one in reports.listed(reader)} == {
            ("cat", "closed", "measured again: it holds"),
            ("dan", "closed", "measured again: it holds"),
        }
    assert not audit(made.registry, None, SILENT).faults


def test_who_is_not_verified_or_the_same_person_freezes_nothing(small):
    made, row = small
    made.join("gus")
    report(made, "cat", row)
    report(made, "gus", row)
    assert frozen(made) == {}
    made.act(made.editor(), "operators-tied", "cat", reason="brothers", detail={"other": "dan"})
    report(made, "dan", row)
    assert frozen(made) == {}
    report(made, "eve", row)
    assert row in frozen(made)
    made.act(made.editor(), "operator-unverified", "eve", reason="sold the machine")
    assert frozen(made) == {}


def test_a_report_is_withdrawn_and_then_it_counts_no_more(small):
    made, row = small
    report(made, "cat", row)
    report(made, "dan", row)
    made.act(made.actor("dan"), "report-withdrawn", row)
    assert frozen(made) == {}
    with pytest.raises(BadInput, match="no open report"):
        made.act(made.actor("dan"), "report-withdrawn", row)
    report(made, "dan", row)  # on second thoughts
    assert row in frozen(made)


def test_while_it_is_under_review_neither_records_nor_days_move_its_tier(small):
    made, row = small
    before = tier(made, row)
    report(made, "cat", row)
    report(made, "dan", row)
    held = frozen(made)[row]
    for name, letter in (("eve", "B"), ("fay", "C"), ("gus", "D")):
        made.accepted(name, row, rig=f"of {name}", sku=f"Synthetic GPU {letter}")
    others = [name for name in held.members if name != row]
    made.act(made.actor("bob"), "record-withdrawn", others[0], reason="changed my mind")
    assert tier(made, row) is before
    assert tier(made, row, date(2029, 1, 1)) is before
    made.act(made.editor(), "reports-closed", row, reason="it holds")
    assert tier(made, row) is Tier.HIGH
    assert tier(made, row, date(2029, 1, 1)) is not Tier.HIGH
    assert before is not Tier.HIGH


def test_while_it_is_under_review_newer_runtimes_of_others_do_not_make_it_old(small):
    made, row = small

    def run_by_two(number):
        for name, letter in (("cat", "C"), ("dan", "D")):
            made.accepted(name, row, f"of {name}", sku=f"Synthetic GPU {letter}", version=f"0.{3 + number}.0")

    def behind():
        with made.registry.reading() as reader:
            whole = rows.read(reader, row)
            return reports.held(reader, whole, reports.frozen_row(reader, row), DAY)[0].hub.series_behind

    run_by_two(1)
    assert behind() == 1
    report(made, "eve", row)
    report(made, "fay", row)
    run_by_two(2)
    assert behind() == 1
    made.act(made.editor(), "reports-closed", row, reason="it holds")
    assert behind() == 2


def test_the_records_own_operator_and_editors_take_a_frozen_row_out(small):
    made, row = small
    report(made, "cat", row)
    report(made, "dan", row)
    made.act(made.editor(), "record-rejected", row, reason="impossible on this card")
    assert tier(made, row) is None


def test_what_may_not_be_reported_is_refused_and_says_why(small):
    made, row = small
    waiting = made.record("eve", "of eve", sku="Synthetic GPU D")
    made.submit(waiting)
    for subject in (waiting.id, "f" * 64):
        with pytest.raises(BadInput):
            report(made, "cat", subject)
    with pytest.raises(BadInput, match="reason"):
        report(made, "cat", row, " ")
    with pytest.raises(BadInput):
        made.act(made.actor("nobody"), "row-reported", row, reason="a stranger")
    with pytest.raises(NotAllowed):
        made.act(made.actor("cat"), "reports-closed", row, reason="I say so")
    report(made, "cat", row)
    with pytest.raises(BadInput, match="already"):
        report(made, "cat", row)
    made.act(made.editor(), "reports-closed", row, reason="it holds")
    with pytest.raises(BadInput, match="30 days"):
        report(made, "cat", row)
    with pytest.raises(BadInput, match="no report"):
        made.act(made.editor(), "reports-closed", row, reason="again")


def test_where_nobody_has_reported_a_row_there_is_nothing_to_close_or_withdraw(small):
    made, row = small
    with pytest.raises(BadInput, match="no report of it is open"):
        made.act(made.editor(), "reports-closed", row, reason="nothing there")
    with pytest.raises(BadInput, match="you have no open report of it"):
        made.act(made.actor("cat"), "report-withdrawn", row)


def test_an_operator_has_five_open_reports_at_most(small):
    made, _ = small
    rows = [made.accepted("ann", sku=f"Synthetic GPU {letter}", rig=letter) for letter in "EFGHIJ"]
    for row in rows[:5]:
        report(made, "cat", row)
    with pytest.raises(BadInput, match="5 open reports"):
        report(made, "cat", rows[5])
    made.act(made.actor("cat"), "report-withdrawn", rows[0])
    report(made, "cat", rows[5])


def test_an_editor_closes_what_was_seen_and_nothing_that_came_later(small):
    made, row = small
    report(made, "cat", row)
    from harness.registry.actions import acts

    with made.registry.reading() as reader:
        early = acts.event(reader, made.editor(), "reports-closed", row, reason="it holds")
    report(made, "dan", row)
    from tests.support.registry_world import key

    made.raw(early, key("ed"))
    with made.registry.reading() as reader:
        assert {one.by: one.status for one in reports.listed(reader)} == {"cat": "closed", "dan": "open"}
