"""What `repro tune` claims at its end: one thing, not two that contradict each other."""

import pytest

from harness.measure.elimination import Gain
from harness.run.request import Request
from harness.run.scores import Objective
from harness.run.sweep import Cell
from harness.run.tune import Candidate, Tuned, Tuning
from harness.terminal.tuning import Search, _claim

CELLS = [Cell({}, Request("m", "simulated", "quick")), Cell({"threads": "1"}, Request("m", "simulated", "quick"))]
SEARCH = Search(Tuning(CELLS, Objective(1.0), 900), (), (), "key")


@pytest.mark.parametrize(("low", "high", "tied"), [(1.04, 1.12, False), (0.98, 1.12, True), (0.9, 0.95, False)])
def test_a_default_that_the_second_measurement_tells_from_the_winner_is_no_tie(low, high, tied):
    candidates = tuple(Candidate(cell.settings, (1.0, 1.0)) for cell in CELLS)
    found = Tuned(candidates, 1, (0,), 2, 60.0, Gain((low + high) / 2, low, high, 4), {})
    assert any("not told from the winner: the default" in line for line in _claim(found, SEARCH)) == tied
