"""What `pip install repro-harness` brings, and how the program says that an extra is missing."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from harness.cli import COMMANDS, EXTRA_OF
from harness.extras import EXTRAS, MissingExtra, missing, needs, of_module
from tests.support import tiny_gguf
from tests.support.program import signed

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PAGE = (ROOT / "docs" / "configuration.md").read_text().partition("\n## Packages\n")[2].partition("\n## ")[0]
MODULES = {module for modules in EXTRAS.values() for module in modules}
BEFORE_EXTRAS = 14  # packages of the core in 0.1
# No package of an extra can be imported in this process, as where none is installed.
BLOCKED = f"""
import json, sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(one.partition(".")[0] for one in MODULES)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
"""
# Every command at the end of a path, with something for each value that it must have; what is printed, and how it ended.
EVERY_LEAF = """
import contextlib, io
import click
from harness.cli import EXTRA_OF, cli, main

def leaves(command, path):
    if isinstance(command, click.Group) and path:
        for name in command.commands:
            yield from leaves(command.commands[name], (*path, name))
        if command.invoke_without_command:
            yield path, command
    else:
        yield path, command

def words(command):
    for one in command.params:
        if one.required:
            value = one.type.choices[0] if isinstance(one.type, click.Choice) else "1"
            yield from [str(value)] if isinstance(one, click.Argument) else [one.opts[0], str(value)]

def ended(*arguments):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            main(list(arguments))
        except SystemExit as end:
            return end.code or 0, said.getvalue()

context = click.Context(cli)
found = {}
for name in EXTRA_OF:
    for path, command in leaves(cli.get_command(context, name), (name,)):
        found[" ".join(path)] = [EXTRA_OF[name], *ended(*path, *words(command)), ended(*path, "--help")[0]]
print(json.dumps(found))
"""


def blocked(program: str, *arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCKED + program, *arguments], capture_output=True, text=True, cwd=cwd,
        env={**os.environ, **more},
    )  # fmt: skip


def repro(*arguments: object, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    return blocked("from harness.cli import main; main()", *map(str, arguments), cwd=cwd, **more)


def listed(requirements: list[str]) -> set[str]:
    return {re.split(r"[\[<>=]", one)[0] for one in requirements}


def test_the_page_lists_every_package_of_the_core_with_its_reason():
    reasons = dict(re.findall(r"^\| `([\w-]+)` \| ([^|]{10,}) \|$", PAGE, re.MULTILINE))
    assert set(reasons) == listed(PROJECT["dependencies"])


def test_measuring_brings_fewer_packages_than_it_did_and_no_database():
    core = listed(PROJECT["dependencies"])
    assert len(core) < BEFORE_EXTRAS
    assert not core & {"alembic", "pandas", "sqlalchemy"}


def test_the_page_the_program_and_the_project_have_the_same_extras():
    declared = PROJECT["optional-dependencies"]
    assert set(EXTRAS) == set(declared) - {"dev"}
    assert set(EXTRAS) == set(re.findall(r"^\| `(\w+)` \|(?:[^|]*\|){2}$", PAGE, re.MULTILINE))
    for extra, modules in EXTRAS.items():
        packages = {one.replace("-", "_") for one in listed(declared[extra])} - {"repro_harness"}
        inner = {one for text in declared[extra] for one in re.findall(r"repro-harness\[(\w+)\]", text)}
        needed = {module for one in inner for module in EXTRAS[one]} | packages
        assert needed == {one.replace(".", "_") for one in modules}, extra


def test_whoever_develops_has_every_extra():
    own = next(one for one in PROJECT["optional-dependencies"]["dev"] if one.startswith("repro-harness["))
    inside = set(re.findall(r"\w+", own.removeprefix("repro-harness")))
    assert {module for extra in inside for module in EXTRAS[extra]} == MODULES


def test_every_command_that_needs_an_extra_says_so_in_one_line_and_its_help_works(tmp_path):
    done = blocked(EVERY_LEAF, cwd=tmp_path)
    found = json.loads(done.stdout)
    assert {path.split()[0] for path in found} == set(EXTRA_OF)
    assert len(found) > 40
    for path, (extra, code, said, help_code) in found.items():
        fix = f"needs the package {EXTRAS[extra][0]}, which is not installed; run: pip install 'repro-harness[{extra}]'"
        assert (code, said.count("\n"), help_code) == (2, 1, 0), (path, said)
        assert said == f"repro: {path}: {fix}\n"
    assert not list(tmp_path.iterdir())


def test_what_measures_shows_verifies_and_compares_needs_no_extra(tmp_path):
    (tmp_path / "tiny.gguf").write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    suite = ROOT / "tests" / "data" / "small-v1.toml"
    done = repro(
        "bench", "--runtime", "simulated", "--model", "tiny.gguf", "--suite", suite, "--processes", "1",
        "-o", "step_us=50", "-o", "prefill_us=2", cwd=tmp_path,
        XDG_CACHE_HOME=str(tmp_path / "cache"),
    )  # fmt: skip
    assert done.returncode in (0, 4), done.stderr
    ann, bob = signed(tmp_path / "ann"), signed(tmp_path / "bob", "bob")
    for command in (
        ("show", ann), ("verify", ann), ("recompute", ann), ("compare", ann, bob), ("agree", ann, bob), ("runs", tmp_path),
        ("report", ann, bob, "--out", tmp_path / "both.html"), ("report", ann),
    ):  # fmt: skip
        done = repro(*command)
        assert done.returncode in (0, 1), (command, done.stderr)
        assert "needs the package" not in done.stderr
        assert "Traceback" not in done.stderr


def test_every_command_s_help_works_without_any_extra():
    program = "from harness.cli import cli\nfor name in sys.argv[1:]: cli.main([name, '--help'], standalone_mode=False)"
    done = blocked(program, *COMMANDS)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Usage:") == len(COMMANDS)


@pytest.mark.parametrize(
    ("words", "where", "extra"),
    [
        (("bench", "--runtime", "simulated", "--registry", "r"), "--registry", "registry"),
        (("bench", "--runtime", "simulated", "--registry", "postgresql://x/y"), "--registry", "registry"),
    ],
)
def test_a_run_for_a_registry_is_refused_before_it_measures(tmp_path, words, where, extra):
    done = repro(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"repro: {where}: needs the package ")
    assert done.stderr.endswith(f"pip install 'repro-harness[{extra}]'\n")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    ("door", "extra"),
    [
        ("import harness; harness.open_registry('r')", "registry"),
        ("import harness; harness.registry.rows('r')", "registry"),
        ("from harness.registry import records", "registry"),
        ("import harness.registry.actions.acts", "registry"),
        ("import harness.demo.registry", "registry"),
        ("import harness.site.build", "registry"),
        ("import harness; harness.load_records('nowhere')", "frames"),
    ],
)
def test_every_python_door_says_what_is_missing(door, extra):
    done = blocked(door)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("harness.extras.MissingExtra: harness.")
    assert last.endswith(f"run: pip install 'repro-harness[{extra}]'")


def test_tables_of_a_registry_ask_for_pandas_alone():
    done = subprocess.run(
        [sys.executable, "-c", "import sys; sys.modules['pandas'] = None; import harness; harness.registry.rows('r')"],
        capture_output=True,
        text=True,
    )
    assert "harness.registry.rows: needs the package pandas" in done.stderr.strip().splitlines()[-1]


def test_a_package_that_breaks_while_it_is_imported_is_named_too(tmp_path):
    (tmp_path / "pandas.py").write_text("raise ModuleNotFoundError('No module named pandas', name='pandas')")
    program = f"sys.path.insert(0, {str(tmp_path)!r}); from harness.cli import main; main(['export', {str(signed(tmp_path / 'ann'))!r}])"
    done = subprocess.run([sys.executable, "-c", f"import sys; {program}"], capture_output=True, text=True)
    fix = "run: pip install 'repro-harness[frames]'"
    assert done.stderr == f"repro: needs the package pandas, which is not installed; {fix}\n"
    assert done.returncode == 2


def test_only_packages_of_an_extra_are_blamed_on_one():
    assert of_module("sqlalchemy.orm") == ("registry", "sqlalchemy")
    assert of_module("alembic.command") == ("registry", "alembic")
    assert of_module("jinja2") is None
    assert of_module("harness.nothing") is of_module("numpy") is of_module(None) is None


def test_what_is_installed_is_not_asked_for():
    for extra in EXTRAS:
        needs(extra, "here")
    assert isinstance(missing("png", "resvg_py", "--png"), MissingExtra)
