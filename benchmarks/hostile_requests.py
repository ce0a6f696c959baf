"""What `repro serve` answers to ten thousand hostile requests: `python benchmarks/hostile_requests.py [--count 10000]`.

On SQLite and on a PostgreSQL of its own, with its limits on and each request from another address behind the proxy. Prints a
table of families; ends with status 1 where one was taken, one was our own fault, or one answer is not a problem document.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import machine

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))  # the tests are no package of the distribution

from benchmarks.hostile import family, memory  # noqa: E402
from harness.progress import SILENT  # noqa: E402
from harness.record import keys, registry_keys  # noqa: E402
from harness.registry.actions import editors, proposals  # noqa: E402
from harness.registry.exchange.audit import audit  # noqa: E402
from harness.service.server import bound  # noqa: E402
from tests.support import postgres  # noqa: E402
from tests.support.authenticator import Authenticator  # noqa: E402
from tests.support.console_desk import Desk, add_editor  # noqa: E402
from tests.support.hostile import families, scene  # noqa: E402
from tests.support.hostile.request import ask, flaw  # noqa: E402
from tests.support.registry_world import ORIGIN, World, key, world  # noqa: E402

OPERATORS, UNSENT = 60, 24
CLIENTS, WAITING = 16, 48  # lines at once; of those that wait half a minute each


@dataclass
class Told:
    """Of one family."""

    statuses: Counter[int] = field(default_factory=Counter)
    flaws: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


@contextmanager
def serving(made: World, place: str, home: Path) -> Iterator[tuple[Desk, int]]:
    """`repro serve` with the registry's key, an editor's passkey on the list; the desk, and the process's id."""
    with bound(0) as free:
        port = free.getsockname()[1]
    origin = f"http://localhost:{port}"
    editors.allow_passkeys(made.registry, made.editor(), origin, "localhost", "editors use passkeys")
    passkey = Authenticator(-7, "localhost", "pat")
    add_editor(made, "pat", passkey)
    own = registry_keys.path_of(home / "repro-harness" / "keys", ORIGIN)
    own.parent.mkdir(parents=True)
    keys.save(own, key("registry"), None)
    command = [str(Path(sys.executable).with_name("repro")), "serve", "--registry", place, "--port", str(port)]
    environment = os.environ | {"XDG_CONFIG_HOME": str(home), "XDG_CACHE_HOME": str(home / "cache")}
    with (home / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log)
    try:
        assert process.stdout is not None
        if not process.stdout.readline():
            raise SystemExit((home / "log").read_text())
        with httpx2.Client(base_url=origin, timeout=120) as client:
            yield Desk(made, client, origin, "pat", passkey), process.pid
    finally:
        process.terminate()
        process.wait()


def sent(found: scene.Scene, seed: int, count: int) -> dict[str, Told]:
    """Each request made and sent, several at once; what each family was told."""
    told: dict[str, Told] = defaultdict(Told)
    lock, done = threading.Lock(), 0

    def one(name: str, make: object) -> None:
        nonlocal done
        hostile = make()  # type: ignore[operator]
        answer = ask(found.port, hostile)
        wrong = flaw(hostile, answer)
        with lock:
            done += 1
            own = told[name]
            own.statuses[answer.status] += 1
            own.seconds.append(answer.seconds)
            if wrong:
                own.flaws.append(wrong)
                print(f"{name}: {wrong}: {hostile.pieces[0][:200]!r} → {answer.body[:200]!r}", file=sys.stderr)
            if done % 500 == 0:
                print(f"{done} sent", file=sys.stderr)

    with ThreadPoolExecutor(CLIENTS) as quick, ThreadPoolExecutor(WAITING) as slow:
        waiting = [
            (slow if families.FAMILIES[name].waits else quick).submit(one, name, make)
            for name, make in families.made(found, seed, count)
        ]
        for future in waiting:
            future.result()
    return told


@contextmanager
def watched(pid: int) -> Iterator[list[float]]:
    """Memory of the process and its children together (PSS, MiB), twice a second."""
    peaks, ended = [sum(map(memory, family(pid))) / 1024], threading.Event()

    def watch() -> None:
        while not ended.wait(0.5):
            peaks.append(sum(map(memory, family(pid))) / 1024)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    yield peaks
    ended.set()
    thread.join()


def attacked(place: str, home: Path, seed: int, count: int) -> tuple[dict[str, Told], str, bool]:
    """What each family was told; one line of the registry afterwards; whether all of it holds."""
    made = world(place)
    with serving(made, place, home) as (desk, pid):
        found = scene.made(made, desk, OPERATORS, UNSENT)
        before, began = found.size(), time.monotonic()
        with watched(pid) as memories:
            told = sent(found, seed, count)
        seconds = time.monotonic() - began
        alive = desk.client.get("/readyz").status_code == 200 and desk.get("/console/").status_code == 200
        taken, status = found.size() - before, made.status(found.record)
        kept = proposals.waiting(made.registry) == [found.proposal]
    faults = audit(made.registry, None, SILENT).faults
    errors = (home / "log").read_text().count('"status": 500')
    all_sent = sum(sum(one.statuses.values()) for one in told.values())
    line = (
        f"{all_sent:,} requests in {seconds:.0f} s; {taken} entries more, the record that waited is {status}, "
        f"the proposal {'waits' if kept else 'is gone'}, audit: "
        f"{len(faults)} faults; memory of service and helpers {memories[0]:.0f} MiB before, {max(memories):.0f} at most, "
        f"{memories[-1]:.0f} after"
    )
    wrong = (
        taken
        or status != "pending"
        or faults
        or errors
        or not alive
        or not kept
        or any(one.flaws for one in told.values())
    )
    return told, line, not wrong


def table(found: dict[str, dict[str, Told]]) -> list[str]:
    """Rows: a family, how many, its answers on both databases, what was wrong."""
    rows = ["| family | sent | answers | longest, s | wrong |", "|---|---|---|---|---|"]
    for name in families.FAMILIES:
        own = [told[name] for told in found.values() if name in told]
        statuses: Counter[int] = sum((one.statuses for one in own), Counter())
        answers = ", ".join(f"{n} × {status or 'closed'}" for status, n in sorted(statuses.items()))
        longest = max(max(one.seconds) for one in own)
        flaws = sum(len(one.flaws) for one in own)
        rows.append(f"| {name} | {sum(statuses.values())} | {answers} | {longest:.1f} | {flaws} |")
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    found, lines, good = {}, [], True
    with tempfile.TemporaryDirectory() as folder, postgres.cluster() as server:
        places = {"SQLite": str(Path(folder) / "registry")} | ({"PostgreSQL": postgres.fresh(server)} if server else {})
        for name, place in places.items():
            home = Path(folder) / name
            home.mkdir()
            found[name], line, right = attacked(place, home, told.seed, told.count)
            good = good and right
            lines.append(f"- {name}: {line}.")
    print(f"{machine.line()}; {machine.load()}.\n\n" + "\n".join([*lines, "", *table(found)]))
    if not good:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
