"""`--memory` and `--count`: which part of the device table, and how many, of every command that asks of a machine elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

memory_option = click.option(
    "--memory",
    "memory_gib",
    type=click.FloatRange(min=0.1, max=1 << 20),
    metavar="GIB",
    help="Memory of --device, where the table has several sizes or none.",
)


def count_option(says: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--count`; `says` is its help."""
    return click.option("--count", type=click.IntRange(1, 64), default=1, show_default=True, metavar="N", help=says)
