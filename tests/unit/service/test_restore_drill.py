"""The drill of docs/host-a-registry.md: a backup of a registry that is being written to, restored into a new database, audited, served."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.progress import SILENT
from harness.registry.exchange.audit import audit
from harness.registry.opening import open_database
from tests.support import postgres
from tests.support.registry_world import World, key
from tests.support.served import served
from tests.unit.service.conftest import Over

ROOT = Path(__file__).parents[3]


def repro(folder: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "config"), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [str(Path(sys.executable).with_name("repro")), *words] if words[0] != "sh" else list(words)
    return subprocess.run(command, cwd=ROOT, env=environment | more, capture_output=True, text=True, check=False)


def backup(folder: Path, place: str, keep: int = 14) -> subprocess.CompletedProcess[str]:
    program = str(Path(sys.executable).with_name("repro"))
    told = {"REPRO": program, "REPRO_REGISTRY": place, "KEEP": str(keep)}
    return repro(folder, "sh", str(ROOT / "deploy" / "backup.sh"), str(folder / "backups"), **told)


@pytest.fixture
def fresh(place: str, tmp_path: Path, server: str | None) -> str:
    """An empty place of the same kind."""
    return str(tmp_path / "restored") if "://" not in place else postgres.fresh(str(server))


def test_a_running_registry_is_backed_up_restored_audited_and_served(service, place, fresh, tmp_path):
    first = service.world.accepted("ann")
    receipt = service.post({"event": service.joining("bob")}).json()["receipt"]
    ended, codes = threading.Event(), []

    def goes_on() -> None:
        for number in range(1000):
            if ended.is_set():
                return
            codes.append(service.post({"event": service.joining(f"new-{number}")}).status_code)

    writer = threading.Thread(target=goes_on)
    writer.start()
    done = backup(tmp_path, place)
    ended.set()
    writer.join()
    assert done.returncode == 0, done.stderr
    assert set(codes) == {201}
    (kept,) = (tmp_path / "backups").glob("[!.]*")
    assert done.stdout.strip() == str(kept)

    moved = repro(tmp_path, "registry", "import", str(kept), "--registry", fresh)
    assert moved.returncode == 0, moved.stderr
    restored = open_database(fresh)
    assert not audit(restored, None, SILENT).faults
    with served(restored, key("registry"), limited=False) as client:
        again = client.get(f"/v1/entries/{receipt['entry']}").json()
        assert (again["leaf"], again["event_sha256"]) == (receipt["leaf"], receipt["event_sha256"])
        assert client.get("/readyz").json()["status"] == "ok"
        assert client.get(f"/v1/rows/{first}").json()["row"] == first
        other = Over(World(restored, service.world.people), client)
        assert other.post(other.submission(other.world.record("bob"))).status_code == 201
    assert not audit(restored, None, SILENT).faults


def test_of_backups_the_newest_are_kept_and_other_folders_left_alone(plain, tmp_path):
    backups = tmp_path / "backups"
    for name in ("20260101T000000Z", "20260102T000000Z", "mine"):
        (backups / name).mkdir(parents=True)
    done = backup(tmp_path, plain.world.registry.target, keep=2)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in backups.iterdir()} == {
        "20260102T000000Z",
        "mine",
        ".lock",
        Path(done.stdout.strip()).name,
    }


def test_a_backup_that_fails_leaves_no_folder_that_looks_like_one(tmp_path):
    done = backup(tmp_path, str(tmp_path / "nothing"))
    assert done.returncode != 0
    assert "there is no registry" in done.stderr
    assert [path.name for path in (tmp_path / "backups").iterdir()] == [".lock"]


STAND_IN = """#!/bin/sh
# In the place of `repro`: exports a file, and audits as $AUDIT says.
if [ "$1" = audit ]; then exit "$(cat "$AUDIT")"; fi
mkdir "$3" && date +%N > "$3/log"
"""


def test_bad_nights_leave_one_copy_that_failed_and_one_unfinished_and_never_more(tmp_path):
    program, says, backups = tmp_path / "repro", tmp_path / "says", tmp_path / "backups"
    program.write_text(STAND_IN)
    program.chmod(0o755)
    told = {"REPRO": str(program), "REPRO_REGISTRY": "x", "AUDIT": str(says)}

    def night(status: int) -> int:
        says.write_text(str(status))
        return repro(tmp_path, "sh", str(ROOT / "deploy" / "backup.sh"), str(backups), **told).returncode

    assert [night(status) for status in (1, 143, 1, 137, 3, 143)] == [1, 143, 1, 137, 3, 143]
    assert {path.name for path in backups.glob("[!.]*")} == {"failed-audit", "unfinished"}
    failed = (backups / "failed-audit" / "log").read_text()
    assert night(0) == 0  # what failed stays to be looked at
    assert (backups / "failed-audit" / "log").read_text() == failed
    assert len(list(backups.glob("[!.]*"))) == 2
