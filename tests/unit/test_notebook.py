"""What a notebook shows of a value: a small table whose every text is escaped, and first what must be known."""

import re

import pandas as pd
import pytest

import harness
from tests.browser.hostile import IMAGE, SCRIPT, TURNED
from tests.support.program import edited, resigned, signed
from tests.support.report_records import made


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return made(tmp_path_factory.mktemp("records"))


def shown(value):
    html = value._repr_html_()
    assert len(html) < 20_000
    assert not re.search(r"<(script|style|img|svg|iframe|link)\b", html)
    return html


def test_a_record_its_check_and_a_comparison_are_tables(records):
    whole = harness.read_record(records["whole"])
    assert "only its form was checked: see harness.verify_record" in shown(whole)
    assert "100.2 tok/s" in shown(whole)
    assert "signed by ann" in shown(harness.verify_record(whole))
    found = harness.compare(records["other"], records["whole"])
    assert "<bdi>faster</bdi>" in shown(found)
    assert "<bdi>identical</bdi>" in shown(harness.agree(records["other"], records["whole"]))


@pytest.mark.parametrize(
    ("kind", "first"),
    [("synthetic", "SYNTHETIC: made by a simulated runtime"), ("failed", "does not run here: out of memory")],
)
def test_what_is_wrong_stands_first(records, kind, first):
    html = shown(harness.read_record(records[kind]))
    assert first in html
    assert "tok/s" not in html.split(first)[0]


def test_a_false_record_says_so_where_it_was_checked(records):
    from harness.verify.reading import check

    assert "INVALID: is the envelope of another record; do not use its numbers" in shown(
        check(harness.read_record(records["false"]))
    )


def test_no_text_of_a_record_becomes_markup(tmp_path):
    def hostile(predicate):
        predicate["model"] |= {"name": f"{SCRIPT}{TURNED}", "quantisation": IMAGE}
        predicate["runtime"]["version"] = "W" * 10_000
        predicate["runtime"]["options"] = {IMAGE: SCRIPT}

    place = resigned(edited(signed(tmp_path / "hostile"), hostile))
    plain = signed(tmp_path / "plain")
    record = harness.read_record(place)
    for value in (record, harness.compare(place, plain), harness.compare(plain, place), harness.agree(place, plain)):
        html = shown(value)
        assert "\u202e" not in html
    assert "&lt;script&gt;" in shown(record)
    frame = harness.load_records(place)
    assert isinstance(frame, pd.DataFrame)
    assert "<script" not in frame._repr_html_()
    assert "<script" not in harness.report(place, plain)._repr_svg_()
