"""`--device`, `--memory` and `--count`: which part of the device table, and how many, of a question about another machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from harness.errors import BadInput
from harness.terminal.finite_range import FiniteRange


def _named(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    """Empty where it was not given. Raises `BadInput` for an empty name: an unset variable is no wish for this machine."""
    if value is not None and not value.strip():
        fix = "name a part (repro device list), or leave it out for this machine"
        raise BadInput("names no part", where=f'--device "{value}"', fix=fix)
    return value or ""


def device_option(says: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--device`; `says` is its help."""
    return click.option("--device", default=None, metavar="NAME", callback=_named, help=says)


memory_option = click.option(
    "--memory",
    "memory_gib",
    type=FiniteRange(min=0.1, max=1 << 20),
    metavar="GIB",
    help="Memory of --device, where the table has several sizes or none.",
)


def count_option(says: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--count`; `says` is its help."""
    return click.option("--count", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help=says)
