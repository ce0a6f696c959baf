"""The Python API: every example of its page runs, and what the command line refuses is refused here, too."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import harness
from harness import api, errors
from harness.errors import BadInput, LogInconsistent, NotFound, RecordInvalid, statuses
from harness.progress import SILENT
from harness.record.keys import PublicKeys
from harness.registry.exchange import files
from tests.support import tiny_gguf
from tests.support.program import REAL, copied, edited, faster, resigned, signed
from tests.support.registry_world import world

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python-api.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """A user's own folders, and a place to work in."""
    for name in ("CACHE", "CONFIG", "DATA"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def ann(tmp_path):
    return signed(tmp_path / "work" / "records" / "ann", "ann")


@pytest.fixture
def bob(tmp_path):
    from dataclasses import replace

    return signed(tmp_path / "work" / "records" / "bob", "bob", replace(REAL, rate=150.0))


def exported(place: Path, folder: Path, *people: str) -> Path:
    registry = world(str(place))
    for name in people:
        registry.accepted(name)
    files.export(registry.registry, folder, SILENT)
    return folder


def test_every_example_of_the_page_runs_in_one_process(tmp_path, ann, bob, capsys):
    Path("tiny.gguf").write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    demonstration = ROOT / "results" / "demo-registry"
    if demonstration.is_dir():
        shutil.copytree(demonstration, "results/demo-registry")
    else:
        Path("results").mkdir()
        exported(tmp_path / "made", Path("results/demo-registry"), "ann", "bob")
    names = {}
    for number, example in enumerate(EXAMPLES):
        exec(compile(example, f"{number}. example of docs/python-api.md", "exec"), names)
    told = capsys.readouterr().out
    assert names["run"].record.run.synthetic
    assert names["again"] == names["run"]
    assert names["checked"].signer == "ann"
    assert "is not signed" in told
    assert {row.comparison.verdict.value for row in names["comparison"].rows if row.metric == "decode_rate"} == {
        "faster"
    }
    assert set(names["frame"]["record"]) >= {names["run"].id}
    assert len(names["rows"]) == names["rows"]["row"].nunique() > 0
    assert names["records"]["decode_tokens_per_s"].between(0.01, 1e6).all()
    assert "there is no record" in told


def test_every_public_name_has_an_example_and_a_docstring_that_says_what_it_raises():
    examples = "\n".join(EXAMPLES)
    for name in set(harness.__all__) - {"__version__"}:
        assert f"harness.{name}(" in examples, name
        where = harness.registry if name == "open_registry" else api
        assert name == "Request" or "Raises" in (inspect.getdoc(getattr(where, name)) or ""), name
    for name in ("rows", "records", "tier_counts"):
        assert f"harness.registry.{name}(" in examples
        assert re.search("Raises|raises", inspect.getdoc(getattr(harness.registry, name)) or ""), name


def test_the_page_s_table_of_errors_is_the_program_s():
    listed = re.findall(r"^\| `(\w+)` \| .* \| (\d+) \| (\d+) \|$", PAGE, re.MULTILINE)
    assert {name for name, _, _ in listed} == {kind.__name__ for kind in errors._STATUSES} - {"ReproError"}
    for name, exit_status, http_status in listed:
        assert statuses(getattr(errors, name)) == (int(exit_status), int(http_status)), name


@pytest.mark.parametrize(
    "before",
    [
        "",
        "import harness.compare.records",
        "from harness.compare import agreement",
        "import harness.api",
        "harness.agree",
    ],
)
def test_compare_can_be_called_whatever_was_imported_before(before, ann, bob):
    program = f"import harness\n{before}\nprint(harness.compare('{bob}', '{ann}').rows[0].comparison.verdict.value)"
    program += f"\nfrom harness import compare\nprint(compare('{ann}', '{bob}').rows[0].comparison.verdict.value)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["faster", "slower"]


def test_importing_harness_loads_nothing_but_the_package():
    program = "import harness, sys; print(*sorted(m for m in sys.modules if m.startswith('harness')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["harness"]


def test_names_that_are_not_public_are_refused():
    for place, name in (
        (harness, "hubs"),
        (harness, "check"),
        (harness.registry, "frame"),
        (harness.registry, "tiers"),
    ):
        with pytest.raises(AttributeError, match=name):
            getattr(place, name)
        assert name not in dir(place)
    assert {*harness.__all__, "registry"} <= set(dir(harness))


def forged(folder: Path, target: Path) -> Path:
    return resigned(edited(copied(folder, target), faster))


def test_a_false_record_is_verified_compared_and_agreed_with_by_nobody(tmp_path, ann):
    bad = forged(ann, tmp_path / "bad")
    for ask in (
        lambda: harness.verify_record(bad),
        lambda: harness.verify_record(harness.read_record(bad)),
        lambda: harness.compare(bad, ann),
        lambda: harness.compare(ann, harness.read_record(bad)),
        lambda: harness.agree(ann, bad),
        lambda: harness.agree(harness.read_record(bad), ann),
    ):
        with pytest.raises(RecordInvalid):
            ask()


def test_a_false_record_is_no_baseline_of_a_run(tmp_path, ann):
    bad = harness.read_record(forged(ann, tmp_path / "bad"))
    with pytest.raises(RecordInvalid, match="does not hold"):
        harness.bench(harness.Request("tiny.gguf", "simulated", "quick", against=bad))


def test_a_public_file_of_somebody_else_does_not_verify(tmp_path, ann):
    with pytest.raises(BadInput):
        harness.verify_record(ann, tmp_path / "nowhere")
    operator = harness.read_record(ann).record.operator
    named = tmp_path / "public.json"
    named.write_text(PublicKeys(operator.handle, operator.operator_key, "0" * 64, operator.rig_key).to_json())
    assert harness.verify_record(ann, named).signer == "ann"
    with pytest.raises(RecordInvalid, match="public file"):
        harness.verify_record(signed(tmp_path / "eve", "eve"), named)


@pytest.mark.parametrize("band", [0, 50, -1, float("nan"), float("inf")])
def test_a_band_that_is_none_is_refused(band, ann):
    with pytest.raises(BadInput, match="between 0 and 50"):
        harness.compare(ann, ann, band_percent=band)


@pytest.mark.parametrize(
    ("asked", "where"),
    [
        ({"processes": 0}, "processes"),
        ({"processes": True}, "processes"),
        ({"budget_s": -1}, "budget_s"),
        ({"budget_s": 1.5}, "budget_s"),
        ({"challenge": "ABC"}, "challenge"),
        ({"challenge": "0" * 64, "seed": 3}, "seed"),
        ({"seed": "a"}, "seed"),
        ({"seed": -1}, "seed"),
        ({"settings": "threads=2"}, "settings"),
        ({"against": "records/ann"}, "against"),
        ({"runtime": "none"}, ""),
        ({"python": "/nowhere/python"}, "python"),
    ],
)
def test_a_bad_request_is_refused_before_anything_is_measured(asked, where, tmp_path):
    model = tmp_path / "tiny.gguf"
    model.write_bytes(tiny_gguf.build(tiny_gguf.LONG))
    request = {"model": str(model), "runtime": "simulated", "suite": "quick", "results": tmp_path / "results"} | asked
    with pytest.raises(BadInput) as caught:
        harness.bench(harness.Request(**request))
    assert where in caught.value.where
    assert not (tmp_path / "results").exists()


def test_tables_open_a_place_as_every_reader_does(tmp_path):
    place = exported(tmp_path / "one", tmp_path / "out", "ann", "bob")
    for given in (place, str(place), harness.open_registry(place)):
        assert len(harness.registry.records(given)) == 2
    rows, tiers = harness.registry.rows(place), harness.registry.tier_counts(place)
    pd.testing.assert_series_equal(
        rows["row"], harness.registry.records(place)["row"].drop_duplicates(), check_index=False
    )
    assert tiers["rows"].sum() == len(rows)


def test_a_registry_that_forgot_history_gives_no_table(tmp_path):
    registry = world(str(tmp_path / "registry"))
    files.export(registry.registry, tmp_path / "old", SILENT)
    registry.accepted("ann")
    harness.registry.rows(registry.registry.target)
    for ask in (harness.open_registry, harness.registry.rows, harness.registry.records, harness.registry.tier_counts):
        with pytest.raises(LogInconsistent, match="older copy"):
            ask(tmp_path / "old")


def test_what_is_not_there_is_not_found(tmp_path, ann):
    for ask in (
        lambda: harness.read_record("nowhere"),
        lambda: harness.verify_record("nowhere"),
        lambda: harness.compare(ann, "nowhere"),
        lambda: harness.agree("nowhere", ann),
        lambda: harness.load_records("nowhere"),
        lambda: harness.open_registry(tmp_path),
        lambda: harness.registry.rows(tmp_path),
        lambda: harness.registry.tier_counts(str(tmp_path / "nowhere")),
    ):
        with pytest.raises(NotFound):
            ask()
