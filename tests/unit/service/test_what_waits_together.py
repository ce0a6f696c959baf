"""What waits together is answered together, each with its own answer."""

from __future__ import annotations

import asyncio
import threading

from harness.errors import BadInput, Unavailable
from harness.service import batches
from harness.service.batches import Batches
from tests.support.coroutines import finished
from tests.support.patience import PATIENCE_S


def asked(own, *values):
    """The answer to each, or what was raised instead."""

    async def all_of_them():
        return await asyncio.gather(*(own.ask(one) for one in values), return_exceptions=True)

    try:
        return finished(all_of_them)
    finally:
        own.close()


def test_what_came_meanwhile_goes_into_the_next_batch():
    begun, release, seen = threading.Event(), threading.Event(), []

    def work(some):
        seen.append(list(some))
        begun.set()
        release.wait(PATIENCE_S)
        return [one * 2 for one in some]

    own = Batches("test", work, most=3)

    async def one_and_then_four():
        first = asyncio.ensure_future(own.ask(0))
        await asyncio.to_thread(begun.wait, PATIENCE_S)
        others = [asyncio.ensure_future(own.ask(one)) for one in (1, 2, 3, 4)]
        await asyncio.sleep(0)
        release.set()
        return await asyncio.gather(first, *others)

    try:
        assert finished(one_and_then_four) == [0, 2, 4, 6, 8]
    finally:
        own.close()
    assert seen == [[0], [1, 2, 3], [4]]


def test_of_a_batch_that_fails_only_its_cause_is_refused_and_our_own_fault_is_raised_as_it_is():
    def work(some):
        if 3 in some:
            raise KeyError(3)
        return [BadInput("is two") if one == 2 else one for one in some]

    own = Batches("test", work)
    found = asked(own, 1, 2, 3, 4)
    assert found[0] == 1
    assert isinstance(found[1], BadInput)
    assert isinstance(found[2], KeyError)
    assert found[3] == 4


def test_who_gets_no_answer_of_his_own_is_not_left_waiting():
    (found,) = asked(Batches("test", lambda some: []), 1)
    assert isinstance(found, RuntimeError)


def test_several_works_take_from_one_queue():
    both, names = threading.Barrier(2), set()

    def work(some):
        names.add(threading.current_thread().name)
        both.wait(PATIENCE_S)
        return some

    assert asked(Batches("test", work, work, most=1), 1, 2) == [1, 2]
    assert names == {"test 0", "test 1"}


def test_too_many_are_told_to_come_again(monkeypatch):
    monkeypatch.setattr(batches, "WAITING", 0)
    (found,) = asked(Batches("test", lambda some: some), 1)
    assert isinstance(found, Unavailable)


def test_who_has_gone_holds_up_nobody():
    release = threading.Event()

    def work(some):
        release.wait(PATIENCE_S)
        return some

    own = Batches("test", work)

    async def one_goes():
        gone, stays = asyncio.ensure_future(own.ask(1)), asyncio.ensure_future(own.ask(2))
        await asyncio.sleep(0)
        gone.cancel()
        release.set()
        return await stays

    try:
        assert finished(one_goes) == 2
    finally:
        own.close()
