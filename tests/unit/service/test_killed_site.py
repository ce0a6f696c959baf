"""Services that are killed while their site is built: its readers meet whole states only, and it ends where a build from nothing does."""

from __future__ import annotations

import json
import os
import random
import shutil
import threading
import time
from pathlib import Path

import httpx2

from harness.progress import SILENT
from harness.registry.actions.create import sign_checkpoint
from harness.site.build import Wish, build
from harness.terminal.days import day_of
from tests.support.patience import PATIENCE_S
from tests.support.registry_world import key, world
from tests.support.warm import Warm
from tests.unit.service.test_killed_service import told
from tests.unit.site.test_build import tree

KILLS = max(int(os.environ.get("REPRO_KILLS", "25")) // 5, 3)  # benchmarks/reliability.py asks for more


class Served:
    """A service with its site; what it logs is read away."""

    def __init__(self, place: str, site: Path) -> None:
        self.words = (place, "0", site)
        self.start()

    def start(self) -> None:
        self.running = Warm("tests.support.service_process", *self.words, apart=True)
        self.address = self.running.stdout.readline().strip()
        assert self.address, "the service did not start"

    def kill(self, everything: bool) -> None:
        """The service alone, whose builder then ends by itself, or both at once."""
        self.running.kill(everything)


class Eyes:
    """Reads pages again and again: what was read between two equal states of `.site.json` must be of that state."""

    names = (".site.json", "index.html", "decisions/index.html", "api/v1/rows.json")

    def __init__(self, site: Path) -> None:
        self.site, self.seen, self.missing = site, set[tuple[bytes, ...]](), 0
        self.stop, self.begun = threading.Event(), False
        self.thread = threading.Thread(target=self._read)
        self.thread.start()

    def _read(self) -> None:
        while not self.stop.wait(0.001):
            try:
                found = [(self.site / name).read_bytes() for name in (*self.names, self.names[0])]
            except FileNotFoundError:
                self.missing += self.begun
                continue
            self.begun = True
            if found[0] == found[-1]:
                self.seen.add(tuple(found[:-1]))

    def end(self) -> None:
        self.stop.set()
        self.thread.join()


def test_killed_at_random_while_it_builds_the_site_is_whole(place, tmp_path):
    made = world(place)
    site, states = tmp_path / "site", tmp_path / "states"
    processes = [Served(place, site), Served(place, site)]
    eyes, chosen = Eyes(site), random.Random(11)
    allowed: set[tuple[bytes, ...]] = set()

    def state() -> None:
        """What a build from nothing shows now."""
        build(Wish(made.registry.target, states, day_of(None)), SILENT)
        allowed.add(tuple((states / name).read_bytes() for name in Eyes.names))

    state()
    end = time.monotonic() + PATIENCE_S
    while not (site / "index.html").exists():
        assert time.monotonic() < end
        time.sleep(0.05)
    kills = 0
    while kills < KILLS:
        found = made.record(f"op-{kills:03}", sku=f"GPU {kills}")
        made.join(f"op-{kills:03}")  # an entry by itself
        state()
        for act in (
            lambda found=found: made.submit(found),
            lambda found=found: made.approve(found.id),
            lambda: sign_checkpoint(made.registry, key("registry")),
        ):
            act()
            state()
        time.sleep(chosen.uniform(0.0, 1.0))
        one = chosen.choice(processes)
        one.kill(everything=chosen.random() < 0.5)
        kills += 1
        one.start()
    last = f"rows/{found.id[:16]}/index.html"
    wanted, end = tree(states), time.monotonic() + PATIENCE_S
    while time.monotonic() < end and (site / ".site.json").read_bytes() != wanted[".site.json"]:
        time.sleep(0.05)  # a checkpoint is no entry: `behind` does not tell of it
    eyes.end()
    answer = httpx2.get(processes[0].address + last)
    assert answer.content == wanted[last]
    for one in processes:
        one.kill(everything=True)
    assert tree(site) == wanted
    assert len(eyes.seen) > 3
    assert eyes.seen <= allowed
    assert eyes.missing == 0
    assert json.loads((site / ".site.json").read_text())["entries"] > 3 * kills
    shutil.rmtree(states)
    told(f"site: services killed {kills} times while they built, no reader met half of it ({place.partition(':')[0]})")
