"""`repro site` as a user types it."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from harness.registry.actions.create import sign_checkpoint
from tests.support import forked
from tests.support.patience import PATIENCE_S
from tests.support.registry_world import World, key, world

DEMO = Path(__file__).parents[2] / "results" / "demo-registry"
REPRO = [str(Path(sys.executable).with_name("repro"))]


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    return os.environ | {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_CACHE_HOME": str(tmp_path / "cache")}


@pytest.fixture
def small(tmp_path: Path) -> World:
    made = world(str(tmp_path / "registry"))
    made.accepted("ann", sku="A")
    sign_checkpoint(made.registry, key("registry"))
    return made


def repro(variables: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return forked.run(arguments, variables, Path.cwd(), 120)


def test_the_demonstration_becomes_a_site(variables, tmp_path):
    out = tmp_path / "site"
    done = repro(
        variables, "site", "build", "--registry", str(DEMO), "--out", str(out), "--as-of", "2026-11-24", "--json"
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == 11
    assert "Local AI benchmarks" in (out / "index.html").read_text()
    again = repro(variables, "site", "build", "--registry", str(DEMO), "--out", str(out), "--as-of", "2026-11-24")
    assert "11 benchmarks, 0 updated, 0 files written, 0 removed" in again.stdout.replace("\n", " ")


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    for word in words:
        assert word in last, last


def test_bad_input_gets_one_line(variables, tmp_path, small):
    out = str(tmp_path / "site")
    without = {name: value for name, value in variables.items() if name != "REPRO_REGISTRY"}
    refused(repro(without, "site", "build", "--out", out), "must name a registry")
    refused(
        repro(variables, "site", "build", "--registry", str(tmp_path / "none"), "--out", out), "there is no registry"
    )
    registry = ["--registry", small.registry.target]
    refused(
        repro(variables, "site", "build", *registry, "--out", out, "--base-url", "ftp://x"), "--base-url", "https://"
    )
    refused(repro(variables, "site", "build", *registry, "--out", out, "--as-of", "yesterday"), "yesterday")
    refused(repro(variables, "site", "build", *registry, "--out", out, "--policy", "network-v9"), "network-v9")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years")
    refused(
        repro(variables, "site", "build", *registry, "--out", str(tmp_path / "mine")),
        "repro site build did not write",
        "new or empty",
    )
    refused(
        repro(variables, "site", "serve", *registry, "--out", str(tmp_path / "mine"), "--port", "0"),
        "repro site build did not write",
    )
    assert not Path(out).exists()


def test_a_served_site_follows_its_registry_and_ends_with_ctrl_c(variables, tmp_path, small):
    out = tmp_path / "site"
    command = [*REPRO, "site", "serve", "--registry", small.registry.target, "--out", str(out), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)
    try:
        assert server.stdout is not None
        assert server.stdout.readline().startswith("1 benchmark, 1 updated")
        address = re.match(r"(http://127\.0\.0\.1:\d+/)", server.stdout.readline())
        assert address is not None

        def eventually(words: str) -> None:
            ends = time.monotonic() + PATIENCE_S
            while True:
                try:
                    with urllib.request.urlopen(address[1], timeout=60) as answer:
                        if words in re.sub(r"<[^>]+>", "", answer.read().decode()):
                            return
                except OSError:
                    pass
                assert time.monotonic() < ends, words
                time.sleep(0.2)

        eventually("1 benchmark by 1 operator")
        small.accepted("bob", sku="B")
        eventually("2 benchmarks by 2 operators")
    finally:
        server.send_signal(signal.SIGINT)
        _, said = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 130
    assert "Traceback" not in said


def test_a_build_that_is_interrupted_leaves_the_old_site(variables, tmp_path, small):
    out = tmp_path / "site"
    assert repro(variables, "site", "build", "--registry", small.registry.target, "--out", str(out)).returncode == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    for number in range(40):
        small.accepted(f"op{number}", sku=f"S{number}")
    command = [*REPRO, "site", "build", "--registry", small.registry.target, "--out", str(out)]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=variables)
    assert running.stderr is not None
    running.stderr.readline()  # it has begun to make pages
    running.send_signal(signal.SIGINT)
    running.communicate(timeout=PATIENCE_S)
    if running.returncode == 130:
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    assert [path.name for path in tmp_path.glob(".site*")] == []
    shutil.rmtree(out)
