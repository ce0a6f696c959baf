"""What the documents say is there: links, files, variables, and the commands with their options."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import pytest

from harness.cli import cli
from harness.run.execute.launcher import ENGINE_VARIABLES
from tests.support import documents
from tests.support.documents import DATED, ROOT, Command

PAGES = documents.pages()
SHOWN = [command for page in PAGES if not page.startswith(DATED) for command in documents.commands(page)]
ELISION = "…"


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_somewhere(page):
    path = ROOT / page
    text = path.read_text()
    for link in documents.links(text):
        if re.match(r"[a-z]+:", link):
            continue
        place, _, anchor = link.partition("#")
        target = (path.parent / place).resolve() if place else path
        assert target.exists(), link
        if anchor:
            assert anchor in documents.anchors(target.read_text()), link


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith(DATED)])
def test_every_file_that_is_named_exists(page):
    named = re.compile(r"(?:harness|runtimes|tests|benchmarks|configs|docs)/[\w./-]*\w")
    for span in documents.spans((ROOT / page).read_text()):
        found = named.fullmatch(span.partition("::")[0])
        assert found is None or (ROOT / found[0]).exists(), span


@pytest.mark.parametrize("page", [page for page in PAGES if not page.startswith(DATED)])
def test_every_test_that_is_named_exists(page):
    """`unit/a/test_b.py::test_c` by its whole path or its end; `…c` is a test of the file that the same line named last."""
    tests = ROOT / "tests"
    for line in (ROOT / page).read_text().splitlines():
        named = ""
        for span in documents.spans(line):
            found = re.fullmatch(r"(?:tests/)?([\w/]*test_\w+\.py)(?:::(test_\w+))?", span)
            if found is not None:
                files = [path for path in tests.rglob(Path(found[1]).name) if str(path).endswith(f"/{found[1]}")]
                assert len(files) == 1, span
                named = files[0].read_text()
                assert f"def {found[2] or 'test_'}" in named, span
            elif re.fullmatch(r"…\w+", span) and named:
                assert re.search(rf"def test_\w*{span[1:]}\(", named), span


def test_every_page_is_in_the_index():
    index = {(ROOT / "docs" / link.partition("#")[0]).resolve() for link in documents.links(read("docs/README.md"))}
    missing = [page for page in PAGES if page.startswith("docs/") and not page.startswith(DATED)]
    assert [page for page in missing if page != "docs/README.md" and ROOT / page not in index] == []


@pytest.mark.parametrize("command", [c for c in SHOWN if c.text.startswith("repro")], ids=str)
def test_every_command_exists_with_its_options(command):
    check(command)


@pytest.mark.parametrize("command", [c for c in SHOWN if c.text.startswith("make")], ids=str)
def test_every_target_of_make_exists_with_its_variables(command):
    makefile = read("Makefile")
    targets = re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE)
    variables = re.findall(r"^([A-Z]+) \?=", makefile, re.MULTILINE)
    for word in re.findall(r'[A-Z]+="[^"]*"|\S+', command.text)[1:]:
        name, assigned, _ = word.partition("=")
        assert name in (variables if assigned else targets) or word == ELISION, word


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("repro benhc", "no command"),
        ("repro registry nwe --registry PLACE", "no command"),
        ("repro show results/RECORD --jsno", "no option"),
        ("repro request new|close ID", "no command"),
        ("repro show A B", "at most 1"),
        ("repro show", "at least 1"),
        ("repro keys new", "--handle"),
        ("repro export results --format xml", "one of"),
    ],
)
def test_a_command_that_does_not_exist_is_found(text, wrong):
    with pytest.raises(AssertionError, match=wrong):
        check(Command("a page", text, True))


def test_every_variable_that_is_read_is_documented():
    page = read("docs/configuration.md")
    read_here = re.compile(
        r'environ(?:\.get\(|\[)"([A-Z_]+)"|below_home\("([A-Z_]+)"|^VARIABLE = "([A-Z_]+)"', re.MULTILINE
    )
    sources = [path for folder in ("harness", "runtimes") for path in (ROOT / folder).rglob("*.py")]
    names = {"".join(found) for path in sources for found in read_here.findall(path.read_text())}
    assert {"REPRO_REGISTRY", "REPRO_PASSPHRASE", "XDG_CACHE_HOME", "CMAKE_ARGS"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in page and not name.startswith(ENGINE_VARIABLES)] == []
    assert [prefix for prefix in ENGINE_VARIABLES if f"`{prefix}`" not in page] == []


def read(page: str) -> str:
    return (ROOT / page).read_text()


def check(command: Command) -> None:
    """A command as shown against those that exist: its path, its options, how many arguments, and words from closed lists."""
    words = re.sub(r" [|>] .*", "", command.text).replace("[", " ").replace("]", " ").split()[1:]
    for one, rest in list(paths(cli, words)):
        fits(one, rest, complete=command.block and ELISION not in command.text and not any("|" in w for w in words))


def paths(group: click.Command, words: Sequence[str]) -> Iterator[tuple[click.Command, Sequence[str]]]:
    """The commands that the words lead to, several where they say `approve|reject`, and what is left for their parser."""
    if not isinstance(group, click.Group) or not words or words[0].startswith("-") or words[0] == ELISION:
        yield group, words
        return
    for name in words[0].split("|"):
        found = group.get_command(click.Context(group), name)
        assert found is not None, f"no command is called {name}"
        yield from paths(found, words[1:])


def fits(command: click.Command, words: Sequence[str], *, complete: bool) -> None:
    options = {
        name: one
        for one in command.params
        if isinstance(one, click.Option)
        for name in (*one.opts, *one.secondary_opts)
    }
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    given, left, rest = set(), 0, iter(words)
    for word in rest:
        if word in ("--help", "-h", "--version"):
            complete = False
        elif word.startswith("-") and len(word) > 1:
            name, _, value = word.partition("=")
            assert name in options, f"no option {name} of {command.name}"
            given.add(name)
            if not options[name].is_flag and not value:
                value = next(rest, "")
                assert value or not complete, f"{name} without its value"
            closed = getattr(options[name].type, "choices", None)
            if closed and value and value not in (ELISION, value.upper()):
                assert set(value.split("|")) - {ELISION} <= set(closed), f"{name} must be one of {closed}"
        elif word != ELISION:
            left += 1
    least = sum(max(one.nargs, 1) for one in arguments if one.required)
    most = None if any(one.nargs == -1 for one in arguments) else sum(one.nargs for one in arguments)
    assert most is None or left <= most or isinstance(command, click.Group), (
        f"{command.name} takes at most {most} arguments"
    )
    if complete and not isinstance(command, click.Group):
        assert left >= least, f"{command.name} takes at least {least} arguments"
        missing = [one.opts[0] for one in options.values() if one.required and not given & set(one.opts)]
        assert not missing, f"{command.name} needs {missing}"
