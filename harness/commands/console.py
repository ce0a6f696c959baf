"""The two consoles: results on standard output, progress and remarks on standard error."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console


def out() -> Console:
    """Results. Width 100 where no terminal tells another, so that piped tables stay whole."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


def err() -> Console:
    """Progress and remarks."""
    return Console(stderr=True, highlight=False)


def print_json(value: Any) -> None:
    """One JSON document for programs."""
    print(json.dumps(value, indent=2, ensure_ascii=False))  # noqa: T201 - the output itself
