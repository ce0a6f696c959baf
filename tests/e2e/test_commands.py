"""Every command as a user runs it, on a simulated record; the real runtime has a test of its own."""

import json
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness.cli import COMMANDS
from tests.e2e.conftest import measured, refused

ROOT = Path(harness.__file__).parent.parent


@pytest.fixture
def record(simulated_record, tmp_path):
    folder = tmp_path / "results" / "one"
    shutil.copytree(simulated_record.parent, folder)
    return folder


def test_help_names_every_command_with_its_own_words(repro):
    text = repro("--help").stdout
    for name, (_, words) in COMMANDS.items():
        assert name in text
        own = repro.fresh(name, "--help").stdout  # so each command imports what it needs by itself
        assert " ".join(words.split()) in " ".join(own.split())


def test_help_imports_nothing_heavy():
    program = "import sys; from harness.cli import cli; cli.main(['--help'], standalone_mode=False); print(sorted(sys.modules))"
    text = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    modules = set(text.splitlines()[-1].replace("'", "").strip("[]").split(", "))
    assert not modules & {"numpy", "pydantic", "pandas", "pyarrow", "rich", "huggingface_hub", "psutil"}


def test_show_prints_the_headline_the_checks_and_the_warning_of_a_simulation(repro, record):
    text = repro("show", record, "--all", "--plot").stdout
    for words in (
        "SYNTHETIC",
        "Picture: repro report",
        "trial after trial",
        "decode ",
        "95 % interval",
        "decode-128",
        "Checks",
        "arithmetic",
        "Findings",
        "ITL of decode-128",
    ):
        assert words in text, words
    assert json.loads(repro("show", record, "--json").stdout)["suite"]["name"] == "quick"


def test_recompute_counts_the_numbers(repro, record):
    assert "follow from its samples" in repro("recompute", record).stdout


def test_compare_with_itself_is_the_same(repro, record):
    found = json.loads(repro("compare", record, record, "--json").stdout)
    assert found["differences"] == []
    assert {row["comparison"]["ratio"] for row in found["rows"]} == {1.0}
    # Where a busy machine made an interval wide, not even the same numbers are told to be the same.
    assert {row["comparison"]["verdict"] for row in found["rows"]} <= {"same", "cannot_tell"}
    assert "A / B" in repro("compare", record, record).stdout
    refused(repro("compare", record, record, "--band", "0"))


def test_compare_names_what_differs(repro, record, tmp_path, tiny):
    done = repro("bench", "--runtime", "simulated", "--suite", "quick", "--model", tiny, "--processes", "3", "--results", "other",
                 "-o", "step_us=300", "-o", "prefill_us=5", "-o", "seed=3", "-o", "between_ppm=2000")  # fmt: skip
    measured(done)
    found = json.loads(repro("compare", next(Path(tmp_path / "other").glob("2*")), record, "--json").stdout)
    assert found["differences"] == ["setting step_us"]
    decode = next(r for r in found["rows"] if (r["workload"], r["metric"]) == ("decode-128", "decode_rate"))
    if done.returncode == 0:  # else a busy machine spoiled a check, and nothing is compared
        compared = decode["comparison"]
        # Nor is it told where what else the machine did made the interval reach into the band.
        assert compared["verdict"] == ("slower" if compared["high"] < 0.9 else "cannot_tell")
        assert compared["ratio"] == pytest.approx(2 / 3, rel=0.3)


def test_a_run_against_a_record_ends_with_the_verdict(repro, record, tiny):
    settings = ("-o", "step_us=200", "-o", "prefill_us=5", "-o", "seed=3", "-o", "between_ppm=2000")
    done = repro(
        "bench", "--runtime", "simulated", "--suite", "quick", "--model", tiny, "--against", record, "--all", *settings
    )
    measured(done)
    if done.returncode == 0:  # else a busy machine spoiled a check, and nothing is compared
        decided = "precise_and_decided" in done.stdout
        assert ("same" if decided else "cannot tell") in done.stdout.split("differ in: ")[1]
    line = refused(
        repro("bench", "--runtime", "simulated", "--suite", "default", "--model", tiny, "--against", record, *settings)
    )
    assert "it ran quick-v1, this run is default-v1" in line


@pytest.mark.parametrize("form", ["csv", "json", "parquet", "markdown"])
def test_export_in_every_format(repro, record, tmp_path, form):
    target = tmp_path / f"table.{form}"
    assert repro("export", record.parent, "--format", form, "--out", target).returncode == 0
    if form == "markdown":
        assert target.read_text().startswith("| model_name |")
        return
    read = {"csv": pd.read_csv, "json": pd.read_json, "parquet": pd.read_parquet}[form]
    frame = read(target)
    assert len(frame) == len(harness.load_records(record))
    assert frame["point"].notna().all()


def test_export_of_parquet_to_a_terminal_is_refused(repro, record):
    assert "--out" in refused(repro("export", record, "--format", "parquet"))


def test_the_catalogue_is_listed(repro):
    assert "quick-v1" in repro("suite", "list").stdout
    assert "tg128@d0" in repro("suite", "show", "default").stdout
    assert "Gemma Terms of Use" in repro("model", "list").stdout
    assert "llama.cpp" in repro("runtime", "list").stdout
    for command in (("suite", "list"), ("suite", "show", "quick"), ("model", "list"), ("runtime", "list")):
        json.loads(repro(*command, "--json").stdout)


def test_doctor_says_what_to_do(repro):
    done = repro("doctor", "--json")
    checks = json.loads(done.stdout)
    assert {"other load", "memory", "build tools"} <= {check["name"] for check in checks}
    assert done.returncode == (3 if "bad" in {check["level"] for check in checks} else 0)
    assert repro("doctor").stdout.count("→") == sum(bool(c["fix"]) and c["level"] != "ok" for c in checks)


def test_the_record_holds_no_trace_of_its_maker(tiny, tmp_path, repro):
    canaries = {"USER": "canary-user-7f3a", "LOGNAME": "canary-log-7f3a", "HOSTNAME": "canary-host-7f3a"}
    home = tmp_path / "canary-home-7f3a"
    home.mkdir()
    done = repro("bench", "--runtime", "simulated", "--suite", "quick", "--model", tiny, "--processes", "1", "-o", "step_us=50",
                 **canaries, HOME=str(home), OMP_NUM_THREADS="2", GGML_SECRET="/canary-path-7f3a")  # fmt: skip
    measured(done)
    text = repro.records()[0].read_text() + (repro.records()[0].parent / "samples.parquet").read_bytes().decode(
        "latin-1"
    )
    assert "canary" not in text
    assert str(tmp_path) not in text
    variables = json.loads(repro.records()[0].read_text())["predicate"]["runtime"]["variables"]
    assert variables["OMP_NUM_THREADS"] == "2"
    assert variables["GGML_SECRET"] == "set, not recorded"
    assert not list(home.iterdir())


def test_a_model_named_for_its_owner_is_not_published(repro, tiny):
    named = tiny.with_name("canary-user-7f3a.gguf")
    tiny.rename(named)
    done = repro("bench", "--runtime", "simulated", "--suite", "quick", "--model", named, "--processes", "1",
                 "-o", "step_us=50", USER="canary-user-7f3a")  # fmt: skip
    assert "would publish an identifier" in refused(done)
    assert not repro.records()


def test_an_installed_wheel_carries_what_it_needs(tmp_path):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    wheel = next(tmp_path.glob("*.whl"))
    assert wheel.name == f"repro_harness-{project['version']}-py3-none-any.whl"
    target = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target), str(wheel)]
    subprocess.run(install, check=True, capture_output=True)
    program = f"import sys; sys.path.insert(0, {str(target)!r}); from harness.cli import main; main()"
    for command, words in (
        (["suite", "list"], "default-v1"),
        (["model", "list"], "gemma"),
        (["runtime", "list"], "llama.cpp"),
    ):
        done = subprocess.run(
            [sys.executable, "-P", "-c", program, *command], capture_output=True, text=True, cwd=tmp_path
        )
        assert words in done.stdout, done.stderr
    assert (target / "runtimes" / "locks" / "llama.cpp.txt").exists()


def test_settings_are_seen_where_records_are_compared_and_exported(repro, record, tmp_path):
    """The record again, as if it had been measured otherwise."""
    from harness.record.canonical import canonical

    def altered(name, **settings):
        value = json.loads((record / "record.json").read_text())
        value["predicate"]["runtime"]["settings"] |= settings
        folder = tmp_path / name
        folder.mkdir()
        (folder / "record.json").write_bytes(canonical(value))
        (folder / "samples.parquet").write_bytes((record / "samples.parquet").read_bytes())
        return folder

    one, two = altered("one", threads=2, type_k="f16"), altered("two", threads=1, type_k="q8_0")
    auto = altered("auto", threads=2, flash_attn="auto, resolution not reported")
    pair = repro("compare", one, two).stdout
    several = repro("compare", one, two, auto).stdout
    for text in ("threads 2 → 1 (tunes it)", "type_k f16 → q8_0 (changes the computation)"):
        assert text in pair
    for text in ("threads 1 → 2 (tunes it), B → A", "type_k q8_0 → f16 (changes the computation), B → A"):
        assert text in several
    assert "flash_attn not recorded" not in several
    assert "not told by both, so it may differ: flash_attn" in several
    found = json.loads(repro("compare", one, two, "--json").stdout)
    assert {(s["name"], s["before"], s["after"]) for s in found["settings"]} == {
        ("threads", "2", "1"),
        ("type_k", "f16", "q8_0"),
    }
    assert {"setting threads", "setting type_k"} <= set(found["differences"])
    table = repro("export", two, "--format", "csv").stdout
    assert "type_k=q8_0" in table
    assert "threads=1" in table
    assert "type_k=q8_0" in repro("export", two, "--format", "markdown").stdout
