"""A shipped table with one text of one file replaced: what its reader says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import BadInput


def refusal(read: Callable[[Path], object], file: Path, before: str, after: str) -> str:
    """The one line that refuses the file's folder once `before`, which must be there, reads `after`."""
    text = file.read_text("utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), "utf-8")
    with pytest.raises(BadInput) as caught:
        read(file.parent)
    line = str(caught.value)
    assert "\n" not in line
    return line
