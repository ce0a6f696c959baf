"""A registry whose texts try to run, to break out of markup, to turn lines round and to be endless: shown as they are, and nothing else."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest

from tests.browser import hostile
from tests.browser.visitor import OPEN_ALL, until

TEXTS = "() => [...document.querySelectorAll('main *')].map((one) => one.textContent)"
MADE_HERE = (
    "() => document.querySelectorAll('main script, main img, main s, main iframe, main style, svg[onload]').length"
)


def row_of(hostile_rows, place: int):
    """The row that was made of that setup."""
    wanted = hostile.SETUPS[place]
    return next(
        row for row in hostile_rows if row["model_name"] == wanted["model"] and row["os_family"] == wanted["os"]
    )


def test_nothing_runs_and_nothing_sticks_out(hostile_site, with_script):
    found = []
    for path in sorted(hostile_site.rglob("*.html")):
        page = with_script.visit(path.as_uri(), "light", 360)
        page.evaluate(OPEN_ALL)
        told = with_script.sticking_out() + with_script.troubles + with_script.strangers(f"{hostile_site.as_uri()}/")
        if page.evaluate(MADE_HERE):
            told.append("a text became an element")
        found += [f"{path.relative_to(hostile_site)}: {one}" for one in told]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("width", [768, 1440])
def test_long_names_fit_wider_windows_too(width, hostile_site, hostile_rows, with_script):
    long = row_of(hostile_rows, 6)
    found = []
    for path in (
        "index.html",
        "compare/index.html",
        "requests/index.html",
        "decisions/index.html",
        f"rows/{long['row'][:16]}/index.html",
    ):
        page = with_script.visit((hostile_site / path).as_uri(), "light", width)
        page.evaluate(OPEN_ALL)
        found += [f"{path}, {width} px: {one}" for one in with_script.sticking_out()]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("place", range(len(hostile.SETUPS)))
def test_a_row_says_its_hostile_names_to_the_letter(place, hostile_site, hostile_rows, with_script):
    row, setup = row_of(hostile_rows, place), hostile.SETUPS[place]
    page = with_script.visit((hostile_site / f"rows/{row['row'][:16]}/index.html").as_uri())
    assert page.text_content("h1") == f"{setup['model']} {setup['quantisation']} on {row['device']}"
    assert row["device"].startswith(setup["sku"])
    assert page.title().startswith(f"{setup['model']} {setup['quantisation']} on {row['device']}"[:200])
    texts = page.evaluate(TEXTS)
    free = (
        hostile.HUGE,
        hostile.TURNED,
        hostile.SCRIPT,
        hostile.RUNS,
        f"0.3 {hostile.TURNED}",
        f"{hostile.CLOSING} {hostile.TURNED}",
    )
    for text in (setup["os"], *free):
        assert text in texts, f"{text[:60]!r} is not shown as it is"
    command = page.locator("#reproduce ~ .copy code").text_content()
    # Nothing of it is the record's own words.
    assert command.startswith("repro bench --model MODEL --runtime ")
    assert command.endswith(" --registry PLACE")
    reason = f"{hostile.PRINTABLE[place % len(hostile.PRINTABLE)]} {hostile.TURNED}"
    assert reason in texts
    assert with_script.troubles == []


def test_marks_that_turn_a_line_round_stay_in_a_box_of_their_own(hostile_site, hostile_rows, with_script):
    """Without isolation a right-to-left mark in a text would reorder the page's own words after it."""
    addresses = [f"rows/{row['row'][:16]}/index.html" for row in hostile_rows]
    wrong = []
    for path in (
        *addresses,
        "decisions/index.html",
        "requests/index.html",
        "operators/ann.html",
        "operators/index.html",
    ):
        page = with_script.visit((hostile_site / path).as_uri())
        loose = page.evaluate("""() => {
          const walker = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT), found = [];
          while (walker.nextNode()) {
            const node = walker.currentNode;
            if (/[\\u202a-\\u202e\\u2066-\\u2069\\u200f]/.test(node.data) && !node.parentElement.closest("bdi, pre"))
              found.push(`${node.parentElement.outerHTML.slice(0, 80)}`);
          }
          return found;
        }""")
        wrong += [f"{path}: {one!a}" for one in dict.fromkeys(loose)]
    assert not wrong, "\n".join(wrong)


def test_a_hostile_model_is_found_and_compared(hostile_site, hostile_rows, with_script):
    page = with_script.visit((hostile_site / "index.html").as_uri(), "light", 360)
    for place in range(len(hostile.SETUPS)):
        model = hostile.SETUPS[place]["model"]
        page.select_option("#f-models", model)
        until(page, "model => document.querySelector('#found-rows tbody th bdi')?.textContent === model", model)
        assert with_script.sticking_out() == []
    chosen = ",".join(row["row"][:16] for row in hostile_rows)
    page = with_script.visit(f"{(hostile_site / 'compare/index.html').as_uri()}#rows={chosen}", "light", 360)
    page.fill("#pick-q", "zzz")
    page.wait_for_selector("#pick-result tbody tr")
    names = page.locator("#pick-result tbody th a bdi").all_text_contents()
    assert names == [row["model_name"] for row in hostile_rows]
    assert with_script.sticking_out() == []
    page.evaluate("location.hash = ''")
    page.fill("#pick-q", "<")
    page.wait_for_selector("#pick-matches button")
    assert with_script.sticking_out() == []
    assert page.evaluate(MADE_HERE) == 0
    assert with_script.troubles == []


def test_the_list_of_each_hostile_value_stands_where_its_link_leads(hostile_site, with_script):
    for folder, field in (("models", "model"), ("devices", "sku"), ("quantisations", "quantisation")):
        page = with_script.visit((hostile_site / f"{folder}/index.html").as_uri(), "light", 360)
        links = page.locator("main tbody a").all()
        named = {link.text_content(): unquote(link.get_attribute("href") or "") for link in links}
        assert len(named) == len({setup[field] for setup in hostile.SETUPS}), folder
        for name, where in named.items():
            with_script.visit((hostile_site / folder / where).resolve().as_uri())
            assert page.text_content("h1") == name
            assert with_script.troubles == []


def test_requests_say_their_texts_to_the_letter(hostile_site, with_script):
    page = with_script.visit((hostile_site / "requests/index.html").as_uri(), "light", 360)
    texts = page.evaluate(TEXTS)
    for text in hostile.PRINTABLE:
        assert text in texts
        assert f"{text} {hostile.TURNED} {'R' * 1000}" in texts
    known = json.loads((hostile_site / "api/v1/requests.json").read_text("utf-8"))["requests"]
    assert {one["model_name"] for one in known} == {*hostile.PRINTABLE, "W" * 200}


def test_drawings_of_hostile_rows_open_alone(hostile_site, with_script):
    for path in sorted(hostile_site.rglob("*.svg")):
        page = with_script.visit(path.as_uri())
        assert page.evaluate("document.documentElement.tagName") == "svg", path
        assert page.evaluate("document.querySelectorAll('parsererror, script, img').length") == 0, path
        assert with_script.troubles == [], path


def test_what_a_hostile_page_offers_for_other_pages_is_harmless_there(hostile_site, hostile_rows, with_script):
    """The badge and the card, pasted into somebody's page."""
    read = """pasted => [...new DOMParser().parseFromString(pasted, "text/html").body.querySelectorAll("*")].map((one) =>
      [one.tagName, Object.fromEntries([...one.attributes].map(({ name, value }) => [name, value]))])"""
    for row in hostile_rows:
        page = with_script.visit((hostile_site / f"rows/{row['row'][:16]}/index.html").as_uri())
        pasted = page.locator("#downloads ~ .copy code").all_text_contents()
        (link, badge), (card,) = (page.evaluate(read, text) for text in pasted)
        assert (link[0], badge[0], card[0]) == ("A", "IMG", "IFRAME")
        assert link[1].keys() == {"href", "rel"}
        assert badge[1].keys() == {"src", "height", "alt"}
        assert card[1].keys() == {"src", "title", "width", "height", "loading"}
        assert badge[1]["alt"].startswith(f"{row['model_name']} {row['quantisation']} on {row['device']}")
        assert card[1]["title"] == f"Benchmark of {row['model_name']} on {row['device']}"
        assert all(
            one.startswith("https://test.example/registry/")
            for one in (link[1]["href"], badge[1]["src"], card[1]["src"])
        )
