"""The nightly workflow keeps the rules of docs/nightly.md, and zizmor finds nothing in it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

WORKFLOW = Path(__file__).parents[2] / ".github" / "workflows" / "nightly.yml"


@pytest.fixture(scope="module")
def flow():
    return yaml.safe_load(WORKFLOW.read_text())


def test_only_the_clock_and_a_hand_start_it(flow):
    triggers = flow.get("on", flow.get(True))  # YAML 1.1 reads `on` as true
    assert set(triggers) == {"schedule", "workflow_dispatch"}


def test_it_may_do_nothing_but_read(flow):
    assert flow["permissions"] == {}
    for job in flow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["runs-on"][0] == "self-hosted"
        assert "cancel-in-progress" in job["concurrency"]
        assert job["concurrency"]["cancel-in-progress"] is False


def test_actions_are_pinned_by_commit_and_the_checkout_is_a_commit(flow):
    steps = [step for job in flow["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name in used)
    checkout = next(step for step in steps if step.get("uses", "").startswith("actions/checkout"))
    assert checkout["with"] == {"ref": "${{ vars.NIGHTLY_COMMIT }}", "persist-credentials": False}


def test_its_commands_are_those_of_the_docs(flow):
    steps = [step.get("run", "") for job in flow["jobs"].values() for step in job["steps"]]
    text = "\n".join(steps)
    for command in ("make install", "repro doctor", "repro matrix run configs/matrices/nightly.toml"):
        assert command in text
    assert text.count("repro doctor") == 2
    assert "repro watch --results" in text
    assert text.count("flock --nonblock --conflict-exit-code 75 /var/lock/repro-harness.lock") == 2


def test_zizmor_finds_nothing():
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run(
        [program, "--offline", "--no-progress", "--persona", "pedantic", str(WORKFLOW)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
