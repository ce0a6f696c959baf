"""Records come home verified and signed by both, whole or not at all; what does not hold stays where it is."""

import json

import pytest

from harness.catalog.machines import Machine
from harness.catalog.triples import Triple
from harness.demo.records import SUITE, person
from harness.errors import RecordInvalid
from harness.fleet import state as states
from harness.fleet.collect import at_home, collect
from harness.fleet.outcome import Ending, Outcome, Standing, Status
from harness.fleet.plan import Answers, Job, Plan
from harness.record import envelope, store
from harness.record.keys import PublicKeys, Signers
from harness.record.store import ENVELOPE_FILE, RECORD_FILE, SAMPLES_FILE
from harness.verify.signatures import signed_by
from tests.support import program

TRIPLE = Triple(model="/models/synthetic-1b.gguf", runtime="llama.cpp", suite="synthetic")
NAME = "20260101T000000Z_model_runtime_suite_01234567"


def signers_of(one, folder):
    hexadecimal = [key.public_key().public_bytes_raw().hex() for key in (one.operator, one.rig)]
    return Signers(PublicKeys(one.handle, hexadecimal[0], "0" * 64, hexadecimal[1]), one.operator, one.rig, folder)


@pytest.fixture
def ann(tmp_path):
    return signers_of(person("ann"), tmp_path / "keys")


@pytest.fixture
def state(tmp_path, ann):
    jobs = tuple(Job(number=n, machine="all", node="n1", repeat=0, triple=TRIPLE) for n in range(2))
    answers = Answers(handle="ann", operator_key=ann.public.operator_key, next_key_sha256="0" * 64)
    plan = Plan(
        id="x", matrix="m", title="m", sha256="0" * 64, executor="slurm", seed=0, machines=(Machine(name="all"),), jobs=jobs,
        operator=answers,
    )  # fmt: skip
    return states.create(tmp_path / "state", plan)


@pytest.fixture
def standing(state):
    """A job whose record, signed by its node alone, lies in the node's folder."""
    seed = state.plan.run_seed(state.plan.jobs[0])
    by_its_node(program.edited(program.signed(state.results(0) / NAME), lambda found: answering(found, seed)))
    return of(state, NAME)


def answering(predicate, seed):
    """The demonstration's work under the names of the plan: its suite is none of ours, so that its digest is told nowhere."""
    predicate["run"]["seed"] = seed
    predicate["run"]["command"] = (
        f"repro bench --model synthetic-1b.gguf --runtime llama.cpp --suite synthetic-v1 --seed {seed}"
    )


def by_its_node(folder, node="ann"):
    """Signed by the node alone."""
    data = envelope.sign((folder / RECORD_FILE).read_bytes(), [person(node).rig]).to_bytes()
    (folder / ENVELOPE_FILE).write_bytes(data)
    return folder


@pytest.fixture(autouse=True)
def suite(monkeypatch):
    """The digest that the demonstration's records name is of no file."""
    from harness.catalog.suites import Loaded, load

    known = load("quick").suite.model_copy(update={"name": "synthetic", "version": 1})
    monkeypatch.setattr(
        "harness.fleet.answering.suites.load",
        lambda name: Loaded(known, SUITE, None) if name == "synthetic" else load(name),
    )


def of(state, name, number=0):
    outcome = Outcome(
        number=number, node="n1", ending=Ending.MEASURED, record=name, started_utc="2026-01-01T00:00:00Z", job_s=1.0
    )
    return Standing(state.plan.jobs[number], Status.MEASURED, outcome)


@pytest.fixture
def home(tmp_path, state, ann):
    def take(standing, signers=ann):
        (one,) = collect(state, [standing], tmp_path / "results", signers, tmp_path / "known")
        return one

    take.folder = tmp_path / "results"
    take.folder.mkdir()
    return take


def test_what_a_node_signed_comes_home_with_both_signatures(home, state, standing):
    taken = home(standing)
    assert taken.refused == ""
    stored = store.read(taken.record)
    assert signed_by(stored, None) == "ann"
    assert len(json.loads((taken.record / ENVELOPE_FILE).read_bytes())["signatures"]) == 2
    assert at_home(state.plan, [standing], home.folder)[0] == {0: stored}
    before = {path: path.stat().st_mtime_ns for path in taken.record.iterdir()}
    assert home(standing).record == taken.record
    assert {path: path.stat().st_mtime_ns for path in taken.record.iterdir()} == before


def test_before_that_no_reader_takes_it_for_signed(state, standing):
    from harness.verify.reading import Verified, check

    assert check(store.read(state.results(0) / NAME)).verified is Verified.NO


def refused(home, standing, **how):
    taken = home(standing, **how)
    assert taken.record is None
    assert "\n" not in taken.refused
    assert not [path for path in home.folder.iterdir() if not path.name.startswith(".")]
    assert not list(home.folder.glob(".writing-*"))
    return taken.refused


def test_a_changed_number_is_refused(home, state, standing):
    program.edited(state.results(0) / NAME, program.faster)
    assert "do" in refused(home, standing)


def test_changed_samples_are_refused(home, state, standing):
    path = state.results(0) / NAME / SAMPLES_FILE
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert refused(home, standing)


def test_half_a_record_is_refused(home, state, standing):
    (state.results(0) / NAME / SAMPLES_FILE).unlink()
    assert refused(home, standing)


def test_a_record_without_its_nodes_signature_is_refused(home, state, standing):
    (state.results(0) / NAME / ENVELOPE_FILE).unlink()
    assert "lacks its node's signature" in refused(home, standing)


def test_a_record_that_another_key_signed_is_refused(home, state, standing):
    folder = state.results(0) / NAME
    (folder / ENVELOPE_FILE).write_bytes(
        envelope.sign((folder / RECORD_FILE).read_bytes(), [person("bob").rig]).to_bytes()
    )
    assert "no known key has signed it" in refused(home, standing)


def test_another_operators_keys_do_not_sign_it(home, tmp_path, standing):
    assert "names another operator" in refused(home, standing, signers=signers_of(person("bob"), tmp_path))


def test_without_keys_it_waits(home, standing):
    assert "waits for the operator's signature" in refused(home, standing, signers=None)


def test_a_node_with_another_key_than_before_is_refused(home, tmp_path, standing):
    known = tmp_path / "known" / "fleet-nodes"
    known.mkdir(parents=True)
    (known / "slurm-n1").write_text("ab" * 32)
    assert "another key than slurm-n1 had before" in refused(home, standing)


@pytest.mark.parametrize("name", ["../../etc", "/etc", ".hidden", "a/b", "", "x" * 300, "a\nb"])
def test_an_outcome_names_no_place_of_its_own(home, state, standing, name):
    assert "can't be a record's folder" in refused(home, of(state, name))


def test_a_record_of_other_work_gets_no_name_of_ours(home, state, standing):
    """Signed by its node, whole, and of another model than the job asks for."""
    folder = state.results(0) / NAME
    by_its_node(program.edited(folder, lambda predicate: predicate["model"].update(name="synthetic-70b")))
    assert "is of other work than job 0: its model" in refused(home, standing)


def test_a_record_in_two_jobs_is_taken_for_its_own(tmp_path, home, state, standing, ann):
    program.copied(state.results(0) / NAME, state.results(1) / NAME)
    first, second = collect(state, [standing, of(state, NAME, 1)], home.folder, ann, tmp_path / "known")
    assert first.refused == ""
    assert "is of other work than job 1: its seed" in second.refused
    assert second.record is None


def test_an_older_record_of_the_same_work_on_the_same_node_gets_no_name_of_ours(home, state, standing):
    """Of a fleet before, or by hand: whole, and signed by the node."""
    by_its_node(program.edited(state.results(0) / NAME, lambda predicate: answering(predicate, 7)))
    assert "is of other work than job 0: its seed, which is this job's alone" in refused(home, standing)


def test_an_outcome_that_names_an_older_record_at_home_puts_it_into_no_report(home, state, standing):
    program.edited(program.copied(state.results(0) / NAME, home.folder / NAME), lambda found: answering(found, 7))
    with pytest.raises(RecordInvalid, match="is not the record of job 0"):
        at_home(state.plan, [standing], home.folder)


def test_a_record_that_the_neighbour_measured_is_refused_and_notes_no_key(home, tmp_path, standing):
    known = tmp_path / "known" / "fleet-nodes"
    known.mkdir(parents=True)
    (known / "slurm-n2").write_text(person("ann").rig.public_key().public_bytes_raw().hex())
    assert "is signed by the key of slurm-n2, another node" in refused(home, standing)
    assert not (known / "slurm-n1").exists()
