"""Every write fails once at every place: afterwards the old state or the new, never a mix, and nothing acknowledged is lost."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.progress import SILENT
from harness.record import store
from harness.registry.actions.create import sign_checkpoint
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.facts import RecordFact
from harness.registry.opening import open_database
from tests.support import faults
from tests.support.fault_server import Server
from tests.support.patience import until
from tests.support.registry_world import key, world

ROOT = Path(__file__).parents[3]
RANDOM_KILLS = int(os.environ.get("REPRO_KILLS", "25"))  # benchmarks/reliability.py asks for 200
FAULT_STEP = int(os.environ.get("REPRO_FAULT_STEP", "53"))  # and for every one of them


def tell(line: str) -> None:
    """For the page that benchmarks/reliability.py writes."""
    if "REPRO_TOLD" in os.environ:
        with Path(os.environ["REPRO_TOLD"]).open("a") as file:
            file.write(line + "\n")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        yield running


def acknowledged(text: str) -> list[list[str]]:
    return [line.split()[1:] for line in text.splitlines() if line.startswith("done ") and len(line.split()) == 3]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A registry with one accepted and one waiting record, and the same as files."""
    folder = tmp_path_factory.mktemp("start")
    made = world(str(folder / "registry"))
    made.accepted("ann")
    made.submit(made.record("dan", sku="Synthetic GPU D"))
    sign_checkpoint(made.registry, key("registry"))
    files.export(made.registry, folder / "files", SILENT)
    return folder


def sound(folder: Path) -> dict[str, str]:
    """The registry's records by status, once an audit found nothing."""
    registry = open_database(str(folder / "registry"))
    found = audit(registry, None, SILENT)
    assert not found.faults, found.faults[:3]
    with registry.reading() as reader:
        return {name: fact.status.value for name, fact in reader.all(RecordFact).items()}


@pytest.mark.parametrize("what", ["record", "submit", "approve", "checkpoint", "export", "import"])
def test_every_place_may_fail(what, start, server, tmp_path):
    under = tmp_path / "under"
    shutil.copytree(start / "files", tmp_path / "files")
    hits = 0

    def again(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(under, ignore_errors=True)
        under.mkdir()
        if what not in ("record", "import"):
            shutil.copytree(start / "registry", under / "registry")
        server.begin(
            what, under, int(environment["FAULT_AT"]), environment["FAULT_HOW"], Path(environment["FAULT_LOG"])
        )
        return server.end()

    for number, how, done in faults.every(again, under, step=FAULT_STEP):
        hits += 1
        place = f"{what}: {how} at operation {number}: {done.stderr[-300:]}"
        said = acknowledged(done.stdout)
        assert done.returncode in (0, 1, -9), place
        if what == "record":
            whole = (under / "results" / "one").exists()
            assert whole or not said, place
            if whole:
                store.read(under / "results" / "one").samples()
        elif what == "import":
            # The registry is there, and is the one that was exported, or it is not there.
            whole = (under / "registry" / "registry.sqlite").exists()
            assert whole or not said, place
            assert not whole or sound(under) == sound(start), place
            if not whole:
                assert files.into(tmp_path / "files", str(under / "registry"), SILENT), place
        elif what == "export":
            assert (under / "out").exists() or not said, place
            if (under / "out").exists():
                assert not audit(files.in_memory(under / "out"), None, SILENT).faults, place
            sound(under)
        else:
            status = sound(under)
            for kind, identity in said:
                if kind == "submit":
                    assert status.get(identity) == "pending", place
                elif kind == "approve":
                    assert status.get(identity) == "accepted", place
            if what == "checkpoint" and said:
                with open_database(str(under / "registry")).reading() as reader:
                    assert reader.checkpoint() is not None
    assert hits >= 3
    tell(f"{what}: {hits} faults")


def beat_s(server, folder: Path, said: list[list[str]]) -> float:
    """How long this machine, busy as it is, takes to the first acknowledged act."""
    began = time.monotonic()
    child = server.begin("stream", folder)
    until(lambda: acknowledged(server.told()), "an acknowledged act")
    took = time.monotonic() - began
    os.kill(child, signal.SIGKILL)
    said += acknowledged(server.end().stdout)
    return took


def test_killed_anywhere_nothing_acknowledged_is_lost(start, server, tmp_path):
    shutil.copytree(start / "registry", tmp_path / "registry")
    said: list[list[str]] = []
    draw, beat = random.Random(1), beat_s(server, tmp_path, said)
    for _ in range(RANDOM_KILLS):
        child = server.begin("stream", tmp_path)
        time.sleep(draw.uniform(0.02, 1.6) * beat)
        os.kill(child, signal.SIGKILL)
        said += acknowledged(server.end().stdout)
    status = sound(tmp_path)
    lost = [identity for kind, identity in said if identity not in status]
    assert not lost
    unapproved = [identity for kind, identity in said if kind == "approve" and status[identity] != "accepted"]
    assert not unapproved
    assert len(said) >= RANDOM_KILLS // 5  # most of them hit something at work, however slow the machine is
    tell(f"kill -9: {RANDOM_KILLS} kills, {len(said)} acknowledged acts, none lost")


def test_two_writers_lose_nothing(tmp_path):
    world(str(tmp_path / "registry"))
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", f"""
from tests.support.registry_world import World
from harness.registry.opening import open_database
w = World(open_database({str(tmp_path / "registry")!r}))
for i in range(12):
    found = w.record("{name}", sku=f"GPU {{i}} {name}")
    w.submit(found); w.approve(found.id); print(found.id, flush=True)
"""],
            cwd=ROOT, stdout=subprocess.PIPE, text=True,
        )
        for name in ("ann", "bob")
    ]  # fmt: skip
    ids = [line for program in programs for line in program.communicate()[0].split()]
    assert [program.returncode for program in programs] == [0, 0]
    assert len(set(ids)) == 24
    assert sound(tmp_path) == dict.fromkeys(ids, "accepted")
