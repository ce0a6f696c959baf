"""How many submissions a second a service takes, and how long each waits: `python benchmarks/service.py [--database postgresql://…]`.

Submissions are made and signed before the clock runs. Clients and service share the machine. `--rate` sends at a pace instead of
as fast as answers come. Prints one line of a table, with the processor time that the service and its helpers took for each, which
says something on a busy machine, too; without `--database` on SQLite in a temporary folder.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import httpx2
import machine
import numpy as np
import psutil

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from harness.registry.actions.acts import Wish, submission  # noqa: E402
from harness.registry.opening import open_database  # noqa: E402
from harness.service.core import Service, Settings  # noqa: E402
from harness.service.server import bound, run  # noqa: E402
from tests.support.registry_world import World, key, world  # noqa: E402


def made(over: World, count: int) -> list[dict[str, bytes]]:
    """Signed submissions, each of a device of its own, from as many operators as there are eights."""
    found = []
    for number in range(count):
        name = f"op-{number // 8:05}"
        over.join(name)
        record = over.record(name, sku=f"GPU {number}")
        with over.registry.reading() as reader:
            item = submission(reader, over.actor(name), record, Wish())
        found.append({"event": item.envelope, "record": record.envelope, "samples": record.samples})
    return found


def sent(
    address: str, work: list[dict[str, bytes]], clients: int, rate: float | None
) -> tuple[list[float], int, float]:
    """Seconds of each answer, refusals, and seconds in all."""
    lock, times, refused = threading.Lock(), list[float](), 0
    todo = list(reversed(work))
    begin = time.monotonic()

    def client() -> None:
        nonlocal refused
        with httpx2.Client(timeout=60) as http:
            while True:
                with lock:
                    if not todo:
                        return
                    parts, place = todo.pop(), len(work) - len(todo)
                if rate is not None:
                    time.sleep(max(begin + place / rate - time.monotonic(), 0))
                started = time.monotonic()
                answer = http.post(f"{address}/v1/events", files={name: (name, data) for name, data in parts.items()})
                with lock:
                    times.append(time.monotonic() - started)
                    refused += answer.status_code != 201

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
    """Of it and of all that it has started and that still run."""
    times = [one.cpu_times() for one in (process, *process.children(recursive=True))]
    return sum(one.user + one.system for one in times)


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
    print(f"{machine.line()}; {machine.load()}.", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        place = told.database or str(Path(folder) / "registry")
        work = made(world(place), told.count)
        command = [sys.executable, __file__, "--serve", place]
        quiet = subprocess.DEVNULL  # its log
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=quiet, text=True) as process:
            assert process.stdout is not None
            address = process.stdout.readline().strip().rstrip("/")
            memory = psutil.Process(process.pid)
            warm = min(len(work) // 10, 200)  # the helpers load the program with the first of them
            sent(address, work[:warm], told.clients, None)
            before, spent = memory.memory_info().rss, cpu_seconds(memory)
            times, refused, seconds = sent(address, work[warm:], told.clients, told.rate)
            grown = (memory.memory_info().rss - before) / 2**20
            each = (cpu_seconds(memory) - spent) / len(times)
            process.terminate()
    p50, p99 = np.quantile(times, (0.5, 0.99))
    kind = "PostgreSQL" if told.database else "SQLite"
    pace = "as fast as it goes" if told.rate is None else f"{told.rate:g}/s"
    print(
        f"| {kind} | {told.clients} clients, {pace} | {len(times)} sent, {refused} refused | {len(times) / seconds:.0f}/s | "
        f"{p50 * 1000:.0f} ms | {p99 * 1000:.0f} ms | {each * 1000:.1f} ms | {grown:+.0f} MiB |"
    )


if __name__ == "__main__":
    main()
