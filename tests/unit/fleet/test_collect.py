"""Records come home verified and signed by both, whole or not at all; what does not hold stays where it is."""

import json

import pytest

from harness.catalog.machines import Machine
from harness.catalog.triples import Triple
from harness.demo.records import person
from harness.fleet import state as states
from harness.fleet.collect import at_home, collect
from harness.fleet.outcome import Ending, Outcome, Standing, Status
from harness.fleet.plan import Answers, Job, Plan
from harness.record import envelope, store
from harness.record.keys import PublicKeys, Signers
from harness.record.store import ENVELOPE_FILE, RECORD_FILE, SAMPLES_FILE
from harness.verify.signatures import signed_by
from tests.support import program

NAME = "20260101T000000Z_model_runtime_suite_01234567"


def signers_of(one, folder):
    hexadecimal = [key.public_key().public_bytes_raw().hex() for key in (one.operator, one.rig)]
    return Signers(PublicKeys(one.handle, hexadecimal[0], "0" * 64, hexadecimal[1]), one.operator, one.rig, folder)


@pytest.fixture
def ann(tmp_path):
    return signers_of(person("ann"), tmp_path / "keys")


@pytest.fixture
def state(tmp_path, ann):
    jobs = tuple(
        Job(number=n, machine="all", node="n1", repeat=0, triple=Triple(model="m", runtime="r")) for n in range(2)
    )
    answers = Answers(handle="ann", operator_key=ann.public.operator_key, next_key_sha256="0" * 64)
    plan = Plan(
        id="x", matrix="m", title="m", sha256="0" * 64, executor="slurm", seed=0, machines=(Machine(name="all"),), jobs=jobs,
        operator=answers,
    )  # fmt: skip
    return states.create(tmp_path / "state", plan)


@pytest.fixture
def standing(state):
    """A job whose record, signed by its node alone, lies in the node's folder."""
    folder = program.signed(state.results(0) / NAME)
    data = envelope.sign((folder / RECORD_FILE).read_bytes(), [person("ann").rig]).to_bytes()
    (folder / ENVELOPE_FILE).write_bytes(data)
    return of(state, NAME)


def of(state, name):
    outcome = Outcome(
        number=0, node="n1", ending=Ending.MEASURED, record=name, started_utc="2026-01-01T00:00:00Z", job_s=1.0
    )
    return Standing(state.plan.jobs[0], Status.MEASURED, outcome)


@pytest.fixture
def home(tmp_path, state, ann):
    def take(standing, signers=ann):
        (one,) = collect(state, [standing], tmp_path / "results", signers, tmp_path / "known")
        return one

    take.folder = tmp_path / "results"
    return take


def test_what_a_node_signed_comes_home_with_both_signatures(home, standing):
    taken = home(standing)
    assert taken.refused == ""
    stored = store.read(taken.record)
    assert signed_by(stored, None) == "ann"
    assert len(json.loads((taken.record / ENVELOPE_FILE).read_bytes())["signatures"]) == 2
    assert at_home([standing], home.folder)[0] == {0: stored}
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
