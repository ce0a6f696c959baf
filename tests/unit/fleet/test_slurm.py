"""What SLURM is told, and what is read from what it prints."""

import os
import re

import pytest

from harness.catalog.machines import Machine, Needs
from harness.catalog.triples import Triple
from harness.errors import BadInput, Unavailable
from harness.fleet import state as states
from harness.fleet.executors import slurm, slurm_commands
from harness.fleet.outcome import Held, Phase
from harness.fleet.plan import Job, Plan, unfit

HOSTILE = "$(id); --wrap=id `x` ../.. \n"


@pytest.fixture
def state(tmp_path):
    triple = Triple(model=HOSTILE, runtime=HOSTILE, suite=HOSTILE, options={HOSTILE: HOSTILE})
    machine = Machine(name="gpu", devices=2, constraint="epyc&ib", partition="bench", time_limit_s=61)
    jobs = tuple(Job(number=n, machine="gpu", node="n1", repeat=0, triple=triple) for n in range(3))
    plan = Plan(
        id="0123abcd", matrix="m", title=HOSTILE, sha256="0" * 64, executor="slurm", seed=0, machines=(machine,), jobs=jobs,
        folder=str(tmp_path),
    )  # fmt: skip
    return states.create(tmp_path / "state", plan)


def test_a_whole_node_and_one_job_at_a_time_is_asked_for(state):
    batch = state.new_batch("n1", state.plan.jobs)
    told = slurm.arguments(state, batch, state.plan.machines[0])
    for word in ("--exclusive", "--mem=0", "--array=0-2%1", "--nodelist=n1", "--nodes=1", "--requeue", "--gres=gpu:2",
                 "--constraint=epyc&ib", "--partition=bench", "--time=2", "--job-name=repro-0123abcd-0001"):  # fmt: skip
        assert word in told


def test_every_word_that_sbatch_gets_is_ours_or_held_to_a_grammar(state):
    batch = state.new_batch("n1", state.plan.jobs)
    told = [*slurm.arguments(state, batch, state.plan.machines[0]), *slurm._command(state, batch)]
    assert not [word for word in told if HOSTILE.strip() in word or "id;" in word]
    assert all(re.match(r"--[a-z-]+(=|$)", word) for word in slurm.arguments(state, batch, state.plan.machines[0]))
    exported = next(word for word in told if word.startswith("--export="))
    assert set(exported.removeprefix("--export=").split(",")) <= set(slurm.KEPT)
    with pytest.raises(BadInput):
        slurm.arguments(state, batch.model_copy(update={"node": "n1,n2"}), state.plan.machines[0])


def test_a_folder_with_a_percent_sign_is_that_folder(tmp_path, state):
    moved = states.create(tmp_path / "100%a", state.plan)
    told = slurm.arguments(moved, moved.new_batch("n1", moved.plan.jobs), moved.plan.machines[0])
    assert f"--output={tmp_path}/100%%a/logs/slurm-0001-%a.log" in told


def test_options_of_sbatch_in_the_environment_change_nothing(monkeypatch):
    monkeypatch.setenv("SBATCH_WRAP", "id")
    monkeypatch.setenv("SBATCH_EXCLUSIVE", "user")
    assert not [name for name in slurm._environment() if name.startswith("SBATCH_")]


@pytest.mark.parametrize(
    ("line", "devices", "features", "fit"),
    [
        ("n1|idle|4000|(null)|small|main", 0, ("small",), True),
        ("n1|idle|4000|gpu:2|(null)|main", 2, (), True),
        ("n1|allocated|4000|gpu:a100:4(S:0-1)|a,b|main", 4, ("a", "b"), True),
        ("n1|mixed|4000|gpu:a:1,gpu:b:2,shard:8|a|main", 3, ("a",), True),
        ("n1|idle*|4000|(null)|a|main", 0, ("a",), False),
        ("n1|down|4000|(null)|a|main", 0, ("a",), False),
        ("n1|drained|4000|(null)|a|main", 0, ("a",), False),
        ("n1|drng|4000|(null)|a|main", 0, ("a",), True),
        ("n1|planned|4000|(null)|a|main*", 0, ("a",), True),  # idle, and kept for a job that waits
        ("n1|error|4000|(null)|a|main", 0, ("a",), False),
        ("n1|no_respond|4000|(null)|a|main", 0, ("a",), False),
        ("n1|perfctrs|4000|(null)|a|main", 0, ("a",), False),
        ("n1|idle|4000|gpu:1g.5gb:7|a|main", 7, ("a",), True),
        ("n1|idle|4000|gpu:1g.5gb:7(S:0),gpu:3g.20gb:2(S:1)|a|main", 9, ("a",), True),
        ("n1|idle|4000|gpu:h100-80g:8(S:0-1),nic:2|a|main", 8, ("a",), True),
        ("n1|idle|4000|gpu|a|main", 1, ("a",), True),
    ],
)
def test_lines_of_sinfo(line, devices, features, fit):
    node = slurm_commands.node_of(line)
    assert (node.name, node.memory_mib, node.devices, node.features) == ("n1", 4000, devices, features)
    assert (node.why_not == "") is fit


def test_the_kinds_of_slices_and_cards_are_told():
    assert slurm_commands.gpu_kinds("gpu:1g.5gb:7(S:0),gpu:a100:2,gpu:3") == ("1g.5gb", "a100")


def test_a_node_of_another_partition_takes_no_job_that_names_none(tmp_path, monkeypatch):
    """sbatch would refuse it, after others were handed over."""
    lines = "n1|idle|4000|(null)|a|main*\\nn1|idle|4000|(null)|a|big\\nn2|idle|4000|(null)|a|big"
    program(tmp_path, monkeypatch, f"printf '{lines}\\n'", "sinfo")
    first, second = slurm.EXECUTOR.nodes()
    assert (first.partitions, first.by_default) == (("main", "big"), True)
    assert (second.partitions, second.by_default) == (("big",), False)
    assert unfit(first, Machine(name="a"), Needs()) == ""
    assert "default partition: name one, big" in unfit(second, Machine(name="a"), Needs())
    assert unfit(second, Machine(name="a", partition="big"), Needs()) == ""


def program(folder, monkeypatch, text, name="squeue"):
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("slurm_load_jobs error: Unable to contact slurm controller (connect failure)", Unavailable),
        ("squeue: error: slurm_receive_msg: Socket timed out on send/recv operation", Unavailable),
        ("squeue: error: invalid option", BadInput),
    ],
)
def test_a_controller_that_is_away_is_told_from_a_refusal(tmp_path, monkeypatch, said, kind):
    program(tmp_path, monkeypatch, f"echo '{said}' >&2; exit 1")
    with pytest.raises(BadInput) as told:
        slurm_commands.ask("squeue")
    assert type(told.value) is kind
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("phase", "reason", "held"),
    [
        ("PENDING", "Priority", Held(Phase.QUEUED)),
        ("PENDING", "JobArrayTaskLimit", Held(Phase.QUEUED)),
        ("PENDING", "ReqNodeNotAvail, UnavailableNodes:n1", Held(Phase.QUEUED, "SLURM says ReqNodeNotAvail, UnavailableNodes:n1")),
        ("PENDING", "JobHeldAdmin", Held(Phase.QUEUED, "SLURM says JobHeldAdmin")),
        ("RUNNING", "None", Held(Phase.RUNNING)),
        ("COMPLETING", "NonZeroExitCode", Held(Phase.RUNNING)),
    ],
)  # fmt: skip
def test_what_a_job_waits_for_is_told_where_it_is_more_than_its_turn(state, tmp_path, monkeypatch, phase, reason, held):
    batch = state.new_batch("n1", state.plan.jobs)
    program(tmp_path, monkeypatch, f"echo '{line(state, batch, phase, reason)}'")
    assert slurm.EXECUTOR.poll(state, [batch]) == {1: held}


def line(state, batch, phase="RUNNING", reason="None", handle=77, user=None, name=None):
    """Of `squeue`, of the batch's second job."""
    name = name or slurm.name_of(state, batch)
    return f"{handle}|1|{phase}|{os.getuid() if user is None else user}|{name}|{reason}"


def test_a_strangers_job_of_our_number_or_name_is_not_ours(state, tmp_path, monkeypatch):
    """A controller that was killed gives numbers again, and anybody may choose any name."""
    batch = state.new_batch("n1", state.plan.jobs)
    for other in (line(state, batch, name="repro-ffffffff-0001"), line(state, batch, user=os.getuid() + 1)):
        program(tmp_path, monkeypatch, f"echo '{other}'")
        assert slurm.EXECUTOR.poll(state, [batch]) == {}
        assert slurm.EXECUTOR.find(state, batch) is None
        assert slurm.EXECUTOR.ends(state, batch, [1]) == {1: "SLURM no longer knows it"}


def test_of_two_batches_that_got_the_same_number_the_one_that_slurm_has_is_held(state, tmp_path, monkeypatch):
    first, second = (state.new_batch("n1", jobs) for jobs in (state.plan.jobs[:2], state.plan.jobs[1:]))
    program(tmp_path, monkeypatch, f"echo '{line(state, first)}'")
    assert slurm.EXECUTOR.poll(state, [first, second]) == {1: Held(Phase.RUNNING)}


def test_what_is_cancelled_and_asked_for_is_this_users_and_by_name(state, tmp_path, monkeypatch):
    batch, said = state.new_batch("n1", state.plan.jobs), tmp_path / "said"
    for name in ("squeue", "scancel"):
        program(tmp_path, monkeypatch, f'echo "$@" >> {said}', name)
    slurm.EXECUTOR.poll(state, [batch])
    slurm.EXECUTOR.cancel(state, [batch])
    told = said.read_text().splitlines()
    assert len(told) == 2
    for one in told:
        assert f"--user={os.getuid()} --name=repro-0123abcd-0001" in one


def test_what_a_site_s_wrapper_prints_is_no_node_and_no_job(state, tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "printf 'welcome\\n\\nn1|idle|100|(null)|(null)|main*\\n'", "sinfo")
    assert [one.name for one in slurm.EXECUTOR.nodes()] == ["n1"]
    program(tmp_path, monkeypatch, "printf 'n1|idle\\n'", "sinfo")
    with pytest.raises(BadInput, match=r"sinfo says 'n1\|idle'"):
        slurm.EXECUTOR.nodes()
    batch = state.new_batch("n1", state.plan.jobs)
    program(tmp_path, monkeypatch, f"printf 'welcome\\n\\n{line(state, batch)}\\n'")
    assert slurm.EXECUTOR.poll(state, [batch]) == {1: Held(Phase.RUNNING)}


def test_without_slurm_there_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BadInput, match="sinfo is not here"):
        slurm.EXECUTOR.nodes()


@pytest.mark.parametrize(
    ("says", "most"), [("MaxArraySize            = 4", 4), ("MaxArraySize = 1001", 1000), ("", 1000)]
)
def test_a_batch_is_no_longer_than_the_sites_arrays(tmp_path, monkeypatch, says, most):
    program(tmp_path, monkeypatch, f"echo 'MaxArrayTasks = 7'; echo '{says}'", "scontrol")
    assert slurm.EXECUTOR.most() == most


def test_a_job_that_sbatch_got_in_at_a_later_try_was_handed_over(tmp_path, monkeypatch):
    full = "sbatch: error: Slurm temporarily unable to accept job, sleeping and retrying"
    program(tmp_path, monkeypatch, f"echo '{full}' >&2; echo 17", "sbatch")
    assert slurm_commands.ask("sbatch") == "17\n"
    program(tmp_path, monkeypatch, f"echo '{full}' >&2")
    with pytest.raises(Unavailable):
        slurm_commands.ask("squeue")


def test_what_a_command_said_before_its_time_was_over_is_told(tmp_path, monkeypatch):
    program(tmp_path, monkeypatch, "echo 'temporarily unable to accept job' >&2; exec /bin/sleep 30", "sbatch")
    monkeypatch.setattr(slurm_commands, "_LIMIT_S", 0.5)
    with pytest.raises(Unavailable, match=r"did not end in 0\.5 s: temporarily unable to accept job"):
        slurm_commands.ask("sbatch")
