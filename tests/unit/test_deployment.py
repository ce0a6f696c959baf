"""The files of deploy/: systemd and Caddy take them, and they name what is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.commands.agent import agent
from harness.commands.serve import serve

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
@pytest.mark.parametrize("name", sorted(one.name for one in DEPLOY.glob("repro-registry*")))
def test_systemd_takes_the_units(name, tmp_path):
    for unit in DEPLOY.glob("repro-registry*"):
        # The programs of the page's folders are not here: one that is stands in their place.
        text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", unit.read_text())
        (tmp_path / unit.name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", str(tmp_path / name)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if name in line]) == (0, [])


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not here")
def test_systemd_takes_the_agents_unit_as_a_users(tmp_path):
    text = re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", (DEPLOY / "repro-agent.service").read_text())
    (tmp_path / "repro-agent.service").write_text(text)
    tmp_path.chmod(0o700)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(tmp_path / "repro-agent.service")],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, [line for line in done.stderr.splitlines() if "repro-agent" in line]) == (0, [])


@pytest.mark.skipif(shutil.which("caddy") is None, reason="caddy is not here: apt-get install caddy")
def test_caddy_takes_its_file():
    done = subprocess.run(
        ["caddy", "validate", "--config", str(DEPLOY / "Caddyfile"), "--adapter", "caddyfile"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("unit", "named", "command"),
    [("repro-registry.service", ["serve"], serve), ("repro-agent.service", ["agent", "run"], agent.commands["run"])],
)
def test_the_units_command_has_options_that_there_are(unit, named, command):
    (line,) = re.findall(r"(?m)^ExecStart=\S+/\.venv/bin/repro (.*)$", (DEPLOY / unit).read_text())
    words = line.split()
    assert words[: len(named)] == named
    assert named[0] in cli.COMMANDS
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_proxy_s_limits_are_not_below_the_service_s():
    from harness.service.bodies import LIMIT, SECONDS

    text = (DEPLOY / "Caddyfile").read_text()
    assert int(re.search(r"max_size (\d+)MB", text)[1]) * 1_000_000 > LIMIT
    assert int(re.search(r"read_body (\d+)s", text)[1]) > SECONDS
    assert "127.0.0.1:8000" in text
