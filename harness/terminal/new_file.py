"""Options that name a file to write: other tools take `-` for standard output, and no file is to be called so by chance."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

OUTPUT = Path("-")


class NewFile(click.Path):
    """The path of a file to write. `or_output`: `-` is `OUTPUT`, which the command prints to."""

    def __init__(self, *, or_output: bool = False) -> None:
        super().__init__(path_type=Path)
        self._or_output = or_output

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """The path. Fails for `-` where nothing is printed."""
        if str(value) == "-" and not self._or_output:
            self.fail("must be the name of a file, not -: nothing of it goes to standard output.", param, ctx)
        found: Path = super().convert(value, param, ctx)  # type: ignore[assignment]  # by its `path_type`
        return found
