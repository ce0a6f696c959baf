"""`--backend`, of every command that measures or estimates by a runtime."""

from __future__ import annotations

import click

backend_option = click.option(
    "--backend", default="auto", show_default=True, help="Build of the runtime: cpu, cuda, vulkan, metal or rocm."
)
