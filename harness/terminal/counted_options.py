"""`--workload` and `--metric`: which number counts, of every command that hunts for a change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

workload_option = click.option(
    "--workload",
    metavar="ID",
    help="Workload that counts; default: the headline, or the longest prompt for prefill_rate.",
)


def metric_option(says: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`--metric`; `says` is its help."""
    return click.option(
        "--metric",
        type=click.Choice(("decode_rate", "prefill_rate", "ttft")),
        default="decode_rate",
        show_default=True,
        help=says,
    )
