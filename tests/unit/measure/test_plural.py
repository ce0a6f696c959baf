"""One of a thing is said as one."""

from harness.measure.plural import count
from harness.verify import check_rules
from tests.unit.run.test_checks import HONEST


def test_one_is_one_and_many_are_many():
    assert [count(number, "record") for number in (0, 1, 2, 1204)] == [
        "0 records",
        "1 record",
        "2 records",
        "1,204 records",
    ]
    assert count(1, "process is", "processes are") == "1 process is"
    assert count(3, "process is", "processes are") == "3 processes are"


def test_checks_of_one_trial_say_so():
    assert check_rules.counting(HONEST[:1]).text == "1 trial made exactly the tokens asked for"
    assert check_rules.determinism(HONEST).text.endswith("in all trials of 1 workload")
