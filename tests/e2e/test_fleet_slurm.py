"""`repro fleet --executor slurm` on a real SLURM: three virtual nodes of Debian's packages on this machine.

Three nodes on one machine share its cores, so their rates mean nothing; that two jobs never share a node, that nothing is lost and
nothing counted twice, is what is held here.
"""

import itertools
import json
import tempfile
import time
from datetime import datetime
from pathlib import Path

import pytest

from harness import paths
from harness.record import keys, store
from harness.verify.reading import follow
from tests.e2e.conftest import INTERRUPT, Repro
from tests.support import fleet_matrices, slurm_cluster, tiny_gguf
from tests.support.fleet_kills import attempts, distinct_records, kill_often
from tests.support.patience import PATIENCE_S

pytestmark = pytest.mark.skipif(bool(slurm_cluster.missing()), reason=slurm_cluster.missing() or "SLURM is here")


@pytest.fixture(scope="module")
def cluster():
    # Under /tmp whatever TMPDIR says: a socket's path is short, and the user munge must be able to enter.
    with tempfile.TemporaryDirectory(prefix="slurm-", dir="/tmp", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        with slurm_cluster.cluster(Path(name)) as made:
            yield made


@pytest.fixture
def fleet(cluster, tmp_path):
    made = Repro(tmp_path, tmp_path / "cache")
    made.environment |= cluster.variables
    model = tmp_path / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))

    def written(steps, more="", **parts):
        path = tmp_path / "matrix.toml"
        path.write_text(fleet_matrices.text(model, steps, machine=f'constraint = "virtual"\n{more}', **parts))
        return path

    made.matrix = written
    yield made
    cluster("scancel", "--user=root")
    cluster.tended(cluster.idle, "the nodes")


def jobs_of(done):
    return json.loads(done.stdout)["jobs"]


def tended(cluster, running):
    """A fleet command that waits for jobs, to its end, and the jobs."""
    cluster.tended(lambda: running.poll() is not None, "the fleet")
    out, told = running.communicate(timeout=PATIENCE_S)
    assert running.returncode in (0, 3, 4), (told, cluster.tail())
    return json.loads(out)["jobs"]


def to_the_end(fleet, cluster, *words):
    return tended(cluster, fleet.start("fleet", *words, "--json"))


def standing(fleet, path):
    return jobs_of(fleet("fleet", "status", path, "--json"))


def status(fleet, path):
    return [job["status"] for job in standing(fleet, path)]


def measuring(fleet):
    return list(fleet.results.glob(".fleet/*/jobs/*/results/.partial/*/process-*.frames"))


def spans(jobs):
    """Begin and end of each job by node, in seconds."""
    found = {}
    for job in jobs:
        begin = datetime.fromisoformat(job["outcome"]["started_utc"].replace("Z", "+00:00")).timestamp()
        found.setdefault(job["node"], []).append((begin, begin + job["outcome"]["job_s"]))
    return {node: sorted(own) for node, own in found.items()}


def test_twelve_triples_on_three_nodes_never_two_on_one_at_once(fleet, cluster):
    path = fleet.matrix([100, 150, 200, 250])
    jobs = to_the_end(fleet, cluster, "run", path, "--executor", "slurm")
    assert [job["status"] for job in jobs] == ["measured"] * 12, cluster.tail()
    assert {job["node"] for job in jobs} == set(slurm_cluster.NODES)
    for own in spans(jobs).values():
        assert len(own) == 4
        assert all(before[1] <= after[0] + 1 for before, after in itertools.pairwise(own))  # stamps are whole seconds
    assert attempts(fleet) == [1] * 12
    records = [store.read(path) for path in fleet.records()]
    assert len({one.id for one in records}) == 12
    for one in records:
        follow(one)
    caches = sorted(path.name for path in (fleet.folder / "cache" / "repro-harness" / "nodes").iterdir())
    assert caches == list(slurm_cluster.NODES)
    report = fleet("fleet", "report", path, "--json")
    assert json.loads(report.stdout)["endings"] == {"measured": 12}


def test_a_killed_node_daemon_and_a_killed_controller_lose_nothing(fleet, cluster):
    path = fleet.matrix([100, 150])
    running = fleet.start("fleet", "run", path, "--executor", "slurm", "--json")
    cluster.tended(lambda: bool(list(fleet.results.glob(".fleet/*/jobs/*/attempts/*"))), "the first job")
    cluster.kill("n2")
    cluster.kill("slurmctld")
    seen = fleet("fleet", "status", path)
    assert seen.returncode == 0
    assert "what follows is from the folder alone" in seen.stderr
    time.sleep(1)
    cluster.start_controller()
    cluster.start_node("n2")
    done = tended(cluster, running)
    if any(job["status"] == "lost" for job in done):
        done = to_the_end(fleet, cluster, "resume", path)
    assert [job["status"] for job in done] == ["measured"] * 6, (done, cluster.tail())
    assert len(fleet.records()) == 6


def test_a_preempted_job_is_requeued_and_continues(fleet, cluster):
    path = fleet.matrix([40000], 'names = ["n1"]\n')
    assert fleet("fleet", "run", path, "--executor", "slurm", "--detach").returncode == 0
    cluster.tended(lambda: bool(measuring(fleet)), "the first process")
    cluster("sbatch", "--partition=urgent", "--nodelist=n1", "--exclusive", "--output=/dev/null", "--wrap=sleep 1")
    cluster.tended(lambda: "urgent" in cluster("squeue", "--noheader", "--states=R", "--format=%P"), "the urgent job")
    done = to_the_end(fleet, cluster, "resume", path)
    assert [job["status"] for job in done] == ["measured"], (done, cluster.tail())
    assert attempts(fleet) == [2]
    assert len(fleet.records()) == 1


def test_jobs_that_wait_for_a_drained_node_say_so_and_go_on_once_it_is_resumed(fleet, cluster):
    path = fleet.matrix([4000, 4001], 'names = ["n1"]\n')
    running = fleet.start("fleet", "run", path, "--executor", "slurm")
    cluster.tended(lambda: bool(measuring(fleet)), "the first process")
    cluster("scontrol", "update", "nodename=n1", "state=drain", "reason=hot")
    cluster.wait(lambda: any("SLURM says" in one["detail"] for one in standing(fleet, path)), "a reason")
    time.sleep(5)  # the command looks every two
    cluster("scontrol", "update", "nodename=n1", "state=resume")
    cluster.tended(lambda: running.poll() is not None, "the fleet")
    _, told = running.communicate(timeout=PATIENCE_S)
    assert running.returncode in (0, 4), (told, cluster.tail())
    assert told.count("Nothing runs, 1 job waits: n1: SLURM says") == 1, told


def test_a_job_that_somebody_cancels_is_lost_with_the_reason_and_resumed(fleet, cluster):
    path = fleet.matrix([40000], 'names = ["n1"]\n')
    assert fleet("fleet", "run", path, "--executor", "slurm", "--detach").returncode == 0
    cluster.tended(lambda: bool(measuring(fleet)), "the first process")
    cluster("scancel", "--user=root")
    cluster.tended(cluster.idle, "the nodes")
    (job,) = jobs_of(fleet("fleet", "status", path, "--json"))
    assert (job["status"], "CANCELLED" in job["detail"]) == ("lost", True)
    done = to_the_end(fleet, cluster, "resume", path)
    assert [one["status"] for one in done] == ["measured"]
    assert len(fleet.records()) == 1


def test_a_strangers_job_of_our_name_and_ours_of_another_name_are_left_alone(fleet, cluster):
    """Root may cancel anybody's job, and a controller that lost its last numbers gives them to others."""
    path = fleet.matrix([40000], 'names = ["n1"]\n')
    assert fleet("fleet", "run", path, "--executor", "slurm", "--detach").returncode == 0
    cluster.tended(lambda: bool(measuring(fleet)), "the first process")
    name, number = cluster("squeue", "--noheader", "--format=%j|%F").strip().split("|")
    waits = ("sbatch", "--parsable", "--nodelist=n1", "--chdir=/tmp", "--output=/dev/null", "--wrap=true")
    stranger = cluster(*waits, "--uid=nobody", f"--job-name={name}", "--array=0").strip()
    other = cluster(*waits, "--job-name=other").strip()
    (handle,) = fleet.results.glob(".fleet/*/batches/*.handle")
    assert handle.read_text() == number
    handle.unlink()
    assert status(fleet, path) == ["running"]
    assert fleet("fleet", "resume", path, "--detach").returncode == 0
    assert handle.read_text() == number  # of two of that name, ours
    assert fleet("fleet", "cancel", path).returncode == 0
    cluster.tended(lambda: number not in cluster("squeue", "--noheader", "--format=%F").split(), "the cancelled job")
    states = dict(
        line.split() for line in cluster("squeue", "--noheader", "--states=all", "--format=%F %T").splitlines()
    )
    assert (states[number], "CANCELLED" in (states[stranger], states[other])) == ("CANCELLED", False)


def test_cancel_stops_the_jobs_and_ctrl_c_only_the_watching(fleet, cluster):
    path = fleet.matrix([40000, 4001], 'names = ["n1"]\n')
    running = fleet.start("fleet", "run", path, "--executor", "slurm")
    cluster.tended(lambda: bool(measuring(fleet)), "the first process")
    running.send_signal(INTERRUPT)
    _, told = running.communicate(timeout=PATIENCE_S)
    assert running.returncode == 130
    assert "the jobs continue" in told
    assert status(fleet, path) == ["running", "queued"]
    assert fleet("fleet", "cancel", path).returncode == 0
    cluster.tended(cluster.idle, "the nodes")
    assert status(fleet, path) == ["cancelled"] * 2
    assert not fleet.records()


def test_a_submission_that_was_killed_before_it_was_noted_is_found_again(fleet, cluster):
    path = fleet.matrix([100, 150], 'names = ["n1"]\n')
    assert fleet("fleet", "run", path, "--executor", "slurm", "--detach").returncode == 0
    (handle,) = fleet.results.glob(".fleet/*/batches/*.handle")
    handle.unlink()
    done = to_the_end(fleet, cluster, "resume", path)
    assert [job["status"] for job in done] == ["measured"] * 2
    assert len(list(fleet.results.glob(".fleet/*/batches/*.json"))) == 1
    assert attempts(fleet) == [1, 1]


def test_kill_9_of_repro_fleet_at_random_points_loses_and_doubles_nothing_on_slurm(fleet, cluster):
    """Eight of the thirty points that benchmarks/fleet_slurm.py tries."""
    path = fleet.matrix([1500])
    killed = kill_often(fleet, path, 8, seed=5, longest_s=2.5, executor="slurm")
    done = to_the_end(fleet, cluster, "resume", path)
    assert killed >= 4
    assert [job["status"] for job in done] == ["measured"] * 3
    assert attempts(fleet) == [1] * 3
    assert len(fleet.records()) == distinct_records(fleet) == 3


def test_where_no_folder_is_shared_a_record_comes_in_the_output_whole_or_not_at_all(fleet, cluster, tmp_path):
    path = fleet.matrix([4000])
    asked = ("fleet", "run", path, "--executor", "srun", "--node-cache", tmp_path / "own" / "%n")
    killed = kill_often(fleet, path, 2, seed=6, longest_s=8.0, more=asked[3:])  # the leaders live on
    done = to_the_end(fleet, cluster, "resume", path)
    assert [job["status"] for job in done] == ["measured"] * 3, killed
    assert len(fleet.records()) == distinct_records(fleet) == 3
    for node in slurm_cluster.NODES:  # what each measured lies in a state of its own, and only there
        (kept,) = (tmp_path / "own" / node / "repro-harness" / "fleets").glob("*/jobs/*/results/*/record.json")
        assert kept.read_bytes() in [one.read_bytes() for one in fleet.records()]
    assert not list(fleet.results.glob(".fleet/*/logs/*.parcel"))


def test_a_constraint_that_no_node_has_and_a_run_without_slurm_are_one_line(fleet, tmp_path):
    path = fleet.matrix([100])
    path.write_text(path.read_text().replace('"virtual"', '"gpu"'))
    done = fleet("fleet", "plan", path, "--executor", "slurm")
    assert done.returncode == 2
    assert done.stderr.strip().splitlines()[-1].startswith("repro: machines all: asks for 1 and 0 fit (n1 lacks gpu")
    lacking = fleet("fleet", "plan", path, "--executor", "slurm", PATH=str(tmp_path))
    assert "sinfo is not here" in lacking.stderr
    assert not list(fleet.results.glob(".fleet/*"))


REAL = """
name = "real"
[[triples]]
model = "gemma-3-270m-q4_k_m"
runtime = "llama.cpp"
suite = "{suite}"
processes = 1
[[machines]]
name = "one"
names = ["n1"]
tolerate = ["other load"]
"""


@pytest.mark.e2e
def test_a_real_model_is_signed_by_its_node_and_then_by_its_operator(cluster, tmp_path):
    repro = Repro(tmp_path)  # the user's own cache: engine and model are there
    repro.environment |= cluster.variables | {"XDG_CONFIG_HOME": str(tmp_path / "config")}
    assert repro("keys", "new", "--handle", "lab").returncode == 0
    path = tmp_path / "matrix.toml"
    path.write_text(REAL.format(suite=fleet_matrices.SMALL))
    own = paths.cache().parent
    (job,) = to_the_end(repro, cluster, "run", path, "--executor", "slurm", "--node-cache", own)
    assert job["status"] == "measured"
    (record,) = repro.records()
    found = repro("verify", record)
    assert found.returncode == 0, found.stderr
    operator = store.read(record).record.operator
    assert operator.handle == "lab"
    node = keys.load(tmp_path / "config" / "repro-harness" / "nodes" / "n1" / keys.RIG, None)
    assert operator.rig_key == node.public_key().public_bytes_raw().hex()
    assert operator.rig_key != keys.public(tmp_path / "config" / "repro-harness" / "keys").rig_key
    (unsealed,) = repro.results.glob(".fleet/*/jobs/*/results/*")
    assert repro("verify", unsealed).returncode == 2  # as the node left it: one signature is missing
