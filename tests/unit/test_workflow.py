"""The workflows of the rigs keep the rules of docs/nightly.md, and zizmor finds nothing in them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from runtimes import table

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
STARTED = {"nightly": {"schedule", "workflow_dispatch"}, "bisect": {"workflow_dispatch"}}


@pytest.fixture(params=STARTED)
def name(request):
    return request.param


@pytest.fixture
def flow(name):
    return yaml.safe_load((FOLDER / f"{name}.yml").read_text())


def triggers(flow):
    return flow.get("on", flow.get(True))  # YAML 1.1 reads `on` as true


def test_every_workflow_for_a_rig_is_tested_here():
    assert {path.stem for path in FOLDER.glob("*.yml") if "self-hosted" in path.read_text()} == set(STARTED)


def test_only_the_clock_and_a_hand_start_it(name, flow):
    assert set(triggers(flow)) == STARTED[name]


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


@pytest.mark.parametrize("name", ["nightly"], indirect=True)
def test_its_commands_are_those_of_the_docs(flow):
    steps = [step.get("run", "") for job in flow["jobs"].values() for step in job["steps"]]
    text = "\n".join(steps)
    for command in ("make install", "repro doctor", "repro matrix run configs/matrices/nightly.toml"):
        assert command in text
    assert text.count("repro doctor") == 2
    assert "repro watch --results" in text
    assert text.count("flock --nonblock --conflict-exit-code 75 /var/lock/repro-harness.lock") == 2


@pytest.mark.parametrize("name", ["bisect"], indirect=True)
def test_a_hunt_is_on_the_rigs_of_the_night_one_job_a_host(flow):
    night = yaml.safe_load((FOLDER / "nightly.yml").read_text())["jobs"]["measure"]
    inputs, (job,) = triggers(flow)["workflow_dispatch"]["inputs"], flow["jobs"].values()
    assert inputs["rig"]["options"] == night["strategy"]["matrix"]["rig"]
    assert job["concurrency"]["group"].replace("inputs.rig", "matrix.rig") == night["concurrency"]["group"]
    assert set(inputs["runtime"]["options"]) <= set(table.BUILT_IN)
    text = "\n".join(step.get("run", "") for step in job["steps"])
    assert text.count("repro doctor --gpu") == 2
    assert "flock --nonblock --conflict-exit-code 75 /var/lock/repro-harness.lock" in text
    assert '.venv/bin/repro bisect --runtime "$RUNTIME" --good "$GOOD" --bad "$BAD"' in text


def test_nothing_that_is_typed_in_stands_in_a_script(flow):
    for job in flow["jobs"].values():
        assert not [step["run"] for step in job["steps"] if "${{" in step.get("run", "")]


@pytest.mark.parametrize("name", ["bisect"], indirect=True)
@pytest.mark.parametrize(
    ("changes", "passes"),
    [
        ({}, True),
        ({"GOOD": "0.3.30rc1", "BAD": "0.3.30.post2"}, True),
        ({"GOOD": "0.3.30; id"}, False),
        ({"GOOD": "$(id)"}, False),
        ({"GOOD": "--candidates=/tmp/x"}, False),
        ({"GOOD": ""}, False),
        ({"BAD": "0.3.36\n--python"}, False),
        ({"BAD": "latest"}, False),
        ({"BAD": "git+https://attacker.example/x"}, False),
        ({"RUNTIME": "llama.cpp --python x"}, False),
        ({"COMMIT": "main"}, False),
    ],
)
def test_what_is_typed_in_is_a_release_or_the_job_ends(flow, changes, passes):
    """Its first step, run by a real shell."""
    ((first, *_),) = [job["steps"] for job in flow["jobs"].values()]
    given = {"COMMIT": "a" * 40, "RUNTIME": "llama.cpp", "GOOD": "0.3.30", "BAD": "0.3.36"} | changes
    assert set(first["env"]) == set(given)
    done = subprocess.run(["bash", "-e", "-c", first["run"]], env=given, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is passes
    assert passes or "::error::" in done.stdout


def test_zizmor_finds_nothing(name):
    program = shutil.which("zizmor", path=str(Path(sys.executable).parent))
    assert program is not None
    done = subprocess.run(
        [program, "--offline", "--no-progress", "--persona", "pedantic", str(FOLDER / f"{name}.yml")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
