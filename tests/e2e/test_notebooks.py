"""The notebooks of docs/notebooks run from top to end, and give what they show."""

import nbformat
import pytest

from benchmarks.notebooks import FOLDER, NAMES, executed
from harness.record import private, store

AGAIN = "run: python benchmarks/notebooks.py"


def given(notebook):
    """What each cell gave, as far as it is text; of a picture only that there is one."""
    for cell in notebook.cells:
        for one in cell.get("outputs", ()):
            data = one.get("data", {"text/plain": one.get("text", "")})
            yield cell.id, {kind: None if kind == "image/svg+xml" else text for kind, text in data.items()}


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_gives_what_it_shows(name):
    stored = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    shown, again = list(given(stored)), list(given(executed(name)))
    assert len(shown) > 3
    assert any("image/svg+xml" in data for _, data in shown)
    assert shown == again, AGAIN


def test_the_notebooks_and_their_records_are_small_and_hold_nothing_private():
    for path in FOLDER.rglob("*"):
        assert path.name != private.FILE
        assert not path.is_file() or path.stat().st_size <= 300_000, path
    assert len(store.below(FOLDER / "records")) == 5
