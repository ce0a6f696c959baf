"""What `repro show` prints: three lines, the table, where the picture is; drawings, in whatever the terminal can hold."""

import io
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from harness.record import store
from harness.record.schema import Finding
from harness.terminal.console import SafeConsole, fitting
from harness.terminal.plots import HEIGHT, course, print_plots
from harness.terminal.report import report
from harness.terminal.runs import line_of
from harness.units import half_width
from harness.verify.reading import check
from tests.support.program import REAL, Program, signed
from tests.support.report_records import made


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return made(tmp_path_factory.mktemp("records"))


@pytest.fixture
def repro(capfd):
    return Program(capfd)


def printed(place, width=100, **options):
    """With a note that asks for nothing and one that asks for something."""
    found = check(store.read(place))
    notes = tuple(
        Finding(code=code, severity="note", workload="", metric="", text=f"about {code}", evidence={})
        for code in ("outliers", "gpu_unused")
    )
    record = found.stored.record.model_copy(update={"findings": notes})
    console = SafeConsole(file=io.StringIO(), highlight=False, width=width)
    report(console, replace(found, stored=replace(found.stored, record=record)), **options)
    return console.file.getvalue()


def test_three_lines_then_the_table_then_the_picture(records):
    lines = printed(records["whole"], width=1000).splitlines()
    assert lines[0].startswith(
        "synthetic-1b (Q4_K_M) with llama.cpp 0.3.36 on Synthetic: decode 100.2 tok/s (95 % interval "
    )
    assert lines[1].startswith("Usable: ")
    assert lines[2].startswith("Next: ")
    assert lines[4].startswith("workload")
    picture = lines.index(f"Picture: repro report {records['whole']} --open")
    assert 5 < picture < 9


@pytest.mark.parametrize("columns", [60, 80, 100])
def test_a_narrow_terminal_gets_the_table_in_parts_that_cut_no_number(records, columns):
    def rows(width):
        """By workload, all numbers of its lines, in their order."""
        found = {}
        for line in printed(records["whole"], width=width).splitlines()[4:]:
            if not line or line.startswith("Picture"):
                if line:
                    return found
                continue
            assert len(line) <= width
            found.setdefault(line.split()[0], []).extend(line.split()[1:])
        return None

    assert "…" not in str(rows(columns))
    assert {key: value for key, value in rows(columns).items() if key != "workload"} == {
        key: value for key, value in rows(1000).items() if key != "workload"
    }


def test_what_makes_a_subject_of_its_own_stands_below_the_table_and_digests_are_cut(records):
    found = check(store.read(records["whole"]))
    own = {"speculative": "draft-model", "draft_max": 8, "draft_model": "98f1c2" + "0" * 58}
    runtime = found.stored.record.runtime
    runtime = runtime.model_copy(update={"settings": runtime.settings | own})
    record = found.stored.record.model_copy(update={"runtime": runtime})
    console = SafeConsole(file=io.StringIO(), highlight=False, width=1000)
    report(console, replace(found, stored=replace(found.stored, record=record)))
    (line,) = [line for line in console.file.getvalue().splitlines() if line.startswith("Settings: ")]
    assert line.endswith("draft_max=8 draft_model=98f1c2000000 speculative=draft-model")
    assert "drafted" in line_of(replace(found, stored=replace(found.stored, record=record)))["findings"]
    assert "drafted" not in line_of(found)["findings"]


def test_what_asks_for_nothing_is_counted_and_shown_on_demand(records):
    short, whole = printed(records["whole"]), printed(records["whole"], everything=True)
    assert "about gpu_unused" in short
    assert "about outliers" not in short
    assert "9 checks passed, 1 finding that asks for nothing (--all shows them)" in short
    assert "pass  counting" not in short
    for words in ("about outliers", "about gpu_unused", "pass  counting", "Stopped: fixed", "Engine: "):
        assert words in whole, words
    assert "--all" not in whole


@pytest.mark.parametrize("columns", [40, 60, 80, 120, 200])
def test_a_drawing_is_as_wide_as_the_terminal_and_no_wider(records, columns):
    console = SafeConsole(file=io.StringIO(), highlight=False, width=columns)
    for kind in ("whole", "curves"):
        print_plots(console, check(store.read(records[kind])))
    lines = console.file.getvalue().splitlines()
    drawn = [line for line in lines if set(line) & set("█●")]
    assert max(map(len, drawn)) <= columns
    assert max(map(len, drawn)) > min(columns, 120) * 0.6


def test_all_drawings_are_there(records):
    console = SafeConsole(file=io.StringIO(), highlight=False, width=100)
    print_plots(console, check(store.read(records["whole"])))
    text = console.file.getvalue()
    assert "ITL of decode-16" in text
    assert "Decode of decode-16 in tok/s, trial after trial" in text
    assert "15 trials, 5 processes" in text
    console = SafeConsole(file=io.StringIO(), highlight=False, width=100)
    print_plots(console, check(store.read(records["curves"])))
    assert "Decode of tg16 by tokens in the cache before" in console.file.getvalue()
    console = SafeConsole(file=io.StringIO(), highlight=False, width=100)
    print_plots(console, check(store.read(records["failed"])))
    assert console.file.getvalue() == "nothing to draw: the run failed\n\n"


def test_the_plot_of_trials_puts_each_where_its_rate_is():
    lines = course([np.array([10.0, 20.0]), np.array([15.0])], 80)
    assert len(lines) == HEIGHT + 1
    assert lines[0].split() == ["20.00", "●", "│"]
    assert lines[HEIGHT - 1].split() == ["10.00", "●", "│"]
    assert lines[HEIGHT // 2].split() == ["15.00", "│", "●"]
    assert course([np.array([1.0])], 80) == []
    many = course([np.linspace(1, 2, 5000)], 60)
    assert max(map(len, many)) <= 60
    assert "a dot is the median of" in many[-1]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_utf_8_gets_all_in_its_own_characters(records, encoding):
    done = _in(encoding, records["whole"])
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode(encoding)
    assert "Decode of decode-16" in text
    assert "####" in text
    assert b"UnicodeEncodeError" not in done.stderr


def _in(encoding, place):
    program = "from harness.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "show", str(place), "--plot", "--all"],
        capture_output=True, env={"PYTHONIOENCODING": encoding, "PYTHONUTF8": "0", "HOME": "/nonexistent"},
    )  # fmt: skip


def test_json_in_ascii_gives_back_the_same_text(records):
    import json

    done = subprocess.run(
        [sys.executable, "-c", "from harness.cli import main; main()", "show", str(records["whole"]), "--json"],
        capture_output=True, env={"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "HOME": "/nonexistent"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.decode("ascii"))["verified"] == "yes"


def test_foreign_characters_are_escaped_where_they_do_not_fit():
    assert fitting("漢 ± █▎", "ascii") == "\\u6f22 +/- # "
    assert fitting("漢 ±", "utf-8") == "漢 ±"


def test_no_colour_goes_into_a_pipe(repro, records):
    assert "\x1b" not in repro("show", records["whole"], "--plot").out


def test_no_trial_is_drawn_of_samples_that_are_not_the_records_own(repro, tmp_path):
    place = signed(tmp_path / "one", setup=REAL)
    other = signed(tmp_path / "other", "bob")
    (place / store.SAMPLES_FILE).write_bytes((other / store.SAMPLES_FILE).read_bytes() + b"x")
    text = repro("show", place, "--plot").out
    assert text.startswith("samples: INVALID (")
    assert "trial after trial" not in text
    assert "ITL of" not in text


def test_an_interval_wider_than_ten_times_its_number_has_no_digits():
    assert [half_width(ppm) for ppm in (None, 23_000, 10_000_000, 5_694_190_450_000)] == [
        "", "± 2.3 %", "± 1000.0 %", "± > 1,000 %",
    ]  # fmt: skip
