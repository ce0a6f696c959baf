"""A report: one file that asks for nothing, that says first what is wrong with a record, and whose numbers are the record's."""

import re
import shutil

import pytest

from harness import units
from harness.compare.records import compare_records
from harness.measure.comparison import BAND
from harness.record import store
from harness.record.curves import curves
from harness.reports import files, several
from harness.reports.document import report
from harness.verify.reading import check
from tests.browser.hostile import SCRIPT, TURNED
from tests.support.program import Program, edited, faster, resigned, signed
from tests.support.report_records import made

MOST_BYTES = 300_000


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return made(tmp_path_factory.mktemp("records"))


@pytest.fixture
def repro(capfd):
    return Program(capfd)


def told(*places):
    return report([check(store.read(place)) for place in places])


def text_of(html: bytes) -> str:
    """What a reader sees, in order."""
    bare = re.sub(r"<(style|title)[^>]*>.*?</\1>", " ", html.decode(), flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", bare).split())


KINDS = ["whole", "synthetic", "false", "unsigned", "failed", "curves"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_report_of_one_record_is_small_and_asks_for_nothing(records, kind):
    html = told(records[kind]).html
    assert len(html) <= MOST_BYTES
    page = html.decode()
    assert not re.search(r"<(script|link|img|iframe|object|embed|base)\b", page)
    assert not re.search(r"\b(src|href)=\"(?!#)", page)
    assert "@import" not in page
    assert "url(" not in page
    assert not re.search(r"\sstyle=", page)


@pytest.mark.parametrize(
    ("kind", "first"),
    [
        ("false", "INVALID, signature"),
        ("synthetic", "SYNTHETIC: made by a simulated runtime."),
        ("unsigned", "Not signed: its numbers follow from its samples."),
        ("failed", "The run failed: it does not run here: out of memory (while loading). There is no number."),
    ],
)
def test_what_is_wrong_stands_before_any_number(records, kind, first):
    made_of = told(records[kind])
    page = text_of(made_of.html)
    assert first in page
    rate = page.find("tok/s")
    assert rate < 0 or page.index(first) < rate
    assert first.split(":")[0].split(",")[0] in made_of.picture
    assert (kind == "failed") == (rate < 0)


def test_the_numbers_are_those_of_the_record(records):
    record = store.read(records["whole"]).record
    estimate = record.headline.estimate
    page = text_of(told(records["whole"]).html)
    low, high = (units.bare(value) for value in (estimate.low, estimate.high))
    assert f"decode {units.bare(estimate.point)} tok/s (95 % interval {low} to {high}) in decode-16" in page
    assert "Usable : decode is known to" in page
    assert "signed by ann" in page


def test_two_records_give_the_ratio_with_its_interval_and_verdict(records):
    a, b = (store.read(records[name]).record for name in ("other", "whole"))
    row = next(one for one in compare_records(a, b, BAND).rows if one.metric == "decode_rate")
    page = text_of(told(records["other"], records["whole"]).html)
    c = row.comparison
    assert f"decode {units.quantity(row.a, row.unit)} {units.quantity(row.b, row.unit)}" in page
    assert f"{units.ratio(c.ratio)} {units.interval(c.low, c.high)} faster" in page
    assert "Comparison of two records" in page
    assert "They differ in: nothing that is recorded" in page


def test_records_that_differ_in_a_setting_are_a_sweep_with_its_ties_named(records):
    made_of = told(*(records[f"threads={n}"] for n in (1, 2, 4)))
    page = text_of(made_of.html)
    assert page.startswith("Skip to the content Sweep of threads: synthetic-1b")
    assert "The fastest measured: threads=4. Tied with it (they can&#39;t be told apart): threads=2." in page
    assert re.search(r"1 40\.\d+ tok/s ± [\d.]+ % 0\.\d{3} 0\.\d{3} to 0\.\d{3} slower", page)
    assert "Decode of decode-16 by threads" in page
    assert "threads=4" in made_of.picture


def test_a_false_record_is_no_cell_of_a_sweep(records, tmp_path):
    false = tmp_path / "false"
    shutil.copytree(records["threads=4"], false)
    edited(false, lambda one: (one["runtime"]["options"].update(threads=8), faster(one)))
    page = text_of(told(*(records[f"threads={n}"] for n in (1, 2, 4)), false).html)
    assert "D: INVALID" in page
    assert "threads=8" not in page.split("Ratios and verdicts")[0]
    assert "The fastest measured: threads=4." in page


def test_a_record_without_what_a_page_needs_is_refused_in_one_line(repro, tmp_path):
    place = signed(tmp_path / "one")
    resigned(edited(place, lambda one: one["model"].pop("sha256")))
    for named in ((place,), (place, signed(tmp_path / "two"))):
        done = repro("report", *named, "--out", tmp_path / "a.html")
        assert (done.code, "Traceback" in done.err) in ((0, False), (2, False)), done.err


def test_unlike_records_stand_side_by_side_and_the_unusable_are_in_no_drawing(records):
    names = ("whole", "another model", "false", "failed", "synthetic")
    checked = [check(store.read(records[name])) for name in names]
    page = text_of(report(checked).html)
    assert "5 records side by side" in page
    assert "C: INVALID, signature" in page
    assert "D: The run failed" in page
    shown = [row[0] for chart in several.rate_charts(several.sides(checked)) for row in chart.rows]
    assert shown
    assert {label[0] for label in shown} == {"A", "B", "E"}
    assert all("(synthetic)" in label for label in shown if label.startswith("E"))
    pairs = several.pairings(several.sides(checked), BAND)
    assert [pair.letters for pair in pairs] == ["B / A", "E / A"]
    verdicts = {line.verdict for line in pairs[0].lines}
    assert verdicts <= {"slower", "faster", "same", "cannot tell"}


def test_curves_by_depth_and_by_requests_at_once_are_drawn(records):
    record = store.read(records["curves"]).record
    found = {(one.metric, one.x_label): [point.x for point in one.points] for one in curves(record)}
    assert found["decode_rate", "tokens in the cache before"] == [0, 1024, 4096]
    assert found["throughput", "requests at once"] == [1, 2, 8]
    page = text_of(told(records["curves"]).html)
    assert "Decode of tg16 by tokens in the cache before" in page
    assert "Throughput of 8 → 16 tokens by requests at once" in page


def test_workloads_of_other_lengths_are_no_points_of_one_curve(records):
    record = store.read(records["curves"]).record
    longer = tuple(
        one.model_copy(update={"prompt_tokens": 99}) if one.id == "batch-2" else one for one in record.workloads
    )
    found = {
        one.metric: [point.x for point in one.points] for one in curves(record.model_copy(update={"workloads": longer}))
    }
    assert found["throughput"] == [1, 8]


def test_a_conversation_that_grows_is_a_curve_by_its_prompts(records):
    record = store.read(records["curves"]).record
    turns = tuple(
        one.model_copy(update={"id": f"turn-{i}", "concurrency": None, "prompt_tokens": 100 * 2**i})
        for i, one in enumerate(record.workloads)
    )
    results = tuple(
        one.model_copy(update={"workload": turn.id}) for one, turn in zip(record.results, turns, strict=True)
    )
    grown = record.model_copy(update={"workloads": turns, "results": results})
    (found,) = curves(grown)
    assert (found.metric, found.x_label) == ("ttft", "prompt tokens")
    assert [point.x for point in found.points] == [100 * 2**i for i in range(len(turns))]
    assert curves(grown.model_copy(update={"workloads": turns[:2], "results": results[:2]})) == ()


def test_a_hostile_record_says_its_texts_and_no_more(tmp_path):
    def hostile(predicate):
        for field in ("name", "quantisation", "family", "variant", "licence"):
            predicate["model"][field] = f"{SCRIPT}{TURNED}"
        predicate["runtime"]["version"] = predicate["run"]["stop_detail"] = f'"><img src=x onerror=alert(1)> {TURNED}'
        predicate["runtime"]["options"] = {SCRIPT: SCRIPT}
        predicate["workloads"][0]["title"] = "</style></svg><svg onload=alert(1)>"
        predicate["environment"][SCRIPT] = {SCRIPT: {"value": SCRIPT}}

    place = resigned(edited(signed(tmp_path / "hostile"), hostile))
    plain = signed(tmp_path / "plain")
    for made_of in (told(place), told(place, plain), told(plain, place, plain)):
        for document in (made_of.html.decode(), made_of.picture):
            assert "<script" not in document
            assert "<img" not in document
            assert "onload=alert(1)>" not in document
            assert not re.search(
                "[\u200f\u202a-\u202e\u2066-\u2069]", document
            )  # behind them "12 tok/s" reads "s/kot 21"
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in made_of.html.decode()


def test_a_report_names_no_place_of_this_machine(records):
    one, two = records["whole"], records["unsigned"]
    (two / "record.label.txt").write_text("my laptop")
    for html in (told(two).html, told(one, two).html):
        assert str(one.parent) not in html.decode()
        assert "my laptop" not in html.decode()


def test_the_command_writes_beside_the_record_or_here(records, repro, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = repro("report", records["whole"])
    assert (done.code, done.out.strip()) == (0, str(records["whole"] / "report.html"))
    assert (records["whole"] / "report.html").read_bytes() == told(records["whole"]).html
    assert repro("report", records["whole"], records["other"]).out.strip() == "repro-report.html"
    assert repro("report", records["whole"], "--out", tmp_path / "a.html", "--png", tmp_path / "a.png").code == 0
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert repro("report", records["whole"], "--out", tmp_path / "a.html").code == 0  # its own it may replace


def test_nothing_but_an_earlier_report_is_replaced(records, repro, tmp_path):
    own = tmp_path / "thesis.html"
    own.write_text("my own")
    for option in ("--out", "--png"):
        said = repro("report", records["whole"], option, own).refusal
        assert f"{option} {own}: is there already and is not a" in said
    record = records["whole"] / "record.json"
    before = record.read_bytes()
    assert "is there already" in repro("report", records["whole"], "--out", record).refusal
    assert (own.read_text(), record.read_bytes()) == ("my own", before)
    assert "is a folder" in repro("report", records["whole"], "--out", tmp_path).refusal
    missing = repro("report", records["whole"], "--out", tmp_path / "no" / "a.html").refusal
    assert "No such file or directory" in missing
    both = repro("report", records["whole"], "--out", tmp_path / "b.html", "--png", tmp_path / "b.html").refusal
    assert "must be another file" in both
    assert not (tmp_path / "b.html").exists()


def test_bad_input_is_one_line(records, repro, tmp_path, monkeypatch):
    assert "there is no record" in repro("report", tmp_path / "nowhere").refusal
    assert "there is no record below it" in repro("report", tmp_path).refusal
    monkeypatch.setattr(files, "MOST", 2)
    assert "3 records are too many" in repro("report", *(records[n] for n in ("whole", "other", "false"))).refusal
    monkeypatch.setitem(__import__("sys").modules, "resvg_py", None)
    said = repro("report", records["whole"], "--png", tmp_path / "a.png").refusal
    assert "needs the package resvg_py" in said
    assert not (tmp_path / "a.png").exists()


def test_a_dash_is_standard_output_and_no_file(records, repro, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = repro("report", records["whole"], "--out", "-", "--png", tmp_path / "a.png")
    assert told.code == 0
    assert told.out.startswith("<!doctype html>")
    assert told.out.rstrip().endswith("</html>")
    assert "a.png" in told.err
    assert "opened" in repro("report", records["whole"], "--out", "-", "--open").refusal
    assert "must be the name of a file" in repro("report", records["whole"], "--png", "-").refusal
    assert repro("export", records["whole"], "--out", "-").out == repro("export", records["whole"]).out
    assert "Parquet must go to a file" in repro("export", records["whole"], "--format", "parquet", "--out", "-").refusal
    assert repro("schema", "--out", "-").out == repro("schema").out
    assert not (tmp_path / "-").exists()
