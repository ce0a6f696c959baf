"""Reports in Chromium: nothing to scroll sideways for at 360 px, nothing that axe-core finds, light and dark, no request, no script."""

from __future__ import annotations

import pytest

from harness.record import store
from harness.reports.document import report
from harness.verify.reading import check
from tests.browser import hostile
from tests.browser.test_site_accessibility import violations
from tests.browser.visitor import OPEN_ALL
from tests.support.program import edited, resigned, signed
from tests.support.report_records import made

PAGES = {
    "one": ("whole",),
    "synthetic": ("synthetic",),
    "false, with curves": ("curves",),
    "failed": ("failed",),
    "two": ("other", "whole"),
    "sweep": ("threads=1", "threads=2", "threads=4"),
    "everything": ("whole", "another model", "false", "failed", "synthetic", "unsigned"),
    "hostile": ("hostile", "whole"),
    "hostile alone": ("hostile",),
}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    records = made(folder / "records")
    records["hostile"] = resigned(edited(signed(folder / "hostile"), _hostile))
    pages = {}
    for name, kinds in PAGES.items():
        pages[name] = folder / f"{name}.html"
        pages[name].write_bytes(report([check(store.read(records[kind])) for kind in kinds]).html)
    return pages


def _hostile(predicate):
    for field in ("name", "quantisation", "family", "variant", "licence"):
        predicate["model"][field] = hostile.WIDE
    predicate["runtime"]["version"] = predicate["runtime"]["package"] = hostile.HUGE
    predicate["run"]["stop_detail"] = f"{hostile.TURNED} {hostile.IMAGE}"
    predicate["runtime"]["options"] = {hostile.IMAGE: hostile.SCRIPT, "n": hostile.HUGE}
    predicate["workloads"][0]["title"] = hostile.CLOSING
    predicate["environment"][hostile.IMAGE] = {hostile.SCRIPT: {"value": hostile.HUGE}}


@pytest.mark.parametrize("name", PAGES)
def test_a_report_is_accessible_narrow_and_alone(name, reports, with_script):
    found = violations(with_script, reports[name].as_uri())
    for width in (360, 1440):
        page = with_script.visit(reports[name].as_uri(), "dark", width)
        page.evaluate(OPEN_ALL)
        found += [f"{width} px: {one}" for one in with_script.sticking_out()]
        found += with_script.troubles + with_script.strangers(reports[name].as_uri())
    assert page.evaluate("document.querySelectorAll('script, img, iframe, object, svg[onload]').length") == 0
    assert not found, "\n".join(found)


def test_a_report_takes_its_style_from_itself(reports, without_script):
    page = without_script.visit(reports["one"].as_uri(), "light", 1440)
    assert page.locator("h1").count() == 1
    assert page.locator("svg.drawing").count() >= 4
    assert page.locator(".panel").first.bounding_box()["width"] < 1440
    assert without_script.troubles == []
