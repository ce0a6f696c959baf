"""The processes that check records: what they say is what this one would say, and one that dies refuses one record alone."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from harness.errors import RecordInvalid, ReproError
from harness.registry.actions import incoming
from harness.registry.actions.incoming import Parcel
from harness.service.checker import Checker
from tests.unit.service.conftest import over, problem


@pytest.fixture
def checker():
    own = Checker(demonstration=False)
    yield own
    own.stop()


def opened(plain, *numbers):
    found = []
    for number in numbers:
        name = f"op-{number}"
        plain.world.join(name)
        parts = plain.submission(plain.world.record(name, sku=f"GPU {number}"))
        found.append(incoming.opened(plain.world.registry, Parcel(*parts.values())))
    return found


def test_what_it_says_is_what_this_process_says(plain, checker):
    good = opened(plain, 1, 2)
    bad = incoming.Opened(
        Parcel(good[0].parcel.event, good[0].parcel.record, b"PAR1"), good[0].event, good[0].digest, "", False, None
    )
    some = [*good, bad]
    expected = [incoming.or_why_not(incoming.brought, one, demonstration=False) for one in some]
    found = checker(some)
    assert found[:2] == expected[:2]
    assert isinstance(found[2], RecordInvalid)
    assert str(found[2]) == str(expected[2])
    for one, answer in zip(good, found, strict=False):
        assert not isinstance(answer, ReproError)
        assert answer.item.submission.envelope == one.parcel.record
        assert answer.item.submission.samples == one.parcel.samples


def kill(checker):
    process = checker._running[0]
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    return process.pid


def test_a_process_that_died_refuses_no_record_that_another_reads(plain, checker):
    one, other = opened(plain, 1, 2)
    assert not isinstance(checker([one])[0], ReproError)
    before = kill(checker)
    with pytest.raises(EOFError):  # of several nobody knows which it was: each is asked by itself
        checker([one, other])
    assert not isinstance(checker([other])[0], ReproError)
    assert kill(checker) != before
    assert not isinstance(checker([one])[0], ReproError)


def test_a_record_that_ends_each_process_is_refused(plain, checker, monkeypatch):
    one, other = opened(plain, 1, 2)
    real, asked = checker._process, []

    def dies():
        own = real()
        asked.append(kill(checker))
        return own

    monkeypatch.setattr(checker, "_process", dies)
    (found,) = checker([one])
    monkeypatch.undo()
    assert isinstance(found, RecordInvalid)
    assert "can't be checked" in str(found)
    assert len(set(asked)) == 2
    assert not isinstance(checker([other])[0], ReproError)


def test_an_error_of_our_own_there_is_no_record_s_fault(plain, checker):
    (one,) = opened(plain, 1)
    with pytest.raises(RuntimeError, match="AttributeError where a record is checked"):
        checker([one, 5])


def test_many_at_once_over_http_are_checked_in_processes_of_their_own(tmp_path):
    with over(str(tmp_path / "registry"), limited=False, helpers=2) as service:
        some = []
        for number in range(12):
            name = f"op-{number}"
            service.world.join(name)
            some.append(service.submission(service.world.record(name, sku=f"GPU {number}")))
        some[5]["samples"] = some[4]["samples"]
        before, answers = service.size(), {}

        def send(number):
            answers[number] = service.post(some[number])

        threads = [threading.Thread(target=send, args=(number,)) for number in range(12)]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert problem(answers.pop(5))["status"] == 422
        assert {one.status_code for one in answers.values()} == {201}
        assert service.size() == before + 11
        assert len({one.json()["receipt"]["entry"] for one in answers.values()}) == 11
