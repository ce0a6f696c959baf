"""A service that is killed, and a database that fails: what was acknowledged is there, once, and a retry ends with one entry."""

from __future__ import annotations

import itertools
import os
import random
import threading
import time
from hashlib import sha256
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import Engine, event
from sqlalchemy.exc import OperationalError

from harness.progress import SILENT
from harness.record import envelope
from harness.registry.exchange.audit import audit
from tests.support.patience import PATIENCE_S
from tests.support.registry_world import world
from tests.support.warm import Warm
from tests.unit.service.conftest import Over

KILLS = int(os.environ.get("REPRO_KILLS", "25")) // 5  # benchmarks/reliability.py asks for more
STEP = max(int(os.environ.get("REPRO_FAULT_STEP", "53")) // 16, 1)
PAUSE_S = 0.4  # at most, between a client's acts: the load lasts as long as the kills do


def told(line: str) -> None:
    """For the page that a benchmark writes."""
    if "REPRO_TOLD" in os.environ:
        with Path(os.environ["REPRO_TOLD"]).open("a") as file:
            file.write(line + "\n")


def digest_of(parts: dict[str, bytes]) -> str:
    return sha256(envelope.read(parts["event"], "").payload).hexdigest()


def counted(registry) -> dict[str, int]:
    """Event → how often the log has it."""
    with registry.reading() as reader:
        found: dict[str, int] = {}
        for index in range(reader.size()):
            digest = reader.entry(index).event_sha256
            found[digest] = found.get(digest, 0) + 1
    return found


class Process:
    """On a port that it keeps when it is started anew."""

    def __init__(self, place: str) -> None:
        self.place, self.address, self.port = place, "", "0"
        self.start()

    def start(self) -> None:
        self.running = Warm("tests.support.service_process", self.place, self.port)
        self.address = self.running.stdout.readline().strip().rstrip("/")
        assert self.address, "the service did not start"
        self.port = self.address.rpartition(":")[2]

    def kill(self) -> None:
        self.running.kill()


def test_killed_at_random_under_load_nothing_acknowledged_is_lost_or_doubled(place):
    made = world(place)
    over = Over(made, None)
    processes = [Process(place), Process(place)]
    acknowledged: dict[str, set[int]] = {}
    sent: set[str] = set()
    lock, numbers, done = threading.Lock(), itertools.count(), threading.Event()
    deadline = time.monotonic() + PATIENCE_S + 5 * KILLS

    def steps() -> list[dict[str, bytes]]:
        number = next(numbers)
        name = f"op-{number:05}"
        found = [{"event": over.joining(name)}]
        if number % 4 == 0:
            found.append(over.submission(made.record(name, sku=f"GPU of {name}")))
        sent.update(map(digest_of, found))
        return found

    def client(seed: int) -> None:
        chosen = random.Random(seed)
        with httpx2.Client(timeout=20) as http:
            while time.monotonic() < deadline and not done.is_set():
                time.sleep(chosen.uniform(0, PAUSE_S))
                with lock:
                    work = steps()
                for parts in work:
                    while time.monotonic() < deadline:
                        try:
                            address = chosen.choice(processes).address
                            answer = http.post(f"{address}/v1/events", files={n: (n, d) for n, d in parts.items()})
                        except httpx2.TransportError:
                            time.sleep(0.02)
                            continue
                        if answer.status_code in (200, 201):
                            with lock:
                                entry = answer.json()["receipt"]["entry"]
                                acknowledged.setdefault(digest_of(parts), set()).add(entry)
                            if chosen.random() < 0.8:  # some did not hear it, and send it again
                                break
                            continue
                        assert answer.status_code == 503, answer.text
                        time.sleep(0.02)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(6)]
    for one in threads:
        one.start()
    chosen, kills = random.Random(7), 0
    while kills < KILLS and any(one.is_alive() for one in threads):
        time.sleep(chosen.uniform(0.01, 0.5))
        one = chosen.choice(processes)
        one.kill()
        kills += 1
        one.start()
    done.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    for one in processes:
        one.kill()
    assert kills == KILLS
    log = counted(made.registry)
    assert set(log.values()) == {1}
    assert sent == set(acknowledged) <= set(log)
    assert all(len(entries) == 1 for entries in acknowledged.values())
    assert not audit(made.registry, None, SILENT).faults
    told(
        f"service killed {kills} times, {len(acknowledged)} acknowledged, 0 lost, 0 doubled ({place.partition(':')[0]})"
    )


@pytest.fixture
def failing():
    """Fails the statement, or the commit, of that number, once, on whichever engine: a service has one of its own."""
    state = {"left": 0}

    def fail(*_: object, **__: object) -> None:
        state["left"] -= 1
        if state["left"] == 0:
            raise OperationalError("this statement", {}, Exception("the database failed, as it was told to"))

    event.listen(Engine, "before_cursor_execute", fail)
    event.listen(Engine, "commit", fail)
    yield state
    event.remove(Engine, "before_cursor_execute", fail)
    event.remove(Engine, "commit", fail)


def test_whichever_operation_of_the_database_fails_a_retry_ends_with_one_entry(service, failing):
    service.world.join("ann")
    number = failures = tried = 0
    while True:
        number += STEP
        tried += 1
        if number % 2:
            parts = {"event": service.joining(f"op-{number:04}")}
        else:
            parts = service.submission(service.world.record("ann", sku=f"GPU {number}"))
        before = service.size()
        failing["left"] = number
        first = service.post(parts, "?place=1")
        reached = failing["left"] <= 0
        failing["left"] = 0
        assert first.status_code in (200, 201, 503), first.text
        failures += first.status_code == 503
        again = service.post(parts)
        assert again.status_code in (200, 201), again.text
        if first.status_code == 201:
            assert again.json()["receipt"]["entry"] == first.json()["receipt"]["entry"]
        assert service.size() == before + 1
        assert counted(service.world.registry)[digest_of(parts)] == 1
        if not reached:
            break
    assert failures > 3
    assert not audit(service.world.registry, None, SILENT).faults
    told(f"service: {tried} operations of the database failed, {failures} answered 503, 0 lost, 0 doubled")
