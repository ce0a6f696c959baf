"""How many submissions a second a service takes, and how long each waits: `python benchmarks/service.py [--database postgresql://…]`.

Submissions are made, signed and written as HTTP before the clock runs. Clients and service share the machine. `--rate` sends at a
pace instead of as fast as answers come. Prints one line of a table, with the processor time that the service with its helpers
and the clients took for each, which says something on a busy machine, too. Without `--database` on SQLite in a temporary folder.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from multiprocessing import get_context
from pathlib import Path

import machine
import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness.record.envelope import key_id  # noqa: E402
from harness.registry.actions import acts  # noqa: E402
from harness.registry.actions.acts import Wish, submission  # noqa: E402
from harness.registry.db.transaction import Item  # noqa: E402
from harness.registry.opening import open_database  # noqa: E402
from harness.service.core import Service, Settings  # noqa: E402
from harness.service.server import bound, run  # noqa: E402
from tests.support.registry_world import World, key, text, world  # noqa: E402

EACH = 8  # submissions of one operator
_TOGETHER = 64  # submissions that a process makes before it is asked for more
_END = b"4f1c"  # of a part: not in what is sent, which is base64 and Parquet


def made(over: World, count: int) -> list[dict[str, bytes]]:
    """Signed submissions, each of a device of its own, from as many operators as there are eights."""
    _joined(over, [_name(number) for number in range(0, count, EACH)])
    some = [range(first, min(first + _TOGETHER, count)) for first in range(0, count, _TOGETHER)]
    if over.registry.in_memory or len(some) == 1:
        return [one for numbers in some for one in _made(over, numbers)]
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn"), _open, (over.registry.target,)) as pool:
        return [one for found in pool.map(_made_there, some) for one in found]


def _name(number: int) -> str:
    return f"op-{number // EACH:05}"


def _joined(over: World, names: Sequence[str]) -> None:
    """All at once: a transaction for each would take longer than to measure."""
    items = []
    with over.registry.reading() as reader:
        for name in names:
            who = over.person(name)
            detail = {"operator_key": text(who.operator), "next_key_sha256": key_id(who.following.public_key())}
            event = acts.event(reader, over.actor(name), "operator-joined", name, detail=detail)
            items.append(Item(event.signed([who.operator]).to_bytes()))
    over.registry.append_all(items, acts.utc())


def _made(over: World, numbers: Sequence[int]) -> Iterator[dict[str, bytes]]:
    for number in numbers:
        record = over.record(_name(number), sku=f"GPU {number}")
        with over.registry.reading() as reader:
            item = submission(reader, over.actor(_name(number)), record, Wish())
        yield {"event": item.envelope, "record": record.envelope, "samples": record.samples}


_there: list[World] = []  # of a process that makes submissions


def _open(target: str) -> None:
    _there.append(World(open_database(target).with_kept_connections()))


def _made_there(numbers: Sequence[int]) -> list[dict[str, bytes]]:
    return list(_made(_there[0], numbers))


def written(parts: dict[str, bytes]) -> bytes:
    """The request that brings them."""
    body = b"".join(
        b'--%b\r\nContent-Disposition: form-data; name="%b"; filename="%b"\r\n\r\n%b\r\n' % (_END, name, name, data)
        for name, data in ((name.encode(), data) for name, data in parts.items())
    )
    head = b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=%b\r\n" % _END
    body += b"--%b--\r\n" % _END
    return b"%bContent-Length: %d\r\n\r\n%b" % (head, len(body), body)


def _answered(own: socket.socket, request: bytes) -> int:
    """The status of its answer, which is read whole. Nothing of HTTP is done that a client can leave out."""
    own.sendall(request)
    found = b""
    while True:
        got = own.recv(1 << 16)
        if not got:
            raise ConnectionError("the service ended a connection")
        found += got
        head, end, body = found.partition(b"\r\n\r\n")
        if end and len(body) >= int(head.lower().partition(b"content-length:")[2].split(None, 1)[0]):
            return int(head.split(None, 2)[1])


def sent(
    address: str, work: Sequence[bytes], clients: int, rate: float | None, quarter: Callable[[], None] = lambda: None
) -> tuple[list[float], int, float]:
    """Seconds of each answer, refusals, and seconds in all; `quarter` is called after each quarter of the work."""
    lock, times, refused = threading.Lock(), list[float](), 0
    todo = list(reversed(work))
    host, _, port = address.removeprefix("http://").partition(":")
    begin = time.monotonic()

    def client() -> None:
        nonlocal refused
        with socket.create_connection((host, int(port)), timeout=60) as own:
            own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while True:
                with lock:
                    if not todo:
                        return
                    request, place = todo.pop(), len(work) - len(todo)
                if rate is not None:
                    time.sleep(max(begin + place / rate - time.monotonic(), 0))
                started = time.monotonic()
                status = _answered(own, request)
                with lock:
                    times.append(time.monotonic() - started)
                    refused += status != 201
                    if len(times) * 4 // len(work) > (len(times) - 1) * 4 // len(work):
                        quarter()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return times, refused, time.monotonic() - begin


def serve(place: str) -> None:
    """As `repro serve` does, but for its limits: until it is ended."""
    service = Service(open_database(place), key("registry"), Settings(limited=False))
    run(service, bound(0), lambda address: print(address, flush=True))


def cpu_seconds(process: psutil.Process) -> float:
    """Of it and of all that it has started, those with it that have ended."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system + one.children_user + one.children_system for one in times)


def resident_mib(process: psutil.Process) -> float:
    """Of it and of its helpers, what they share counted for each."""
    found = 0
    for one in (process, *process.children(recursive=True)):
        with suppress(psutil.NoSuchProcess):  # a helper that has just ended
            found += one.memory_info().rss
    return found / 2**20


def measured(place: str, work: Sequence[bytes], clients: int, rate: float | None) -> str:
    """The cells of the table's line, after a service has taken them."""
    command = [sys.executable, __file__, "--serve", place]
    quiet = subprocess.DEVNULL  # its log
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip().rstrip("/")
        service = psutil.Process(process.pid)
        warm = min(len(work) // 10, 200)  # the helpers load the program with the first of them
        sent(address, work[:warm], clients, None)
        before, spent, own = resident_mib(service), cpu_seconds(service), time.process_time()
        grown = list[float]()
        times, refused, seconds = sent(
            address, work[warm:], clients, rate, lambda: grown.append(resident_mib(service) - before)
        )
        own = (time.process_time() - own) / len(times)
        each = (cpu_seconds(service) - spent) / len(times)
        process.terminate()
    p50, p99 = np.quantile(times, (0.5, 0.99))
    return (
        f"{len(times) - refused:,} of {len(times):,} in {seconds:.0f} s | {len(times) / seconds:.0f} | "
        f"{p50 * 1000:.0f} ms | {p99 * 1000:.0f} ms | {each * 1000:.1f} ms | {own * 1000:.1f} ms | {before:.0f} MiB, then "
        f"{', '.join(format(one, '+.0f') for one in grown)}"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--database", help="an empty PostgreSQL database; default: SQLite in a temporary folder")
    arguments.add_argument("--count", type=int, default=2000)
    arguments.add_argument("--clients", type=int, default=32)
    arguments.add_argument("--rate", type=float)
    arguments.add_argument("--serve", metavar="PLACE", help="be the service; for this program itself")
    told = arguments.parse_args()
    if told.serve:
        serve(told.serve)
        return
    with tempfile.TemporaryDirectory() as folder:
        place, began = told.database or str(Path(folder) / "registry"), time.monotonic()
        work = [written(one) for one in made(world(place), told.count)]
        print(f"{machine.line()}; prepared in {time.monotonic() - began:.0f} s; {machine.load()}.", file=sys.stderr)
        cells = measured(place, work, told.clients, told.rate)
    kind = "PostgreSQL" if told.database else "SQLite"
    pace = "as fast as it goes" if told.rate is None else f"{told.rate:g}/s"
    print(f"| {kind} | {told.clients}, {pace} | {cells} |")


if __name__ == "__main__":
    main()
