"""A record answers the job under which it lies, or is not signed: model, runtime, suite, options, processes, pair, seed."""

import pytest

from harness.catalog.machines import Machine
from harness.catalog.triples import Triple
from harness.fleet.answering import experiment, other_work
from harness.fleet.plan import Job, Plan, Turn
from harness.record import store

OPTIONS = {"step_us": 200, "prefill_us": 5, "seed": 3, "between_ppm": 2000}


@pytest.fixture
def record(simulated_record):
    return store.read(simulated_record).record


@pytest.fixture
def differs(record, tmp_path):
    """What a job with these changes would say of the record."""

    def asked(turn=None, record=record, seed=None, **changes):
        given = {"model": "tiny.gguf", "runtime": "simulated", "suite": "quick", "processes": 3, "options": OPTIONS}
        triples = [Triple(**(given | changes)), Triple(model="m", runtime="simulated")]
        other = turn and turn.model_copy(update={"side": "b", "partner": 0})
        jobs = tuple(
            Job(number=n, machine="all", node="n1", repeat=0, triple=one, turn=side)
            for n, (one, side) in enumerate(zip(triples, (turn, other), strict=True))
        )
        plan = Plan(
            id="x", matrix="m", title="m", sha256="0" * 64, executor="slurm", seed=0, machines=(Machine(name="all"),),
            jobs=jobs, folder=str(tmp_path),
        )  # fmt: skip
        run = record.run.model_copy(update={"seed": plan.run_seed(jobs[0]) if seed is None else seed})
        return other_work(plan, jobs[0], record.model_copy(update={"run": run})), plan

    return asked


def test_a_record_of_the_work_answers_it(differs):
    assert differs()[0] == ""
    assert differs(model="/elsewhere/tiny.gguf")[0] == ""


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"runtime": "llama.cpp", "options": {}}, "runtime"),
        ({"runtime": "simulated@1.0"}, "runtime"),
        ({"model": "other.gguf"}, "model"),
        ({"model": "gemma-3-270m-q4_k_m"}, "model"),
        ({"model": "hf:owner/name:Q4_K_M"}, "model"),
        ({"model": "ollama:tiny"}, "model"),
        ({"suite": "default"}, "suite"),
        ({"options": OPTIONS | {"step_us": 201}}, "options"),
        ({"options": {}}, "options"),
        ({"options": OPTIONS | {"threads": 2}}, "options"),
        ({"processes": 4}, "number of processes"),
        ({"processes": None}, "number of processes"),
        ({"seed": 0}, "seed, which is this job's alone"),
    ],
)
def test_a_record_of_other_work_is_told_by_what_differs(differs, changes, what):
    assert differs(**changes)[0] == what


def test_a_side_of_a_pair_is_answered_by_its_own_side_of_this_very_pair(differs, record):
    turn = Turn(pair="p", side="a", partner=1, rounds=3, seed=1)
    told, plan = differs(turn)
    assert told == "pair"  # it was measured by itself

    def declared(**changes):
        said = experiment(plan, plan.jobs[0], turn).model_copy(update=changes)
        return record.model_copy(update={"run": record.run.model_copy(update={"experiment": said})})

    assert differs(turn, record=declared())[0] == ""
    assert differs(turn, record=declared(member=1))[0] == "pair"
    assert differs(turn, record=declared(id="0" * 64))[0] == "pair"
    assert differs(record=declared())[0] == "pair"


def test_files_and_addresses_are_compared_as_a_record_names_them(differs, record):
    given = {"url": "http://10.0.0.1/v1", "ca_file": "/etc/ca.pem", "vouch": True}
    said = {"url": "http://another-machine", "ca_file": "a file of this machine", "vouch": True}
    runtime = record.runtime.model_copy(update={"name": "openai-http", "options": said})
    command = record.run.command.replace("--runtime simulated", "--runtime openai-http")
    made = record.model_copy(update={"runtime": runtime, "run": record.run.model_copy(update={"command": command})})
    assert differs(record=made, runtime="openai-http", options=given)[0] == ""
    assert differs(record=made, runtime="openai-http", options=given | {"vouch": False})[0] == "options"


def test_a_converted_model_is_known_by_what_it_was_made_from(differs, record):
    from harness.catalog import models

    (file,) = models.load("gemma-3-270m-q4_k_m").files
    made = record.model_copy(update={"model": record.model | {"derived_from": file.sha256}})
    assert differs(record=made, model="gemma-3-270m-q4_k_m")[0] == ""
