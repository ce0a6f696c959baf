"""A fleet's records go to a registry: each once, what is refused stops nobody."""

import json
import shutil

from harness.catalog import matrices
from harness.catalog.machines import Machine
from harness.fleet import state as states
from harness.fleet.outcome import Ending, Outcome
from harness.fleet.plan import Job, Plan
from tests.e2e.conftest import refused
from tests.support import fleet_matrices
from tests.support.people import People


def started(people: People, names, spoilt=""):
    """The path of a matrix whose fleet has ended; its jobs left these records at home."""
    path = people.folder / "matrix.toml"
    path.write_text(fleet_matrices.text(people.folder / "tiny.gguf", range(len(names))))
    loaded = matrices.read(path)
    jobs = tuple(
        Job(number=n, machine="all", node="here", repeat=0, triple=one)
        for n, one in enumerate(loaded.matrix.configurations)
    )
    plan = Plan(
        id="x", matrix="three", title="three", sha256=loaded.sha256, executor="local", seed=0,
        machines=(Machine(name="all"),), jobs=jobs,
    )  # fmt: skip
    folder = states.place(people.folder / "results", loaded)
    folder.mkdir(parents=True)
    state = states.create(folder, plan)
    for job, name in zip(jobs, names, strict=True):
        people.record("ann", name, seed=plan.run_seed(job))
        state.conclude(
            Outcome(
                number=job.number,
                node="here",
                ending=Ending.MEASURED,
                record=name,
                started_utc="",
                job_s=1.0,
                spoilt=spoilt if job.number else "",
            )
        )
    return path


def test_a_record_of_a_node_that_failed_its_checks_afterwards_stays_here(people):
    names = ["20260101T000000Z_good", "20260101T000001Z_disturbed"]
    done = people("ann", "fleet", "submit", started(people, names, spoilt="other load: 90 %"), "--json")
    assert done.returncode == 3, done.stderr
    good, disturbed = json.loads(done.stdout)["records"]
    assert (good["folder"].endswith(names[0]), good["refused"]) == (True, "")
    assert good["entry"] is not None
    assert (disturbed["entry"], "failed its checks after the run: other load" in disturbed["refused"]) == (None, True)
    assert people.good("ann", "submissions").count("waits for an editor") == 1


def test_collected_records_are_sent_once_and_one_that_is_refused_is_told(people):
    good, unsigned = (
        people.folder / "results" / name for name in ("20260101T000000Z_good", "20260101T000001Z_unsigned")
    )
    path = started(people, [good.name, unsigned.name])
    (unsigned / "record.dsse.json").unlink()
    first = people("ann", "fleet", "submit", path)
    assert (first.returncode, f"{good.name}: queued as entry" in first.stdout) == (3, True), first.stderr
    assert f"{unsigned.name}: not sent: " in first.stderr
    assert "is not signed" in first.stderr
    again = people("ann", "fleet", "submit", path)
    assert "the registry has it already" in again.stdout
    assert people.good("ann", "submissions").count("waits for an editor") == 1
    shutil.rmtree(good)
    assert "collected: 1, not yet: 1" in refused(people("ann", "fleet", "submit", path))
