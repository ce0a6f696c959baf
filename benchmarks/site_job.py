"""How soon a page shows a decision: `python benchmarks/site_job.py [--rows 10000] [--keep FOLDER]`.

A whole registry (benchmarks/site_registry.py), its service and its site's builder, and a client on the same machine.
Each time runs from the moment an editor's event is sent (over HTTP, or written by another process to the same database) to the
answer of the page that shows it. With `--keep` the registry and its site stay in that folder, and are there the next time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx2
import machine
import numpy as np
import psutil
import registry as registries
from site_registry import EACH, append, fill, make

from harness.demo.records import person
from harness.registry.actions import acts
from harness.registry.db.transaction import Item
from harness.registry.opening import open_database
from harness.registry.store import Registry
from harness.service.core import Service, Settings
from harness.service.server import bound, run
from harness.terminal.serving import builder, kept_site

TIMES = 7
PATIENCE_S = 1800
FIRST = 1_000_000  # number of the first row that is added here
REASON = "complete, and its numbers agree"


def serve(place: str, site: str) -> None:
    """As `repro serve --site`, with the benchmark's key and without limits."""
    service = Service(open_database(place), registries.key("registry"), Settings(limited=False, site=Path(site)))
    with bound(0) as own, builder(Path(site)) as keeper, kept_site(service, keeper):
        run(service, own, lambda address: print(address, flush=True))


def until(client: httpx2.Client, path: str, shown: Callable[[httpx2.Response], bool]) -> float:
    """When the page is as wanted."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = client.get(path)
        if shown(answer):
            return time.monotonic()
        time.sleep(0.02)
    raise SystemExit(f"{path} did not come")


class World:
    """The registry, and who acts there."""

    def __init__(self, registry: Registry, client: httpx2.Client) -> None:
        self.registry, self.client, self.number = registry, client, FIRST
        people = [person(f"op{number}") for number in range(registries.OPERATORS)]
        self.actors = {one.handle: acts.Actor(one.handle, (one.operator,)) for one in people}
        self.editor = acts.Actor("ed", (registries.key("ed"),))
        with registry.reading() as reader:
            self.number += reader.size()  # other records than the last time

    def waiting(self, row: str = "") -> str:
        """A record in the queue, of a row of its own or of that one."""
        self.number += 1
        one = make(self.number * EACH + (1 if row else 0))
        with self.registry.reading() as reader:
            item = acts.submission(reader, self.actors[one.measured.measurement.operator], one, acts.Wish(row=row))
        self.post(item.envelope, {"record": one.envelope, "samples": one.samples})
        return one.id

    def event(self, kind: str, subject: str) -> bytes:
        """Signed by the editor, on the log as it is."""
        with self.registry.reading() as reader:
            made = acts.event(reader, self.editor, kind, subject, reason=REASON)
        return made.signed(self.editor.keys).to_bytes()

    def post(self, event: bytes, more: dict[str, bytes] | None = None) -> None:
        """To the service."""
        parts = {"event": event, **(more or {})}
        answer = self.client.post("/v1/events", files={name: (name, data) for name, data in parts.items()})
        if answer.status_code != 201:
            raise SystemExit(answer.text)

    def settled(self) -> None:
        """Until the site shows the whole log."""
        until(self.client, "/readyz", lambda answer: (answer.json()["site"] or {"behind": 1})["behind"] == 0)

    def times(self, beside: bool) -> tuple[list[float], list[float]]:
        """Seconds until the page of a new row is there, and until one that is rejected again is gone."""
        come, gone = [], []
        for _ in range(TIMES):
            record = self.waiting()
            self.settled()
            page = f"/rows/{record[:16]}/"
            for found, kind, status in ((come, "record-approved", 200), (gone, "record-rejected", 404)):
                event = self.event(kind, record)
                began = time.monotonic()
                append(self.registry, [Item(event)]) if beside else self.post(event)
                found.append(
                    until(self.client, page, lambda answer, status=status: answer.status_code == status) - began
                )
                self.settled()
        return come, gone


def line(what: str, times: list[float]) -> str:
    return f"| {what} (median of {len(times)}, longest) | **{np.median(times):.2f} s**, {max(times):.2f} s |"


def measured(world: World, process: subprocess.Popen[str]) -> list[str]:
    world.settled()
    lines = []
    for beside, who in ((False, "over HTTP"), (True, "by another process")):
        come, gone = world.times(beside)
        lines += [line(f"approved {who}: its row's page is there", come), line(f"rejected {who}: it is gone", gone)]
    own = psutil.Process(process.pid)
    builder = max((one.memory_info().rss for one in own.children()), default=0)
    lines.append(f"| memory of the service, of the builder | {own.memory_info().rss >> 20} MiB, {builder >> 20} MiB |")
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--serve", nargs=2, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.serve:
        serve(*told.serve)
        return
    with ExitStack() as stack:
        folder = told.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = folder / "registry"
        if not place.exists():
            began = time.monotonic()
            fill(registries.new_registry(place), told.rows)
            print(f"filled in {time.monotonic() - began:.0f} s", file=sys.stderr)
        command = [sys.executable, __file__, "--serve", str(place), str(folder / "site")]
        began = time.monotonic()
        pipe, quiet = subprocess.PIPE, subprocess.DEVNULL  # its log
        process = stack.enter_context(subprocess.Popen(command, stdout=pipe, stderr=quiet, text=True))
        stack.callback(process.terminate)
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        if not address:
            raise SystemExit(f"the service did not start: repro registry upgrade --registry {place}")
        client = stack.enter_context(httpx2.Client(base_url=address, timeout=60))
        first = until(client, "/index.html", lambda answer: answer.status_code == 200) - began
        rows = len(client.get("/api/v1/rows.json").json()["rows"])
        print(machine.line() + ".\n\n| " + f"{rows:,} rows, {EACH} records each | |\n|---|---|")
        print(f"| from the start to the first page | {first:.1f} s |")
        print("\n".join(measured(World(open_database(str(place)), client), process)))


if __name__ == "__main__":
    main()
