"""Most tests run `repro` forked from a process that has its modules: it must end as one that an interpreter has just started."""

import os
import signal
from pathlib import Path

import pytest

from tests.support import forked
from tests.support.patience import until
from tests.support.warm import Warm


@pytest.mark.parametrize(
    "arguments",
    [
        ("suite", "list"),
        ("suite", "show", "quick", "--json"),
        ("show", "nowhere"),
        ("benhc",),
        ("keys",),
        ("keys", "show"),
        ("bench", "--model", "TINY", "--runtime", "simulated", "-o", "step_us=x"),
    ],
    ids=lambda words: " ".join(words),
)
def test_a_forked_program_says_and_ends_as_a_fresh_one(repro, tiny, arguments):
    words = [str(tiny) if word == "TINY" else word for word in arguments]
    one, other = repro(*words), repro.fresh(*words)
    assert (one.returncode, one.stdout, one.stderr) == (other.returncode, other.stdout, other.stderr)


def test_variables_and_folders_of_one_call_are_gone_in_the_next(repro, tmp_path):
    made = repro("keys", "new", "--handle", "ann", XDG_CONFIG_HOME=str(tmp_path / "ann"))
    assert made.returncode == 0, made.stderr
    assert repro("keys", "show", XDG_CONFIG_HOME=str(tmp_path / "ann")).returncode == 0
    assert repro("keys", "show", XDG_CONFIG_HOME=str(tmp_path / "bob")).returncode == 2


def test_what_an_interpreter_reads_at_its_start_gets_one(repro, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("raise SystemExit(77)")
    assert repro("suite", "list", PYTHONPATH=str(tmp_path)).returncode != 0
    assert repro("suite", "list").returncode == 0


def test_a_command_that_takes_too_long_is_ended(repro):
    with pytest.raises(forked.subprocess.TimeoutExpired):
        repro("schema", timeout=0.001)
    assert repro("suite", "list").returncode == 0


def test_a_warm_program_is_what_its_module_is_as_a_program(tmp_path):
    log = tmp_path / "log"
    one = Warm("tests.support.warm_example", "end", 3, environment={"PATH": "", "OWN": "mine"}, log=log)
    assert one.stdout.read() == "tests.support.warm_example ['end', '3'] mine\n"
    assert one.wait() == one.wait() == 3
    assert log.read_text() == "said\n"
    failed = Warm("tests.support.warm_example", "fail", log=log)
    assert (failed.stdout.read(), failed.wait()) == ("", 1)
    assert "ZeroDivisionError" in log.read_text()


@pytest.mark.parametrize("everything", [False, True])
def test_a_warm_program_is_killed_alone_or_with_all_that_it_has_started(everything):
    one = Warm("tests.support.warm_example", "start", apart=True)
    child = int(one.stdout.readline())
    one.kill(everything)
    assert one.wait() == -signal.SIGKILL
    if everything:
        until(lambda: not running(child), "the end of its child")
    else:
        assert running(child)
        os.kill(child, signal.SIGKILL)


def running(process):
    """Whether it has not ended; one that nobody has waited for has."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("everything", [False, True])
def test_a_warm_program_that_has_ended_before_it_is_killed_says_how(everything):
    one = Warm("tests.support.warm_example", "end", 3, environment={"PATH": "", "OWN": "mine"}, apart=True)
    one.stdout.read()
    until(lambda: not running(one.pid), "its end")
    one.kill(everything)
    assert one.wait() == 3
