"""Who may set a log's time: one wrong clock must not make every later entry as late."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from harness.errors import BadInput
from harness.progress import SILENT
from harness.registry.actions import acts
from harness.registry.db.transaction import Item
from harness.registry.exchange import audit, files
from harness.registry.rules import times
from harness.registry.store import Registry
from tests.support.registry_world import World, editors, key

DAYS = timedelta(days=1)


def at(days: float) -> str:
    return acts.utc(datetime.now(UTC) + days * DAYS)


def take(small: World, actor: acts.Actor, kind: str, subject: str, days: float, *, reason: str = "", **detail: object):
    """An act that the log is given so many days from now; its signer's clock says the same."""
    with small.registry.reading() as reader:
        made = replace(acts.event(reader, actor, kind, subject, reason=reason, detail=detail), at=at(days))
    return small.registry.append_one(Item(made.signed(actor.keys).to_bytes()), at(days))


def ask(small: World, name: str, days: float, number: int = 1):
    return take(
        small, small.actor(name), "request-opened", f"{number:064x}", days, model="m", hardware="h", runtime="llama.cpp"
    )


def newest(small: World) -> str:
    with small.registry.reading() as reader:
        last = reader.entry(reader.size() - 1)
    assert last is not None
    return last.at


@pytest.mark.parametrize("days", [31, 60, 365, 70 * 365])
def test_nobodys_clock_moves_a_log_far_ahead(small, days):
    small.join("ann")
    before = newest(small)
    with pytest.raises(BadInput, match="after the last act of an editor or the registry"):
        ask(small, "ann", days)
    assert newest(small) == before
    ask(small, "ann", 0)


def test_small_steps_of_strangers_add_up_to_the_same_limit(small):
    small.join("ann")
    for number, days in enumerate((10, 20, 29.9)):
        ask(small, "ann", days, number)
    with pytest.raises(BadInput, match="after the last act"):
        ask(small, "ann", 40, 9)


def test_a_record_of_a_client_of_2096_is_refused(small):
    found = small.record("ann")
    small.join("ann")
    with small.registry.reading() as reader:
        item = acts.submission(reader, small.actor("ann"), found, acts.Wish())
    with pytest.raises(BadInput, match="is dated 2096-01-01T00:00:00Z"):
        small.registry.append_one(item, "2096-01-01T00:00:00Z")
    small.submit(found)
    small.approve(found.id)


def test_an_editor_opens_a_log_again_after_a_quiet_year(small):
    small.join("ann")
    found = small.record("ann")
    small.submit(found)
    take(small, small.editor(), "record-approved", found.id, 366, reason="we are back")
    ask(small, "ann", 380)


def test_the_registries_own_challenge_opens_it_too(small):
    small.join("ann")
    take(
        small,
        acts.Actor("registry", (key("registry"),)),
        "challenge-issued",
        "a" * 64,
        100,
        handle="ann",
        expires=at(107),
    )
    ask(small, "ann", 120)


@pytest.mark.parametrize("days", [401, 70 * 365])
def test_not_even_an_editors_clock_jumps_decades(small, days):
    found = small.record("ann")
    small.submit(found)
    with pytest.raises(BadInput, match="days after the last act of an editor or the registry"):
        take(small, small.editor(), "record-approved", found.id, days, reason="from the future")
    small.approve(found.id)


def test_after_longer_silence_a_list_of_editors_that_names_the_day_opens_it(small):
    days = 3 * 365
    for end, good in ((at(days - 30)[:10], False), (at(days + 4000)[:10], False), (at(days + 365)[:10], True)):
        document = editors("ed", version=2, expires=end)
        if good:
            take(small, small.editor(), "editors-changed", "editors", days, reason="three years on", editors=document)
        else:
            with pytest.raises(BadInput, match="after the last act"):
                take(small, small.editor(), "editors-changed", "editors", days, reason="so agreed", editors=document)


@pytest.mark.parametrize("date", ["1970-01-01T00:00:00Z", "2001-09-09T01:46:40Z", "2026-10-31T23:59:59Z"])
def test_an_act_dated_before_any_registry_is_refused(small, date):
    small.join("ann")
    with small.registry.reading() as reader:
        made = acts.event(reader, small.actor("ann"), "request-opened", "b" * 64, detail=dict.fromkeys(("model", "hardware", "runtime"), "x"))  # fmt: skip
    with pytest.raises(BadInput, match="before any registry existed"):
        small.raw(replace(made, at=date), *small.actor("ann").keys)


@pytest.mark.parametrize("ahead", [timedelta(minutes=6), timedelta(minutes=9), timedelta(days=1)])
def test_an_act_signed_after_its_own_entry_is_refused(small, ahead):
    small.join("ann")
    with small.registry.reading() as reader:
        made = acts.event(reader, small.actor("ann"), "request-opened", "b" * 64, detail=dict.fromkeys(("model", "hardware", "runtime"), "x"))  # fmt: skip
    with pytest.raises(BadInput, match="after the entry's own time"):
        small.raw(replace(made, at=acts.utc(datetime.now(UTC) + ahead)), *small.actor("ann").keys)


def test_a_run_that_ends_in_nine_minutes_is_refused(small):
    ends = datetime.now(UTC).replace(tzinfo=None, microsecond=0) + timedelta(minutes=9)
    with pytest.raises(BadInput, match="ends in the future"):
        small.submit(small.record("ann", started=ends - timedelta(minutes=5)))


@pytest.mark.parametrize("year", [1970, 1999, 2016])
def test_a_run_of_1970_is_refused(small, year):
    with pytest.raises(BadInput, match="before any runtime existed"):
        small.submit(small.record("ann", started=datetime(year, 1, 1)))


def test_every_reader_of_a_log_refuses_the_jump(small, tmp_path, monkeypatch):
    """A log that a program without the rule has written: an import names the entry, and the audit of the database does."""
    small.join("ann")
    with monkeypatch.context() as patched:
        patched.setattr(times, "MOST_AHEAD", timedelta(days=40_000))
        ask(small, "ann", 70 * 365)
    found = audit.audit(small.registry, None, SILENT)
    assert any("after the last act of an editor" in fault.what for fault in found.faults)
    assert any("this machine's clock says" in fault.what for fault in found.faults)
    files.export(small.registry, tmp_path / "out", SILENT)
    with pytest.raises(BadInput, match="after the last act"):
        files.in_memory(tmp_path / "out")


def test_a_log_with_its_clock_audits_clean(small, tmp_path):
    small.accepted("ann")
    assert not audit.audit(small.registry, None, SILENT).faults
    files.export(small.registry, tmp_path / "out", SILENT)
    assert isinstance(files.in_memory(tmp_path / "out"), Registry)
