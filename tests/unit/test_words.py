"""The words of messages: plain English, in every text that the program can print."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_PAGES = ("site", "service/console")
TEMPLATES = sorted(f for one in _PAGES for f in (ROOT / "harness" / one / "templates").iterdir() if f.is_file())
FILES = sorted(file for package in ("harness", "runtimes") for file in (ROOT / package).rglob("*.py"))
# Phrase → what to say instead. Docstrings and comments are for developers; these are for users.
BANNED = {
    r"(?<!there )\bis no (?!longer|more)": "must be …, or: is not a …",
    r"\b(is|are) none\b": "must be …, or: is not valid",
    r"^ ?are no [a-z]": "must be …",  # begins after a value
    r"\banew\b": "again",
    r"\bgo(es)? on (from|with|where)\b": "continue",
    r"\bone voice\b": "one operator",
    r"\bfor programs\b": "Print JSON.",
    r"\btake (that|it) back\b": "undo",
    r"\bwhose environment\b": "in its own environment",
    r"\bthe house\b": "name the part",
    r"\bwho stands where\b": "who measured what",
    r"\bspeaks? with\b": "counts as",
    r"\bheard once\b": "counts once",
}
# Texts that are in signed bytes already.
KEPT = {
    ("harness/demo/registry.py", "one voice"),  # a reason in the log of the demonstration
    ("harness/run/conclude/truth.py", "the weights fit into the last-level cache: main memory is no bound"),
}


@cache
def texts(file: Path) -> list[tuple[int, str]]:
    """Each string of the module that is not a docstring, with its line."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements
    ]


@pytest.mark.parametrize("phrase", BANNED)
def test_no_message_uses_the_house_s_private_words(phrase):
    pattern = re.compile(phrase, re.IGNORECASE)
    found = [
        f"{place}:{line}: {text!r}; say {BANNED[phrase]}"
        for file in FILES
        if (place := str(file.relative_to(ROOT)))
        for line, text in texts(file)
        if pattern.search(text) and (place, text) not in KEPT
    ]
    assert not found, "\n".join(found)


_TAGS = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}|<[^>]*>", re.DOTALL)


def words_of(template: str) -> list[tuple[int, str]]:
    """Each line of a template that a reader may see, with its number: comments, tags and expressions are blanks."""
    bare = _TAGS.sub(lambda found: re.sub(r"[^\n]+", " ", found[0]), template)
    return [(number, " ".join(line.split())) for number, line in enumerate(bare.splitlines(), 1) if line.strip()]


@pytest.mark.parametrize("phrase", BANNED)
def test_no_page_of_the_site_uses_them(phrase):
    pattern = re.compile(phrase, re.IGNORECASE)
    found = [
        f"{file.name}:{line}: {text!r}; say {BANNED[phrase]}"
        for file in TEMPLATES
        for line, text in words_of(file.read_text(encoding="utf-8"))
        if pattern.search(text)
    ]
    assert not found, "\n".join(found)


def test_the_scan_of_templates_sees_text_through_tags_and_passes_comments():
    assert words_of("<p>It is <b>no</b>\n{# is no #}{% if x %}number.</p>") == [(1, "It is no"), (2, "number.")]
    assert len(TEMPLATES) >= 15


def test_what_is_kept_is_still_there():
    for place, text in KEPT:
        assert text in (ROOT / place).read_text(encoding="utf-8")


def test_the_scan_sees_messages_in_f_strings_and_passes_docstrings(tmp_path):
    file = tmp_path / "x.py"
    file.write_text('"""It is no matter."""\nprint(f"{1} is no number")\n')
    assert texts(file) == [(2, " is no number")]
