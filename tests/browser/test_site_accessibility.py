"""Whether everybody can use the site: axe-core finds nothing, the keyboard reaches everything, and shows where it is."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.kinds import KINDS, TEMPLATES
from tests.browser.visitor import OPEN_ALL, SCHEMES, until

CONTRAST = {"runOnly": ["color-contrast"], "resultTypes": ["violations"]}
WHOLE = {"resultTypes": ["violations"]}
# Of all rules that of contrast alone looks at colours.
LOOKS = (("light", 360, WHOLE), ("dark", 1440, CONTRAST), ("light", 1440, WHOLE), ("dark", 360, CONTRAST))

FOCUSABLE = """() => {
  for (const one of document.querySelectorAll("details")) one.open = true;
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex]")].filter((one) =>
    !one.disabled && one.tabIndex >= 0 && one.checkVisibility({ visibilityProperty: true }));
  window.reached = [];
  const name = (one) => `${one.tagName.toLowerCase()} ${JSON.stringify((one.getAttribute("aria-label") || one.textContent).trim().slice(0, 40))}`;
  document.addEventListener("focusin", ({ target }) => {
    const style = getComputedStyle(target), box = target.getBoundingClientRect();
    window.reached.push([all.indexOf(target), parseFloat(style.outlineWidth) > 0 && style.outlineStyle !== "none", box.width > 0 && box.height > 0]);
  });
  document.activeElement.blur();
  return all.map(name);
}"""


def told(violations: list[dict[str, Any]]) -> list[str]:
    return [f"{one['id']} at {node['target']}: {one['help']} | {node['html'][:160]}" for one in violations for node in one["nodes"]]  # fmt: skip


def violations(who, address: str, prepare: str = OPEN_ALL, looks: tuple[Any, ...] = LOOKS) -> list[str]:
    """Those that axe-core finds."""
    found: list[str] = []
    page = who.visit(address, "light", 360)
    page.evaluate(prepare)
    for scheme, width, options in looks:
        page.emulate_media(color_scheme=scheme)
        who.resize(width)
        response = Axe().run(page, options=options).response
        found += [f"{width} px, {scheme}: {line}" for line in told(response["violations"])]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_no_violation(kind, kinds, site, with_script):
    found = violations(with_script, (site / kinds[kind]).as_uri(), looks=LOOKS if kind in TEMPLATES else LOOKS[:2])
    assert not found, "\n".join([kinds[kind], *found])


def test_axe_finds_no_violation_in_what_was_searched_and_chosen(site, rows, with_script):
    search = "() => { document.getElementById('q').value = 'e'; document.getElementById('q').dispatchEvent(new Event('input', { bubbles: true })); }"
    found = violations(with_script, (site / "index.html").as_uri(), search)
    chosen = ",".join(row["row"][:16] for row in rows[:6])
    type_in = "() => { document.getElementById('pick-q').value = 'e'; document.getElementById('pick-q').dispatchEvent(new Event('input')); }"
    found += violations(with_script, f"{(site / 'compare/index.html').as_uri()}#rows={chosen}", type_in)
    assert not found, "\n".join(found)


def test_axe_finds_no_violation_in_a_registry_with_nothing_public(empty_site, with_script):
    found = violations(with_script, (empty_site / "index.html").as_uri())
    assert not found, "\n".join(found)


def test_a_page_of_grey_on_grey_would_be_found(tmp_path, with_script):
    page = tmp_path / "grey.html"
    page.write_text(
        '<!doctype html><html lang="en"><title>t</title><main><h1>h</h1><p style="color:#bbb;background:#ccc">hardly to be read</p></main>'
    )
    assert any("color-contrast" in one for one in violations(with_script, page.as_uri()))


@pytest.mark.parametrize("width", [360, 1440])
def test_the_keyboard_reaches_everything_in_order_and_shows_where_it_is(width, kinds, site, with_script):
    wrong = []
    for kind in TEMPLATES if width == 360 else ("front", "a row reproduced often", "compare", "log"):
        page = with_script.visit((site / kinds[kind]).as_uri(), "light", width)
        names = page.evaluate(FOCUSABLE)
        for _ in range(len(names) + 2):
            page.keyboard.press("Tab")
        reached = page.evaluate("window.reached")
        order = list(dict.fromkeys(place for place, _, _ in reached if place >= 0))
        where = f"{kinds[kind]}, {width} px"
        wrong += [f"{where}: never reached {names[place]}" for place in sorted(set(range(len(names))) - set(order))]
        wrong += [
            f"{where}: no outline at {names[place]}" for place, outlined, _ in reached if place >= 0 and not outlined
        ]
        wrong += [f"{where}: nothing to see of {names[place]}" for place, _, seen in reached if place >= 0 and not seen]
        wrong += [f"{where}: out of order"] if order != sorted(order) else []
    assert not wrong, "\n".join(dict.fromkeys(wrong))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_first_tab_offers_to_skip_to_the_content(scheme, kinds, site, with_script):
    for kind in ("front", "a row reproduced often", "compare", "requests", "log"):
        page = with_script.visit((site / kinds[kind]).as_uri(), scheme, 360)
        page.keyboard.press("Tab")
        skip = page.evaluate(
            "(({left, top, right, width}) => [left, top, right, width])(document.activeElement.getBoundingClientRect())"
        )
        assert page.evaluate("document.activeElement.className") == "skip", kinds[kind]
        assert min(skip) > 0, kinds[kind]
        assert skip[2] <= 360, kinds[kind]
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        inside = "main => !document.querySelector('main a[href], main button, main input') || main.contains(document.activeElement)"
        assert page.locator("main").evaluate(inside), kinds[kind]


def test_a_row_is_chosen_and_removed_by_keyboard_alone(site, with_script):
    page = with_script.visit((site / "compare/index.html").as_uri(), "light", 1440)
    page.focus("#pick-q")
    page.keyboard.type("tiers")
    page.wait_for_selector("#pick-matches button")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#pick-result tbody tr")
    assert page.evaluate("document.activeElement.id") == "pick-q"
    page.locator("#pick-result button").focus()
    page.keyboard.press("Enter")
    until(page, "!document.querySelector('#pick-result tr')")
    assert page.evaluate("document.activeElement !== document.body"), "the keyboard lost its place"


def test_what_was_found_is_told_to_who_does_not_see(site, with_script):
    page = with_script.visit((site / "index.html").as_uri())
    assert page.locator("#found-count").get_attribute("role") == "status"
    assert page.locator("#q").evaluate("one => one.labels.length") == 1


def test_with_more_contrast_and_less_motion_nothing_moves(site, with_script):
    page = with_script.page
    page.emulate_media(reduced_motion="reduce")
    with_script.visit((site / "index.html").as_uri())
    assert page.evaluate("getComputedStyle(document.documentElement).scrollBehavior") == "auto"
    moving = "() => document.getAnimations().length"
    assert page.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")


@pytest.mark.parametrize("kind", ["front", "a row reproduced often", "compare", "log"])
def test_letters_of_twice_the_size_still_fit(kind, kinds, site, with_script):
    """WCAG 1.4.4 and 1.4.10: 200 % of 1,280 px leaves 640, 400 % leaves 320."""
    found = []
    for width in (640, 320):
        page = with_script.visit((site / kinds[kind]).as_uri(), "light", width)
        page.evaluate(OPEN_ALL)
        found += [f"{kinds[kind]}, {width} px: {one}" for one in with_script.sticking_out()]
    assert not found, "\n".join(found)
