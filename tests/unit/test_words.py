"""The words of messages: plain English, in every text that the program can print."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
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


def test_what_is_kept_is_still_there():
    for place, text in KEPT:
        assert text in (ROOT / place).read_text(encoding="utf-8")


def test_the_scan_sees_messages_in_f_strings_and_passes_docstrings(tmp_path):
    file = tmp_path / "x.py"
    file.write_text('"""It is no matter."""\nprint(f"{1} is no number")\n')
    assert texts(file) == [(2, " is no number")]
