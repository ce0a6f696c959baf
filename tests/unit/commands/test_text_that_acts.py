"""No foreign text acts on a terminal: every text of a record, an event, a model file and a path, read back from a pseudo-terminal."""

import json
import unicodedata

import pytest
from markdown_it import MarkdownIt

from harness.cells import csv_text, markdown_text
from harness.demo import records
from harness.errors import BadInput, one_line, visible
from harness.record import store
from tests.support import tiny_gguf
from tests.support.program import Program, edited, resigned, signed
from tests.support.pseudo_terminal import on_terminal, what_acts

MARK = "hostile"
HOSTILE = (
    f"{MARK}\x1b[8mA\x1b]52;c;eA==\x07B\x9b8mC\x9d0;x\x9c\x1b[2J\rD\u202eE\u2066F\u200bG\ufe0f\u034f\u3164\u2800\u115f\x7f\x00\x08"
    "[conceal]H[/conceal][link=http://x.example]I[/link][/nothing]:warning:\u2028\U000e0041\ue000\n  pass  forged: a line of its own"
)


def hostile_everywhere(predicate):
    """Every text that the schema leaves free, and names of settings; what the samples give stays."""
    for part in ("model", "tokenization", "run", "suite"):
        for name, value in predicate[part].items():
            if isinstance(value, str) and name not in ("sha256", "headline", "started_utc", "finished_utc"):
                predicate[part][name] = HOSTILE
    keys = MARK + "\x1b[8m[conceal]\x07"  # a key must be ASCII
    runtime = predicate["runtime"]
    for name in ("name", "engine", "version", "package", "commit", "python"):
        runtime[name] = HOSTILE
    for name in ("build", "settings", "options", "variables", "packages", "environment", "model"):
        runtime[name] = {keys: HOSTILE, "threads": HOSTILE}
    for device in runtime["devices"]:
        device.update(name=HOSTILE, kind="gpu", description=HOSTILE)
    predicate["harness"].update(version=HOSTILE, commit=HOSTILE)
    predicate["environment"] = {
        name: {keys: {"value": HOSTILE}, "os": {"value": HOSTILE}} for name in ("host", "cpu", "memory", "gpu")
    }
    predicate["workloads"][0]["title"] = HOSTILE
    predicate["checks"] += [{"code": HOSTILE, "status": status, "text": HOSTILE, "evidence": {keys: 1}}
                            for status in ("pass", "unknown")]  # fmt: skip
    predicate["findings"] += [{"code": HOSTILE, "severity": "warning", "workload": "", "metric": HOSTILE,
                               "text": HOSTILE, "evidence": {keys: 1}}]  # fmt: skip
    predicate["derived"]["energy_per_token"] = {"value_nj": 5, "source": HOSTILE}


@pytest.fixture
def record(tmp_path, monkeypatch):
    """Signed and whole, with a workload's name in its samples that is hostile, too."""
    monkeypatch.setattr(records, "WORKLOAD", HOSTILE.replace("\x00", ""))
    place = signed(tmp_path / "results" / "one")
    resigned(edited(place, hostile_everywhere))
    (place / "record.label.txt").write_text(HOSTILE)
    return place


READERS = [
    ("show", "R"), ("show", "R", "--json"), ("compare", "R", "R"), ("compare", "R", "R", "R"), ("compare", "R", "R", "--json"),
    ("show", "R", "--all"), ("show", "R", "--plot"),
    ("agree", "R", "R"), ("agree", "R", "R", "--json"), ("export", "R"), ("export", "R", "--format", "json"),
    ("export", "R", "--format", "markdown"), ("verify", "R"), ("recompute", "R"), ("score", "R"), ("score", "R", "R", "--json"),
    ("runs", "P"), ("runs", "P", "--json"), ("label", "R"), ("submit", "R", "--dry-run"),
]  # fmt: skip
BARS = ("bench", "export", "recompute", "runs")  # the commands that draw one


@pytest.mark.parametrize("command", READERS, ids=" ".join)
def test_no_text_of_a_record_acts_or_hides(record, command):
    names = {"R": record, "P": record.parent}
    code, told = on_terminal(*(names.get(word, word) for word in command))
    assert code in (0, 1, 2), told
    assert "Traceback" not in told
    assert what_acts(told, bar=command[0] in BARS) == []
    assert not any(line.strip().startswith("pass  forged") for line in told.splitlines())
    assert code == 2 or command[0] in ("verify", "recompute", "score") or MARK in told


@pytest.mark.parametrize("command", [("show", "R", "--json"), ("runs", "P", "--json")])
def test_programs_get_every_character_back(record, command, capfd):
    done = Program(capfd)(*({"R": record, "P": record.parent}.get(word, word) for word in command))
    assert HOSTILE in set(_texts(json.loads(done.out)))


def _texts(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    else:
        yield value


def test_a_refusal_shows_a_foreign_name_without_acting(tmp_path):
    place = tmp_path / HOSTILE.replace("/", "").replace("\x00", "")[:80]
    for command in (
        ("show", place),
        ("export", place),
        ("bench", "--suite", place),
        ("explain", HOSTILE.replace("\x00", "")),
    ):
        code, told = on_terminal(*command)
        assert code == 2
        assert what_acts(told, bar=command[0] in BARS) == [], command
    place.mkdir()
    (place / store.RECORD_FILE).write_text(json.dumps({"_type": HOSTILE, "predicateType": HOSTILE}))
    code, told = on_terminal("runs", tmp_path)
    assert what_acts(told, bar=True) == []


def test_a_model_file_s_own_words_do_not_act(tmp_path):
    path = tmp_path / "tiny.gguf"
    texts = {"general.name": HOSTILE, "general.basename": HOSTILE, "general.architecture": HOSTILE, "tokenizer.ggml.model": HOSTILE,
             "general.finetune": HOSTILE, "general.size_label": HOSTILE, "tokenizer.ggml.pre": HOSTILE}  # fmt: skip
    path.write_bytes(tiny_gguf.build({**tiny_gguf.LONG, **texts}))
    for command in (("model", "show", path), ("bench", "--runtime", "simulated", "--suite", "quick", "--model", path,
                                              "--processes", "1", "-o", "step_us=20", "--results", tmp_path / "out")):  # fmt: skip
        _, told = on_terminal(*command, XDG_CACHE_HOME=str(tmp_path / "cache"))
        assert "Traceback" not in told
        assert what_acts(told, bar=True) == [], command


@pytest.mark.parametrize("code", [*range(0x20), *range(0x7F, 0xA0), 0xAD, 0x34F, 0x61C, 0x115F, 0x180E, 0x200B, 0x200E, 0x202E,
                                  0x2060, 0x2066, 0x2800, 0x3164, 0xD800, 0xFE0F, 0xFEFF, 0xFFF9, 0xE0041, 0xE0100])  # fmt: skip
def test_what_acts_or_hides_is_written_out(code):
    assert chr(code) not in visible(f"a{chr(code)}b", keep="")
    assert visible(f"a{chr(code)}b", keep="").isprintable()
    assert chr(code) not in one_line(f"a{chr(code)}b")


def test_words_in_other_scripts_are_left_as_they_are():
    for text in ("größer ± 2 %", "日本語のモデル", "Ελληνικά", "עברית", "हिन्दी", "emoji 🚀", "Å combined"):
        assert visible(unicodedata.normalize("NFC", text)) == unicodedata.normalize("NFC", text)


# Tables that other programs open


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", " =1", "'=1", "\u200b=1", "＝1+1", "-", "=cmd|' /C calc'!A0"],
)
def test_no_cell_of_a_csv_is_a_formula(text):
    cell = csv_text(text)
    assert cell[0] not in "=+-@\t\r\n ＝＋－＠" or cell.startswith("\\")
    assert cell.isprintable()


def test_an_export_keeps_numbers_as_numbers_and_texts_as_texts(tmp_path, capfd):
    import csv
    import io
    from dataclasses import replace

    from tests.support.program import REAL

    place = signed(tmp_path / "one", setup=replace(REAL, model="=HYPERLINK(1)", sku="-1;=2+2\r\n@x", version="+3"))
    done = Program(capfd)("export", place)
    rows = list(csv.DictReader(io.StringIO(done.out)))
    assert {row["model_name"] for row in rows} == {"'=HYPERLINK(1)"}
    for row in rows:
        for name, cell in row.items():
            if cell[:1] in tuple("=+-@\t\r"):
                float(cell)
                assert name not in ("model_name", "device", "runtime_version")
        assert float(row["point"]) > 0


def test_the_table_that_a_site_offers_is_no_formula_either(tmp_path, monkeypatch):
    from harness.site.pages.row_page import _csv

    monkeypatch.setattr(records, "WORKLOAD", "=HYPERLINK(1)")
    lines = _csv(store.read(signed(tmp_path / "one")).record).decode().splitlines()[1:]
    assert lines
    assert all(line.startswith("'=HYPERLINK(1),") for line in lines)
    assert all(int(line.split(",")[3]) > 0 for line in lines)


MARKDOWN = ["a|b", "`code`", "[x](http://evil.example)", "<script>alert(1)</script>", "![i](http://x/y.png)", "**b**", "_i_", "a\nb",
            "http://evil.example", "www.evil.example", "x@evil.example", "&lt;b&gt;", "\\|", "~~s~~", "$x$", "# h", "<http://x>", "[r]: http://x"]  # fmt: skip


@pytest.mark.parametrize("text", MARKDOWN)
def test_a_cell_of_a_markdown_table_holds_its_text_and_nothing_else(text):
    page = f"| a | b |\n| --- | --- |\n| {markdown_text(text)} | end |\n"
    reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    tokens = reader.parse(page)
    cells = [token for token in tokens if token.type == "inline"][2:]
    assert len(cells) == 2
    assert cells[1].content == "end"
    assert {child.type for child in cells[0].children} <= {"text", "text_special"}
    assert "".join(child.content for child in cells[0].children) == " ".join(text.split())


@pytest.mark.parametrize(
    "text",
    [
        "http://evil.example",
        "HTTPS://evil.example",
        "www.evil.example",
        "WWW.evil.example",
        "x@evil.example",
        "ftp://x",
    ],
)
def test_no_bare_address_becomes_a_link_where_addresses_do(text):
    # GitHub's extension looks for these in the source: https://github.github.com/gfm/#autolinks-extension-
    import re

    assert not re.search(r"(?i)www\.|(?:https?|ftp)://|[\w.+-]@[\w-]", markdown_text(text))


def test_an_export_in_markdown_is_one_table(tmp_path, capfd):
    from dataclasses import replace

    from tests.support.program import REAL

    place = signed(tmp_path / "one", setup=replace(REAL, model="a|b `c` <b>\n| x |", sku="[x](http://e)"))
    done = Program(capfd)("export", place, "--format", "markdown")
    tokens = MarkdownIt("commonmark").enable("table").parse(done.out)
    assert {token.type for token in tokens if not token.type.endswith("_close")} == {
        "table_open", "thead_open", "tr_open", "th_open", "inline", "tbody_open", "td_open"
    }  # fmt: skip
    assert {child.type for token in tokens for child in token.children or ()} <= {"text", "text_special"}


def test_a_console_makes_no_links_and_no_pictures_of_words(capfd, monkeypatch):
    from harness.terminal.console import out

    monkeypatch.setenv("FORCE_COLOR", "1")
    out().print("[link=http://x.example]a[/link] :warning: [red]b[/]")
    told = capfd.readouterr().out
    assert "\x1b]8" not in told
    assert ":warning:" in told


@pytest.mark.parametrize(
    "text", ["[/nothing]", "[/]", "[conceal]x[/conceal]", "[blink]x", "[@click=x]y", "[link=http://x]"]
)
def test_a_text_that_nobody_escaped_is_shown_as_it_is(capfd, text):
    from rich.table import Table

    from harness.terminal.console import out

    table = Table("a")
    table.add_row(text)
    console = out()
    console.print(table)
    console.print(text)
    assert capfd.readouterr().out.count(text) == 2


def test_bad_input_is_raised_with_text_that_can_be_printed():
    assert str(BadInput(HOSTILE, where=HOSTILE, fix=HOSTILE)).isprintable()
