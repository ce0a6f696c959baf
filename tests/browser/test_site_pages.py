"""Every kind of page in a real browser: at the widths of a telephone and of a desk, in both schemes, with and without script."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.kinds import DRAWN, KINDS, TEMPLATES
from tests.browser.visitor import OPEN_ALL, SCHEMES, WIDTHS

# The script shows these and nothing else.
OPTIONAL = "#filter, #pick, #forecast-pick, .copy-button"
TEXT = f"""() => {{
  const copy = document.querySelector("main").cloneNode(true);
  for (const one of copy.querySelectorAll("{OPTIONAL}")) one.remove();
  return copy.textContent;
}}"""
CUT_LETTERS = """() => [...document.querySelectorAll("svg text")].filter((text) => {
  const own = text.getBoundingClientRect(), frame = text.closest("svg").getBoundingClientRect();
  return own.width && frame.width && (own.left < frame.left - 1 || own.right > frame.right + 1 || own.bottom > frame.bottom + 1 || own.top < frame.top - 1);
}).map((text) => text.textContent)"""


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_fits_its_window_and_the_browser_has_nothing_to_say(kind, kinds, site, with_script, without_script):
    address = (site / kinds[kind]).as_uri()
    found = []
    for who, way in ((with_script, "with script"), (without_script, "without script")):
        for scheme in SCHEMES:
            page = who.visit(address, scheme, WIDTHS[0])
            page.evaluate(OPEN_ALL)
            for width in WIDTHS:
                who.resize(width)
                found += [f"{width} px, {scheme}, {way}: {one}" for one in who.sticking_out()]
            found += [f"{scheme}, {way}: {one}" for one in who.troubles]
            found += [f"{scheme}, {way}: asked for {one}" for one in who.strangers(f"{site.as_uri()}/")]
    assert not found, "\n".join([kinds[kind], *found])


@pytest.mark.parametrize("kind", TEMPLATES)
def test_a_page_says_the_same_without_script(kind, kinds, site, with_script, without_script):
    address = (site / kinds[kind]).as_uri()
    told = [who.visit(address, "light", 1440).evaluate(TEXT) for who in (with_script, without_script)]
    assert told[0] == told[1]
    page = without_script.page
    assert page.locator("h1").is_visible()
    shown = page.evaluate("selector => [...document.querySelectorAll(selector)].filter(one => one.checkVisibility()).length", OPTIONAL)  # fmt: skip
    assert shown == 0


def test_the_letters_of_a_drawing_stay_within_it(kinds, site, with_script):
    found = []
    for kind in DRAWN:
        page = with_script.visit((site / kinds[kind]).as_uri(), "light", WIDTHS[0])
        for width in WIDTHS:
            with_script.resize(width)
            found += [f"{kinds[kind]}, {width} px: {text!r}" for text in page.evaluate(CUT_LETTERS)]
    assert not found, "\n".join(found)


def test_any_web_server_will_do(kinds, served, with_script, without_script):
    found = []
    for kind in TEMPLATES:
        for who in (with_script, without_script) if kind == "front" else (with_script,):
            who.visit(f"{served}{kinds[kind]}")
            found += [f"{kinds[kind]}: {one}" for one in who.troubles + who.strangers(served)]
    assert not found, "\n".join(found)


def test_a_search_asks_for_a_file_of_the_site_and_for_nothing_else(site, served, with_script):
    for home in (f"{site.as_uri()}/", served):
        page = with_script.visit(f"{home}index.html", "light", 1440)
        page.fill("#q", "gpu")
        page.wait_for_selector("#found-rows tr")
        assert with_script.strangers(home) == []
        assert f"{home}assets/rows.js" in with_script.asked
        assert with_script.troubles == []


def test_a_benchmarks_page_weighs_at_most_150_kb_in_all(site, rows):
    for row in rows:
        page = site / f"rows/{row['row'][:16]}/index.html"
        text = page.read_text("utf-8")
        loaded = re.findall(r'<(?:link rel="(?:stylesheet|icon)"[^>]*href|script[^>]*src|img[^>]*src)="([^"]+)"', text)
        assert len(loaded) == 3, loaded
        total = sum(path.stat().st_size for path in (page, *(page.parent / where for where in loaded)))
        assert total <= 150_000, f"{page.relative_to(site)}: {total} bytes"


def test_a_benchmarks_page_loads_no_more_than_its_sheet_and_its_script_beside_its_icon(kinds, served, with_script):
    with_script.visit(f"{served}{kinds['a row reproduced often']}")
    endings = sorted(one.rpartition(".")[2] for one in with_script.asked if one.startswith(served))
    assert endings == ["css", "html", "js"]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_drawings_and_badges_stand_alone(scheme, site, with_script):
    drawings = sorted(site.rglob("*.svg"))
    assert len(drawings) > 3
    for path in drawings:
        page = with_script.visit(path.as_uri(), scheme, 768)
        assert page.evaluate("document.documentElement.tagName") == "svg", path
        assert page.evaluate("document.getElementsByTagName('parsererror').length") == 0, path
        box = page.evaluate("(({width, height}) => [width, height])(document.documentElement.getBoundingClientRect())")
        assert min(box) > 0, path
        assert with_script.troubles == [], path
        assert set(with_script.asked) <= {path.as_uri()}, path


def test_a_card_fits_the_frame_that_its_page_offers(site, rows, with_script):
    too_small = []
    for row in rows:
        short = row["row"][:16]
        text = (site / f"rows/{short}/index.html").read_text("utf-8")
        width, height = map(
            int, re.search(r"&lt;iframe .*?width=&#34;(\d+)&#34; height=&#34;(\d+)&#34;", text).groups()
        )
        with_script.resize(width, height)
        page = with_script.visit((site / f"rows/{short}/card.html").as_uri())
        needs = page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]")
        if needs[0] > width or needs[1] > height:
            too_small.append(f"{short}: {width} × {height} for {needs[0]} × {needs[1]}")
    assert not too_small, "\n".join(too_small)


def test_a_registry_with_nothing_public_says_what_to_do(empty_site: Path, with_script, without_script):
    for who in (with_script, without_script):
        page = who.visit((empty_site / "index.html").as_uri(), "light", 360)
        told = page.inner_text("main")
        assert "Nothing is public yet" in told
        assert "repro submit" in told
        assert page.locator("#filter").count() == 0
        page.click("main a")
        assert page.inner_text("h1") == "Methodology"


def test_every_page_of_an_empty_registry_opens(empty_site: Path, with_script):
    found = []
    for path in sorted(empty_site.rglob("*.html")):
        with_script.visit(path.as_uri(), "light", 360)
        for width in (360, 1440):  # no script of the site asks for a width when it is loaded
            with_script.resize(width)
            found += [f"{path.relative_to(empty_site)}, {width} px: {one}" for one in with_script.sticking_out()]
        found += [f"{path.relative_to(empty_site)}: {one}" for one in with_script.troubles]
    assert not found, "\n".join(found)


def test_on_a_phone_no_tier_touches_the_edge_of_its_card(site: Path, with_script):
    page = with_script.visit((site / "index.html").as_uri(), "light", 360)
    air = page.eval_on_selector_all(
        ".tally > .panel",
        "cards => cards.flatMap(card => [...card.querySelectorAll('.tier')].map("
        "tier => card.getBoundingClientRect().right - tier.getBoundingClientRect().right))",
    )
    assert len(air) >= 4
    assert min(air) >= 8, air
