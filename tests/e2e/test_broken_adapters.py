"""An adapter that is broken ends in one line, and is in nobody's way."""

import sys
import textwrap
from pathlib import Path

import pytest

from harness.errors import BadInput, RuntimeUnavailable
from harness.worker import conformance
from runtimes import table
from runtimes.interface import ModelFiles
from tests.e2e.conftest import measured, refused

WHOLE = """
    from counting_base import *

    class Mine(Counting):
        name = "mine"
"""


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """Puts packages beside the core that offer runtimes: `shipped(source, …)`; as pip leaves them, without the installing."""
    counting = Path(__file__).parents[1] / "third_party" / "counting" / "src" / "counting_runtime" / "__init__.py"
    site = tmp_path / "site"
    site.mkdir()
    (site / "counting_base.py").write_text(counting.read_text())

    def ship(source, *, name="mine", target=None, package="broken"):
        (site / f"{package}.py").write_text(textwrap.dedent(source))
        info = site / f"{package}-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 2.0\n")
        (info / "entry_points.txt").write_text(f"[repro.runtimes]\n{name} = {target or package + ':Mine'}\n")
        return site

    monkeypatch.syspath_prepend(str(site))
    yield ship
    for module in ("broken", "other", "counting_base"):
        sys.modules.pop(module, None)


LOADS_NOT = {
    "a syntax error": ("class Mine(:\n", None, "can't be imported (SyntaxError"),
    "a missing import": ("import no_such_engine\n", None, "install no_such_engine in"),
    "a missing name": ("from counting_base import nothing\n", None, "can't be imported (ImportError"),
    "an exception": ("1 / 0\n", None, "can't be imported (ZeroDivisionError"),
    "an exit": ("raise SystemExit(0)\n", None, "can't be imported (SystemExit"),
    "a module that is not there": ("", "no_such_module:Mine", "there is no module no_such_module"),
    "a wrong class": ("class Minne:\n    pass\n", None, "did you mean Minne?"),
    "no class": (WHOLE, "broken", "the entry point must be MODULE:CLASS"),
    "no formats": (
        "class Mine:\n    name = 'mine'\n    options = {}\n    def load(self, m, o): ...\n",
        None,
        "has no formats",
    ),
    "nothing": ("class Mine:\n    pass\n", None, "has no name and no formats and no options and no load"),
    "a text for formats": (WHOLE + "        formats = 'gguf'\n", None, "must be a tuple of names"),
    "options that are none": (WHOLE + "        options = {'a': int}\n", None, "must be an Option"),
    "another name": (WHOLE + "        name = 'yours'\n", None, "its name must be 'mine'"),
    "a constructor that raises": (
        WHOLE + "        def __init__(self): raise OSError('no')\n",
        None,
        "Mine() raises OSError: no",
    ),
    "a constructor that wants more": (
        WHOLE + "        def __init__(self, x): pass\n",
        None,
        "a class that takes no arguments",
    ),
    "a function that gives nothing": ("def Mine():\n    pass\n", None, "its NoneType has no name"),
}


@pytest.mark.parametrize("what", LOADS_NOT)
def test_an_adapter_that_can_not_be_made_is_one_line(shipped, what):
    source, target, words = LOADS_NOT[what]
    shipped(source, target=target)
    with pytest.raises(RuntimeUnavailable) as caught:
        table.find("mine")
    assert words in str(caught.value)
    assert "of broken 2.0" in str(caught.value)  # whom to tell
    assert caught.value.exit_code == 2
    assert "mine" in table.names()
    assert table.find("simulated").name == "simulated"


def test_two_packages_with_one_name_are_not_chosen_between(shipped):
    shipped(WHOLE)
    shipped(WHOLE, package="other")
    with pytest.raises(BadInput, match=r"several packages offer 'mine': broken 2\.0, other 2\.0"):
        table.find("mine")


def test_nobody_takes_the_name_of_ours(shipped):
    shipped(WHOLE, name="simulated")
    assert type(table.find("simulated")).__module__ == "runtimes.simulated"


def test_a_name_that_nobody_offers_says_where_its_package_must_be():
    with pytest.raises(BadInput, match=f"in {sys.prefix}.*must be installed there"):
        table.find("mine")


def adapter(shipped, body):
    shipped(WHOLE + textwrap.indent(textwrap.dedent(body), "        "))
    return table.find("mine")


CHANGED = """
    def load(self, model, options):
        loaded = super().load(model, options)
        {}
        return loaded
"""
SMALL = {"context": 4096}
LOADS = {
    "def load(self, m, o): return None": "load gives a NoneType without tokenize, generate",
    "def load(self, m, o): return self": "load gives a Mine without tokenize",
    "def load(self, m, o): raise KeyError('context')": "load raises KeyError: 'context'",
    CHANGED.format("loaded.facts = None"): "facts must be a RuntimeFacts",
    CHANGED.format("del loaded.facts"): "facts must be a RuntimeFacts",
    CHANGED.format(
        "object.__setattr__(loaded.facts, 'vocab_size', '9')"
    ): "facts.vocab_size must be a whole number, and is a str",
    CHANGED.format("object.__setattr__(loaded.facts, 'devices', None)"): "facts.devices must be a tuple of Device",
    CHANGED.format("object.__setattr__(loaded.facts, 'clock', None)"): "facts.clock must be text",
}


@pytest.mark.parametrize("body", LOADS)
def test_a_load_that_gives_something_else_is_one_line(shipped, tiny, body):
    mine = adapter(shipped, body)
    with pytest.raises(RuntimeUnavailable) as caught:
        conformance.run(mine, ModelFiles(tiny, "gguf"), SMALL, lambda *_: None)
    assert LOADS[body] in str(caught.value)
    assert caught.value.exit_code == 2


GIVES = {
    "loaded.generate = lambda *a, **k: None": (
        "exact_count",
        "generate gives a NoneType, and must give a list of token ids",
    ),
    "loaded.generate = lambda *a, **k: ['x']": ("exact_count", "generate gives 'x' (str) for a token's id"),
    "loaded.counters = lambda: None": ("prefill_alone", "counters gives a NoneType, and must give a mapping"),
    "loaded.counters = lambda: {'prefill_ns': 0.5}": ("prefill_alone", "counters gives 0.5 for 'prefill_ns'"),
    "loaded.tokenize = lambda *a, **k: 'abc'": ("tokenizes", "tokenize gives a str, and must give a list of token ids"),
    "loaded.score = lambda *a: 'x'": ("scores", "TypeError"),
    "loaded.close = lambda: 1 / 0": ("close_frees_memory", "ZeroDivisionError"),
}


@pytest.mark.parametrize("line", GIVES)
def test_methods_that_give_something_else_are_failed_checks_that_say_so(shipped, tiny, line):
    found = {}
    mine = adapter(shipped, CHANGED.format(line))
    conformance.run(mine, ModelFiles(tiny, "gguf"), SMALL, lambda code, *rest: found.update({code: rest}))
    code, words = GIVES[line]
    assert found[code][0] == "fail"
    assert words in found[code][1]


def test_commands_end_in_one_line_where_an_adapter_is_broken(repro, tiny, shipped):
    site = shipped("class Mine(:\n")
    for command in (("runtime", "check", "mine"), ("bench", "--runtime", "mine"), ("runtime", "install", "mine")):
        model = () if "install" in command else ("--model", tiny)
        line = refused(repro(*command, *model, PYTHONPATH=str(site)))
        assert "can't be imported (SyntaxError" in line
        assert "of broken 2.0" in line


def test_the_list_names_who_ships_what_and_what_is_wrong(repro, shipped):
    site = shipped("class Mine(:\n")
    done = repro("runtime", "list", PYTHONPATH=str(site))
    assert done.returncode == 0, done.stderr
    assert "from broken 2.0; cannot be used: can't be imported (SyntaxError" in done.stdout
    assert "llama.cpp" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_broken_adapter_is_in_nobody_s_way(repro, tiny, shipped):
    site = shipped("class Mine(:\n")
    done = repro("bench", "--runtime", "simulated", "--suite", "quick", "--model", tiny, "--processes", "1",
                 "-o", "step_us=50", "-o", "prefill_us=1", PYTHONPATH=str(site))  # fmt: skip
    measured(done)
