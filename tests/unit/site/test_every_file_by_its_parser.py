"""Every file of a site whose texts are all hostile, read by a parser of its kind: data there, and nothing else."""

from __future__ import annotations

import csv
import json
import re
import sqlite3
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import jsonschema
import pyarrow.parquet
import pytest
from markdown_it import MarkdownIt

from harness.errors import visible
from harness.progress import SILENT
from harness.site.build import Wish, build
from harness.site.draw.svg import legal
from tests.support.site_world import ACTS, NAMES, hostile
from tests.unit.site.test_build import DAY

BASE = "https://test.example/registry/"
SCRIPTS = re.compile(r"(\.\./)*assets/(site\.[0-9a-f]{10}|rows|quantiles)\.js")


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    made = hostile(str(folder / "registry.sqlite"))
    build(Wish(made.registry.target, folder / "site", DAY), SILENT)
    return folder / "site"


def of(site: Path, *kinds: str) -> Iterator[tuple[str, bytes]]:
    found = [path for kind in kinds for path in sorted(site.rglob(f"*.{kind}"))]
    assert found
    for path in found:
        yield str(path.relative_to(site)), path.read_bytes()


class Page(HTMLParser):
    """Collects what would act."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.acting: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name.startswith("on") or name == "style" or "\n" in name or '"' in name:
                self.acting.append(f"{tag} {name}={value}")
            if name in ("href", "src") and not re.match(
                r"(https://(test\.example/registry|creativecommons\.org)/|[A-Za-z0-9./#_-]*$)", value
            ):
                self.acting.append(f"{tag} {name}={value}")
        if tag == "script" and not SCRIPTS.fullmatch(dict(attrs).get("src") or ""):
            self.acting.append(f"script {attrs}")
        if tag in ("iframe", "object", "embed", "base", "img"):
            self.acting.append(tag)

    def handle_data(self, data):
        self.texts.append(data)


def test_no_page_holds_an_element_an_attribute_or_an_address_of_a_texts(site):
    found = []
    for path, data in of(site, "html"):
        page = Page()
        page.feed(data.decode())
        page.close()
        found += [f"{path}: {one}" for one in page.acting]
    assert found == []


def test_pages_hold_no_control_characters(site):
    for path, data in of(site, "html"):
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", data.decode()), path


def test_feed_sitemap_and_drawings_are_xml(site):
    for path, data in of(site, "xml", "svg"):
        root = ElementTree.fromstring(data)
        assert not [one for one in root.iter() if one.tag.endswith("script")], path


def test_the_feed_says_a_reason_to_the_letter_with_what_acts_written_out(site):
    atom = "{http://www.w3.org/2005/Atom}"
    root = ElementTree.fromstring((site / "feed.xml").read_bytes())
    told = [one.findtext(f"{atom}summary") for one in root.iter(f"{atom}entry")]
    assert visible(legal(f"{NAMES[0]} {ACTS}")) in told
    for one in root.iter():
        for text in (one.text or "", *one.attrib.values()):
            assert visible(text) == text
    assert all("\n" not in (one.findtext(f"{atom}title") or "") for one in root.iter(f"{atom}entry"))
    assert {one.get("href", "")[: len(BASE)] for one in root.iter(f"{atom}link")} == {BASE}


def test_the_sitemap_names_pages_of_the_site_alone(site):
    root = ElementTree.fromstring((site / "sitemap.xml").read_bytes())
    found = [one.text or "" for one in root.iter() if one.tag.endswith("loc")]
    assert all((site / one.removeprefix(BASE)).is_file() for one in found)


def test_llms_txt_is_markdown_whose_links_are_the_sites_own(site):
    text = (site / "llms.txt").read_text("utf-8")
    assert visible(text) == text
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    inside = [one for token in tokens for one in (token, *(token.children or ()))]
    assert not [
        one
        for one in inside
        if one.type in ("html_block", "html_inline", "image", "code_inline", "fence", "strong_open")
    ]
    links = [one.attrs["href"] for one in inside if one.type == "link_open"]
    assert all(str(one).startswith(BASE) for one in links)
    headings = [tokens[i + 1].content for i, one in enumerate(tokens) if one.type == "heading_open"]
    assert headings == ["test.example/registry", "Data", "Benchmarks"]
    said = ["".join(c.content for c in t.children if c.type == "text") for t in tokens if t.type == "inline"]
    for name in NAMES:
        assert any(one.startswith(f"{name} ") for one in said), name


def test_robots_txt_is_three_lines(site):
    assert (site / "robots.txt").read_text() == f"User-agent: *\nAllow: /\nSitemap: {BASE}sitemap.xml\n"


def test_json_is_json_and_holds_to_its_schema(site):
    for path, data in of(site, "json"):
        value = json.loads(data.decode())
        name = {"api/v1/rows.json": "rows", "api/v1/requests.json": "requests"}.get(path)
        if path.startswith("api/v1/rows/"):
            name = "row"
            assert value["command"].startswith("repro bench --model MODEL --runtime ")
        if name:
            jsonschema.validate(value, json.loads((site / f"api/v1/schema/{name}.json").read_text()))


def test_the_search_script_is_one_assignment_of_ascii_json(site):
    text = (site / "assets/rows.js").read_bytes().decode("ascii")
    assert text.startswith("window.REPRO_ROWS=")
    assert text.rstrip("\n").endswith(";")
    value = json.loads(text.removeprefix("window.REPRO_ROWS=").rstrip().removesuffix(";"))
    assert {row[1] for row in value["rows"]} == set(NAMES)
    assert "</" not in text


def test_no_cell_of_a_csv_is_a_formula_or_a_second_line(site):
    for path, data in of(site, "csv"):
        for line in csv.reader(data.decode().splitlines(), strict=True):
            assert not [
                cell for cell in line if re.match(r"\s*[=+\-@]", cell) and not re.fullmatch(r"-?[0-9.]+", cell)
            ], path


def test_sqlite_holds_every_name_to_the_letter_and_one_type_a_column(site):
    database = sqlite3.connect(f"file:{site / 'downloads/registry.sqlite'}?mode=ro", uri=True)
    assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")} == {
        "rows",
        "records",
    }
    assert {name for (name,) in database.execute("SELECT model_name FROM rows")} == set(NAMES)
    for table in ("rows", "records"):
        for _, column, *_ in database.execute(f"PRAGMA table_info({table})").fetchall():
            kinds = {one for (one,) in database.execute(f'SELECT DISTINCT typeof("{column}") FROM {table}')} - {"null"}
            assert len(kinds) <= 1, (table, column, kinds)
    database.close()


def test_parquet_holds_the_same(site):
    assert set(pyarrow.parquet.read_table(site / "downloads/rows.parquet")["model_name"].to_pylist()) == set(NAMES)
    records = pyarrow.parquet.read_table(site / "downloads/records.parquet")
    assert set(records["model_name"].to_pylist()) == set(NAMES)


def test_no_file_is_called_by_a_text(site):
    names = [path.name for path in site.rglob("*")]
    assert [name for name in names if not re.fullmatch(r"\.?[A-Za-z0-9][A-Za-z0-9._-]*", name)] == []
