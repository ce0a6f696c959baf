"""One protocol for progress: who takes long tells how far it is, and a bar on a terminal shows it."""

import io
from datetime import date
from pathlib import Path

import pytest
from rich.console import Console

from harness.progress import SILENT
from harness.registry.exchange import files
from harness.registry.exchange.audit import audit
from harness.registry.queries import believed
from harness.registry.reading import open_registry
from harness.site.build import Wish, build
from harness.terminal.progress import ProgressBar
from tests.support.registry_world import World, world


class Heard:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, int, int]] = []

    def stage(self, text: str) -> None:
        self.steps.append((text, 0, 0))

    def advance(self, text: str, done: int, total: int) -> None:
        self.steps.append((text, done, total))

    def remark(self, text: str) -> None:
        self.steps.append((text, 0, 0))

    @property
    def texts(self) -> list[str]:
        return list(dict.fromkeys(text for text, _, _ in self.steps))

    def ended(self, text: str) -> bool:
        """Whether the last that was told of this is that all of it is done."""
        last = [(done, total) for told, done, total in self.steps if told == text][-1]
        return last[0] == last[1] > 0


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three rows of a registry; the caches are the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    made = world(str(tmp_path / "registry"))
    for name in ("ann", "bob", "cid"):
        made.accepted(name)
    return made


def test_an_export_says_how_many_entries_are_written(rows: World, tmp_path: Path) -> None:
    heard = Heard()
    files.export(rows.registry, tmp_path / "out", heard)
    assert heard.texts == ["writing entries"]
    assert heard.ended("writing entries")


def test_an_import_says_how_many_entries_are_in(rows: World, tmp_path: Path) -> None:
    files.export(rows.registry, tmp_path / "out", SILENT)
    heard = Heard()
    files.into(tmp_path / "out", str(tmp_path / "again"), heard)
    assert heard.ended("importing entries")


def test_reading_exported_files_says_how_far_it_is(rows: World, tmp_path: Path) -> None:
    files.export(rows.registry, tmp_path / "out", SILENT)
    heard = Heard()
    open_registry(tmp_path / "out", heard)
    assert heard.ended("importing entries")


def test_an_audit_says_how_many_entries_are_checked(rows: World) -> None:
    heard = Heard()
    audit(rows.registry, None, heard)
    assert heard.ended("checking entries")


def test_the_first_verification_of_records_says_how_far_it_is_and_the_second_has_nothing_to_say(
    rows: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(believed, "SHOWN_FROM", 2)
    first, second = Heard(), Heard()
    for heard in (first, second):
        with believed.reading(rows.registry, progress=heard):
            pass
    assert first.ended("verifying records")
    assert second.steps == []


def test_few_records_are_verified_without_a_word(rows: World) -> None:
    heard = Heard()
    with believed.reading(rows.registry, progress=heard):
        pass
    assert heard.steps == []


def test_a_site_says_how_many_pages_are_made(rows: World, tmp_path: Path) -> None:
    heard = Heard()
    build(Wish(str(tmp_path / "registry"), tmp_path / "site", date(2026, 11, 24)), heard)
    assert heard.ended("making pages")


def test_on_a_terminal_a_bar_is_drawn_and_taken_away() -> None:
    shown = Terminal()
    with ProgressBar(Console(file=shown, force_terminal=True, width=100)) as bar:
        bar.advance("verifying records", 3, 4)
    assert "verifying records" in shown.getvalue()
    assert "3/4" in shown.getvalue()


def test_off_a_terminal_a_long_step_is_a_line_and_a_quiet_bar_is_nothing() -> None:
    lines, quiet = io.StringIO(), io.StringIO()
    for file, told in ((lines, True), (quiet, False)):
        with ProgressBar(Console(file=file, width=100), lines=told) as bar:
            for done in range(1, 5):
                bar.advance("verifying records", done, 4)
            bar.remark("one record is left out")
    assert lines.getvalue() == "  verifying records 1/4\none record is left out\n"
    assert quiet.getvalue() == "one record is left out\n"


def test_what_a_command_prints_while_a_bar_stands_goes_to_its_own_output(capsys: pytest.CaptureFixture[str]) -> None:
    with ProgressBar(Console(file=Terminal(), force_terminal=True, width=100)) as bar:
        bar.advance("verifying records", 1, 4)
        print("the answer")
    assert capsys.readouterr().out == "the answer\n"


def test_a_bar_within_a_bar_that_has_nothing_to_show_yet_is_drawn() -> None:
    shown = Terminal()
    console = Console(file=shown, force_terminal=True, width=100)
    with ProgressBar(console) as outer:
        with ProgressBar(console) as inner:
            inner.advance("importing entries", 1, 2)
        outer.advance("writing entries", 1, 2)
    assert "importing entries" in shown.getvalue()
    assert "writing entries" in shown.getvalue()
