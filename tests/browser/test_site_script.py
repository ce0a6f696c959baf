"""What the site's script adds: the filter of the front page, the choice of rows to compare, buttons that copy."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from harness import units
from harness.site.data.values import Summary
from harness.site.pages import compare
from tests.browser.kinds import FACETS, tier_words
from tests.browser.visitor import Visitor, until, visitor
from tests.support.site_world import ONE

FOUND = "() => [...document.querySelectorAll('#found-rows tbody th a')].map((one) => one.getAttribute('href').split('/').at(-2)).sort()"
PICKED = "() => [...document.querySelectorAll('#pick-result tbody th a')].map((one) => one.getAttribute('href').split('/').at(-2))"
NO_CLIPBOARD = "Object.defineProperty(Navigator.prototype, 'clipboard', { get() { return undefined; } });"


def short(row: dict[str, Any]) -> str:
    return row["row"][:16]


def holding(rows: list[dict[str, Any]], *words: str) -> list[str]:
    """The rows that a search for these words should find."""
    fields = ("model_name", "quantisation", "device", "runtime_series", "os_family")
    texts = {short(row): " ".join(row[field] for field in fields).lower() for row in rows}
    return sorted(name for name, text in texts.items() if all(word in text for word in words))


@pytest.fixture
def front(site, with_script):
    page = with_script.visit((site / "index.html").as_uri(), "light", 1440)
    yield page
    assert with_script.troubles == []


def search(page, text: str) -> list[str]:
    page.fill("#q", text)
    until(page, "!document.getElementById('found').hidden && document.getElementById('found-count').textContent")
    return page.evaluate(FOUND)


@pytest.mark.parametrize("text", ["gemma", "GPU b", "  tiers-7b   llama.cpp ", "e"])
def test_a_search_finds_the_rows_that_hold_every_word(text, front, rows):
    wanted = holding(rows, *text.lower().split())
    assert wanted
    front.fill("#q", text)
    until(front, "n => document.getElementById('found-count').textContent === `${n} found`", len(wanted))
    assert front.evaluate(FOUND) == wanted
    assert front.locator(".ways").is_hidden()


def test_a_chosen_tier_narrows_a_search_and_clearing_brings_the_lists_back(front, site, rows):
    tier = "moderate"
    wanted = sorted(short(row) for row in rows if row["tier"] == tier and short(row) in holding(rows, "tiers-7b"))
    assert 0 < len(wanted) < len(search(front, "tiers-7b"))
    front.select_option("#f-tiers", tier_words(site)[tier])
    until(front, "n => document.getElementById('found-count').textContent === `${n} found`", len(wanted))
    assert front.evaluate(FOUND) == wanted
    front.select_option("#f-tiers", "")
    front.fill("#q", "")
    until(front, "document.getElementById('found').hidden")
    assert front.locator(".ways").is_visible()


@pytest.mark.parametrize("folder", FACETS)
def test_every_choice_of_the_filter_finds_what_its_list_has(folder, front, site, rows):
    field, words = FACETS[folder], tier_words(site)
    named = {value: words[value] if folder == "tiers" else value for value in {row[field] for row in rows}}
    options = front.locator(f"#f-{folder} option").all_text_contents()
    assert sorted(options[1:]) == sorted(named.values())
    for value, name in named.items():
        wanted = sorted(short(row) for row in rows if row[field] == value)
        front.select_option(f"#f-{folder}", name)
        until(front, f"wanted => JSON.stringify(({FOUND})()) === JSON.stringify(wanted)", wanted)


def test_a_search_without_a_hit_says_so(front):
    assert search(front, "no such thing") == []
    assert front.inner_text("#found-count") == "0 found"
    assert front.locator("#found-rows table").count() == 0


def test_enter_in_the_search_goes_nowhere(front):
    search(front, "gemma")
    before = front.url
    front.press("#q", "Enter")
    assert front.url == before
    assert front.evaluate(FOUND)


def test_what_is_found_says_what_the_page_says(front, rows):
    newest = {line["where"]: line for line in front.evaluate(_lines("#newest ~ table"))}
    search(front, "e")
    found = {line["where"]: line for line in front.evaluate(_lines("#found-rows table"))}
    assert found.keys() == newest.keys() == {f"rows/{short(row)}/index.html" for row in rows}
    assert found == newest


def _lines(table: str) -> str:
    """Of each line of a table, its link and what its cells say."""
    return f"""() => [...document.querySelectorAll({table!r} + " tbody tr")].map((line) => ({{
        where: line.querySelector("a").getAttribute("href"),
        cells: [...line.children].map((one) => [one.dataset.label || "", one.textContent.replace(/\\s+/g, " ").trim()]),
    }}))"""


def test_a_search_that_came_back_with_the_page_is_shown(front, site):
    search(front, "gemma")
    front.goto((site / "methodology/index.html").as_uri())
    front.go_back()
    agrees = "!!document.getElementById('q').value !== document.getElementById('found').hidden"
    until(front, f"!document.getElementById('filter').hidden && {agrees}")


def test_without_script_lists_take_the_filters_place(site, without_script, rows):
    page = without_script.visit((site / "index.html").as_uri(), "light", 360)
    assert page.locator("#filter").is_hidden()
    assert page.locator("#found").is_hidden()
    page.click("summary:has-text('By tier')")
    page.click(".ways a:has-text('moderate')")
    assert page.inner_text("h1") == "moderate"
    assert page.locator("table.rows tbody tr").count() == sum(row["tier"] == "moderate" for row in rows)


@pytest.fixture
def comparing(site, with_script):
    page = with_script.visit((site / "compare/index.html").as_uri(), "light", 1440)
    yield page
    assert with_script.troubles == []


def choose(page, *names: str) -> list[dict[str, Any]]:
    """The lines of the table that is drawn for these rows."""
    page.evaluate("names => { location.hash = `rows=${names}`; }", ",".join(names))
    until(page, f"wanted => JSON.stringify(({PICKED})()) === JSON.stringify(wanted)", list(names))
    return page.evaluate(
        "() => [...document.querySelectorAll('#pick-result tbody tr')].map((line) => Object.fromEntries("
        "[...line.children].map((one) => [one.dataset.label || 'Row', one.innerText.trim()])))"
    )


def summaries(rows: list[dict[str, Any]]) -> dict[str, Summary]:
    """What the comparison asks of each row."""
    return {
        short(row): replace(
            ONE, row=row["row"], model=row["model_name"], workload=row["workload_key"], processes=row["processes"],
            log_mean=row["decode_log_mean"], log_variance=row["decode_log_variance"], fixed_number=row["fixed_number"],
        )
        for row in rows
    }  # fmt: skip


@pytest.mark.parametrize("place", ["site", "hostile_site"])
def test_the_scripts_verdict_on_every_pair_is_that_of_the_registry(place, facts, request, with_script):
    """The hostile registry has rows of one to five processes, of which several can't tell."""
    where = request.getfixturevalue(place)
    known = summaries(request.getfixturevalue("rows" if place == "site" else "hostile_rows"))
    page = with_script.visit((where / "compare/index.html").as_uri(), "light", 1440)
    wrong, words = [], set()
    for first, second in permutations(known, 2):
        line = choose(page, first, second)[1]
        if known[first].workload != known[second].workload:
            words.add(line["Verdict"])
            good = line["Verdict"] == "another workload: does not compare" and line["To the first"] == "–"
            wrong += [] if good else [(first, second, line)]
            continue
        side = compare.side(facts, known[second], known[first])
        told = "–" if side.ratio is None else f"{side.ratio:.3f}"
        interval = "" if side.low is None else f"\n{side.low:.3f} to {side.high:.3f}"
        said = line["Verdict"].lstrip("=≠✓▲▼↑↓? ").strip()
        words.add(said)
        if said != side.verdict or not close(line["To the first"], told + interval):
            wrong.append((first, second, line, side.verdict, told + interval))
    assert not wrong, "\n".join(map(str, wrong))
    assert with_script.troubles == []
    seen = {
        "site": {"same", "faster", "slower", "another workload: does not compare"},
        "hostile_site": {"cannot tell", "faster", "slower"},
    }
    assert words >= seen[place]


def close(said: str, told: str) -> bool:
    """The same numbers to 1 in 1,000 of their size: the script interpolates a table of quantiles."""
    numbers = [[float(word) for word in text.replace("to", " ").split() if word != "–"] for text in (said, told)]
    return len(numbers[0]) == len(numbers[1]) and all(
        abs(a - b) <= 0.0011 * max(1, b) for a, b in zip(*numbers, strict=True)
    )


def test_rows_are_chosen_by_search_and_removed_by_a_button(comparing, rows):
    alike = [row for row in rows if "tiers-7b" in row["model_name"]][:2]
    for number, row in enumerate(alike, 1):
        comparing.fill("#pick-q", f"{row['model_name']} {row['device']}")
        comparing.click("#pick-matches button")
        until(comparing, "n => document.querySelectorAll('#pick-result tbody tr').length === n", number)
        assert comparing.input_value("#pick-q") == ""
        assert comparing.locator("#pick-matches button").count() == 0
    assert comparing.evaluate(PICKED) == [short(row) for row in alike]
    assert comparing.url.endswith(f"#rows={','.join(map(short, alike))}")
    assert comparing.inner_text("#pick-result tbody tr:nth-child(1) [data-label=Verdict]") == "the first"
    comparing.click("#pick-result tbody tr:nth-child(1) button")
    until(comparing, "document.querySelectorAll('#pick-result tbody tr').length === 1")
    assert comparing.evaluate(PICKED) == [short(alike[1])]
    comparing.click("#pick-result tbody button")
    until(comparing, "document.querySelectorAll('#pick-result tbody tr').length === 0")


def test_an_address_with_rows_draws_them_at_once(site, rows, with_script):
    names = [short(row) for row in rows[:3]]
    page = with_script.visit(f"{(site / 'compare/index.html').as_uri()}#rows={','.join(names)},ffffffffffffffff,<b>")
    page.wait_for_selector("#pick-result tbody tr")
    assert page.evaluate(PICKED) == names
    assert with_script.troubles == []


def test_a_row_in_an_address_twice_stands_there_once(site, rows, with_script):
    name = short(rows[0])
    page = with_script.visit(f"{(site / 'compare/index.html').as_uri()}#rows={name},{name}")
    page.wait_for_selector("#pick-result tbody tr")
    assert page.evaluate(PICKED) == [name]


def test_numbers_are_written_as_on_the_pages(comparing, rows):
    for row in rows:
        (line,) = choose(comparing, short(row))
        assert line["Decode rate"].split()[0] == units.significant(row["decode_tokens_per_s"])


@pytest.fixture(scope="module")
def copying(browser, served) -> Visitor:
    found = visitor(browser)
    found.page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=served.rstrip("/"))
    return found


@pytest.mark.parametrize("kind", ["a row reproduced often", "requests", "log", "api"])
def test_every_copy_button_copies_its_text(kind, kinds, served, copying):
    page = copying.visit(f"{served}{kinds[kind]}", "light", 360)
    boxes = page.locator(".copy").all()
    assert boxes
    for box in boxes:
        page.evaluate("navigator.clipboard.writeText('')")
        box.locator("button").click()
        box.locator("button:has-text('Copied')").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == box.locator("code").text_content()
    assert copying.troubles == []


def test_a_copy_button_has_its_name_back_after_a_moment(kinds, served, copying):
    page = copying.visit(f"{served}{kinds['a row reproduced often']}", "light", 360)
    button = page.locator(".copy-button").first
    before = button.inner_html()
    button.click()
    page.wait_for_timeout(300)
    button.click()  # while it still says so
    page.wait_for_timeout(2000)
    assert button.inner_html() == before


@pytest.mark.parametrize("clipboard", [True, False])
def test_a_page_from_a_file_copies_too(clipboard, browser, kinds, site):
    """Read by pasting it: a page from a file may not look at the clipboard."""
    who = visitor(browser)
    if not clipboard:
        who.page.add_init_script(NO_CLIPBOARD)
    page = who.visit((site / kinds["a row reproduced often"]).as_uri(), "light", 1440)
    box = page.locator(".copy").first
    text = box.locator("code").text_content()
    box.locator("button").click()
    box.locator("button:has-text('Copied')").wait_for()
    assert who.troubles == []
    who.visit((site / "index.html").as_uri())
    page.focus("#q")
    page.keyboard.press("ControlOrMeta+V")
    assert page.input_value("#q") == text
    page.context.close()


def test_a_copy_that_fails_says_which_keys_to_press(browser, kinds, site):
    who = visitor(browser)
    who.page.add_init_script(f"{NO_CLIPBOARD} Document.prototype.execCommand = () => false;")
    page = who.visit((site / kinds["a row reproduced often"]).as_uri(), "light", 1440)
    page.locator(".copy-button").first.click()
    assert "Ctrl-C" in page.locator(".copy-button").first.inner_text()
    assert who.troubles == []
    page.context.close()


def test_a_chosen_device_and_model_say_what_their_page_says(kinds, site, with_script):
    page = with_script.visit((site / kinds["forecast"]).as_uri(), "light", 1440)
    page.locator("#forecast-device").select_option(label="GeForce RTX 4090")
    page.locator("#forecast-model").select_option(label="llama 8B, Q4_K")
    until(page, "document.getElementById('forecast-told').textContent")
    told = page.locator("#forecast-told").text_content()
    table = (site / kinds["what runs on a device"]).read_text("utf-8")
    line = table[table.index(">llama 8B<") :].split("</tr>")[0]
    decode, prefill = re.findall(r'<span class="forecast">([\d.,]+)</span>', line)
    of_decode, of_prefill = re.findall(r'<span class="forecast">(M~|~|E)</span>', line)
    assert "by llama.cpp (cuda)" in told
    assert f"Decode, class {of_decode}: {decode} tok/s" in told
    assert f"prefill, class {of_prefill}: {prefill} tok/s" in told
    ends = re.findall(r"(?:80|95) %: ([\d.,]+) to ([\d.,]+)", re.sub(r"<[^>]+>", " ", line))
    assert re.findall(r"(?:80|95) %: ([\d.,]+) to ([\d.,]+)", told) == ends  # "50.0" in both
    assert len(ends) == 4
    assert not with_script.troubles


def test_the_kernels_of_a_forecast_are_said_where_they_are_not_the_vendors_usual_ones(kinds, site, with_script):
    page = with_script.visit((site / kinds["forecast"]).as_uri(), "light", 1440)
    page.locator("#forecast-device").select_option(label="Radeon RX 9070 XT")
    page.locator("#forecast-model").select_option(label="llama 8B, Q4_K")
    until(page, "document.getElementById('forecast-told').textContent")
    assert "by llama.cpp (vulkan)" in page.locator("#forecast-told").text_content()
