"""A sweep of twelve cells on a machine that gets slower all the while: their order comes out right all the same."""

import errno
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from harness.errors import BadInput, DiskFull, Interrupted
from harness.progress import SILENT
from harness.run.kept import Kept
from harness.run.request import Request
from harness.run.sweep import PROCESSES, Cell, Sweep, run_sweep
from tests.support.simulated_runs import Machine, SimulatedRun

CELLS = 12
STEP = 0.04  # between the rates of neighbours
DRIFT = 0.016  # a process: over the 48 of a sweep a step becomes 1.75 times as long, and neighbours differ by 4 %


def cells(folder, processes=PROCESSES):
    request = Request("model", "simulated", "quick", results=folder, processes=processes)
    return [Cell({"knob": str(i)}, replace(request, settings=(f"knob={i}",))) for i in range(CELLS)]


class InMemory(Kept):
    """On no disk: a hundred sweeps would wait for it more than they compute."""

    def write(self):
        pass


def swept(machine, folder, seed=0, budget_s=None, begin=None, processes=PROCESSES, kept=Kept):
    made = {}

    def begun(request, progress):
        index = int(request.settings[0].partition("=")[2])
        run = SimulatedRun(machine, f"cell{index}", 100 * math.exp(STEP * index), request.processes, folder)
        made[index] = run
        return run

    sweep = Sweep(cells(folder, processes), kept(folder, ".sweep", "key"), seed, budget_s)
    return run_sweep(sweep, begin or begun, SILENT, machine.clock), made


def right(made):
    means = [np.mean(np.log(made[index].medians)) for index in range(CELLS)]
    return all(a < b for a, b in pairwise(means))


def test_the_order_of_twelve_cells_is_right_in_95_of_100_with_drift(tmp_path):
    found = 0
    for seed in range(100):
        machine = Machine(np.random.Generator(np.random.PCG64(seed)), drift=DRIFT, noise=0.008)
        _, made = swept(machine, tmp_path, seed, kept=InMemory)
        found += right(made)
    assert found >= 95


def test_the_same_cells_one_after_the_other_would_be_misled(tmp_path):
    """Else the bar would say nothing of the order of turns."""
    found = 0
    for seed in range(20):
        machine = Machine(np.random.Generator(np.random.PCG64(seed)), drift=DRIFT, noise=0.008)
        logs = [
            np.mean(np.log([machine.process("", 100 * math.exp(STEP * index)) for _ in range(PROCESSES)]))
            for index in range(CELLS)
        ]
        found += all(a < b for a, b in pairwise(logs))
    assert found == 0


def test_every_round_holds_every_cell_once(tmp_path):
    machine = Machine(np.random.Generator(np.random.PCG64(1)))
    ended, _ = swept(machine, tmp_path)
    rounds = [machine.order[i : i + CELLS] for i in range(0, len(machine.order), CELLS)]
    assert len(rounds) == PROCESSES
    assert all(len(set(one)) == CELLS for one in rounds)
    assert rounds[1] == rounds[0][::-1]
    assert all(one.record.exists() for one in ended)


def test_a_cell_that_fails_is_left_out_and_the_others_go_on(tmp_path):
    machine = Machine(np.random.Generator(np.random.PCG64(1)), failing=frozenset(("cell3",)))
    ended, _ = swept(machine, tmp_path)
    assert [one.record is None for one in ended] == [index == 3 for index in range(CELLS)]
    assert "the engine crashed" in ended[3].error
    assert machine.order.count("cell3") == 1
    assert machine.order.count("cell4") == PROCESSES


def test_a_budget_ends_a_sweep_after_whole_rounds(tmp_path):
    machine = Machine(np.random.Generator(np.random.PCG64(1)), process_s=10)
    _, made = swept(machine, tmp_path, budget_s=CELLS * 10 * 2 + 60, processes=5)
    assert {len(run.medians) for run in made.values()} == {2}
    assert all(
        "another round of the sweep would end at 360 s, its budget is 300 s" in run.stopped for run in made.values()
    )


def test_what_was_interrupted_goes_on_with_the_cells_that_have_no_record(tmp_path):
    machine = Machine(np.random.Generator(np.random.PCG64(1)))
    kept = Kept(tmp_path, ".sweep", "key")
    first = cells(tmp_path)[0]
    path = tmp_path / "there.json"
    path.write_text("[]")
    kept.note(first.key, path)
    again = Kept(tmp_path, ".sweep", "key")
    again.read()
    assert again.record(first.key) == path

    def begun(request, progress):
        index = int(request.settings[0].partition("=")[2])
        return SimulatedRun(machine, f"cell{index}", 100.0, 3, tmp_path)

    ended = run_sweep(Sweep(cells(tmp_path), again, 0), begun, SILENT, machine.clock)
    assert ended[0].record == path
    assert "cell0" not in machine.order


class Full(SimulatedRun):
    """One whose disk is full from the second process on, or when its record is written."""

    at = 1

    def step(self):
        if len(self.medians) == self.at:
            raise OSError(errno.ENOSPC, "No space left on device", "process-001.frames")
        return super().step()


class FullAtTheEnd(SimulatedRun):
    def conclude(self):
        raise DiskFull("no space left on the disk", where="results", fix="free some")


@pytest.mark.parametrize("kind", [Full, FullAtTheEnd])
def test_a_full_disk_ends_the_sweep_for_the_next_cell_cannot_be_written_either(tmp_path, kind):
    machine = Machine(np.random.Generator(np.random.PCG64(1)))

    def begun(request, progress):
        return kind(machine, request.settings[0], 100.0, request.processes, tmp_path)

    with pytest.raises(DiskFull, match=r"no space left on the disk; free some.*continue with --resume"):
        swept(machine, tmp_path, begin=begun, processes=2)
    assert len(machine.order) == CELLS * (1 if kind is Full else 2)


def test_a_disk_that_is_full_while_the_runs_are_prepared_ends_the_sweep(tmp_path):
    machine = Machine(np.random.Generator(np.random.PCG64(1)))

    def begun(request, progress):
        raise DiskFull("no space left on the disk")

    with pytest.raises(DiskFull):
        swept(machine, tmp_path, begin=begun)


@pytest.mark.parametrize("error", [BadInput("no"), Interrupted("stopped")])
def test_what_is_refused_while_the_runs_are_prepared_leaves_nothing_behind(tmp_path, error):
    machine = Machine(np.random.Generator(np.random.PCG64(1)))
    runs = []

    def begun(request, progress):
        if len(runs) == 2:
            raise error
        runs.append(SimulatedRun(machine, "cell", 1.0, 3, tmp_path))
        return runs[-1]

    with pytest.raises(type(error)):
        swept(machine, tmp_path, begin=begun)
    assert all(run.discarded for run in runs)
    assert not list(tmp_path.glob(".sweep/*"))
