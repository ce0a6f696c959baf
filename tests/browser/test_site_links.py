"""Files of the site without a browser: every link leads somewhere, and the markup is what the policy of the pages allows."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.browser import markup


@pytest.fixture(scope="module", params=["demonstration", "empty", "hostile"])
def place(request: pytest.FixtureRequest) -> Path:
    return request.getfixturevalue(
        {"demonstration": "site", "empty": "empty_site", "hostile": "hostile_site"}[request.param]
    )


@pytest.fixture(scope="module")
def read(place: Path) -> dict[str, markup.Markup]:
    return markup.pages(place)


def test_every_link_leads_to_a_file_and_a_place_in_it(place, read):
    assert markup.dead(place, read, markup.base_of(read)) == []


def test_a_dead_link_would_be_found(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "index.html").write_text(
        '<p id="x"><a href="#x">1</a><a href="#y">2</a><a href="a/">3</a><a href="a/index.html#z">4</a><a href="b">5</a>'
        '<a href="../out">6</a><a href="//else.example/">7</a><a href="javascript:1">8</a><a href="https://home.example/a/">9</a>'
    )
    (tmp_path / "a" / "index.html").write_text(
        '<p id="z"><a href="../index.html#x">1</a><a href="#z">2</a><a href="#x">3</a>'
    )
    found = markup.dead(tmp_path, markup.pages(tmp_path), "https://home.example/")
    assert [one.split(": ", 1)[1] for one in found] == ["#x", "#y", "b", "../out", "//else.example/", "javascript:1"]


def test_a_page_has_one_heading_of_the_first_rank_and_says_what_it_is(read):
    wrong = []
    for path, found in read.items():
        described = [one["content"] for one in found.of("meta") if one.get("name") == "description"]
        parts = {
            "h1": len(found.of("h1")) == 1,
            "title": bool(found.texts.get("title", "").strip(" ·")),
            "lang": [one.get("lang") for one in found.of("html")] == ["en-GB"],
            "description": len(described) == 1 and bool(described[0].strip()),
            "icon": any(one.get("rel") == "icon" for one in found.of("link")),  # else a browser asks for /favicon.ico
            "viewport": any(one.get("name") == "viewport" for one in found.of("meta")),
        }
        wrong += [f"{path}: {name}" for name, good in parts.items() if not good]
    assert not wrong, "\n".join(wrong)


def test_no_two_pages_share_a_title(read):
    """Within a folder: a model may have the name of a quantisation."""
    titles = Counter(
        (path.partition("/")[0], found.texts.get("title", "")) for path, found in read.items() if not path.endswith("/card.html")
    )  # fmt: skip
    assert [title for title, count in titles.items() if count > 1] == []


def test_no_id_stands_twice_in_a_page(read):
    wrong = {path: [name for name, count in Counter(found.ids).items() if count > 1] for path, found in read.items()}
    assert {path: ids for path, ids in wrong.items() if ids} == {}


def test_what_an_attribute_points_at_stands_in_the_page(read):
    pointing = ("aria-labelledby", "aria-describedby", "aria-controls", "for")
    wrong = [
        f"{path}: {name}={identity}"
        for path, found in read.items()
        for tag, attributes in found.tags
        for name in pointing
        for identity in attributes.get(name, "").split()
        if identity not in found.ids
    ]
    assert wrong == []


def test_no_style_and_no_script_stands_in_a_page(read):
    for path, found in read.items():
        assert not found.of("style"), path
        assert not found.texts.get("script", "").strip(), path
        assert all(one.get("src") and "defer" in one for one in found.of("script")), path
        for tag, attributes in found.tags:
            assert not [name for name in attributes if name == "style" or name.startswith("on")], (
                f"{path}: {tag} {attributes}"
            )


def test_a_page_forbids_whatever_it_does_not_need(read):
    for path, found in read.items():
        policy = next(one["content"] for one in found.of("meta") if one.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'; "), path
        assert "unsafe" not in policy, path
        assert set(re.findall(r"(\w+)-src", policy)) <= {"default", "style", "script", "img"}, path


def test_addresses_in_the_feed_the_map_and_the_text_for_models_stand(place, read):
    base = markup.base_of(read)
    found = [
        *[one.text or "" for one in ElementTree.parse(place / "sitemap.xml").iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")],
        *[one.get("href", "") for one in ElementTree.parse(place / "feed.xml").iter("{http://www.w3.org/2005/Atom}link")],
        *re.findall(r"\]\(([^)\s]+)\)", (place / "llms.txt").read_text("utf-8")),
    ]  # fmt: skip
    assert found
    here = markup.Markup(tags=[("a", {"href": address}) for address in found])
    dead = markup.dead(place, {**read, "llms.txt": here}, base)
    assert [one for one in dead if one.startswith("llms.txt: ")] == []


def test_every_page_that_search_engines_should_find_is_on_the_map(place, read):
    base = markup.base_of(read)
    mapped = set(re.findall(r"<loc>(.*?)</loc>", (place / "sitemap.xml").read_text("utf-8")))
    missing = [path for path in read if f"{base}{path}" not in mapped]
    assert [
        path
        for path in missing
        if not re.search(r"/card\.html$|^decisions/\d+\.html$|-page-\d+\.html$|/page-\d+\.html$", path)
    ] == []
