"""The help of every command, from which docs/cli.md is written: `make cli-docs`."""

from collections.abc import Iterator
from copy import copy
from pathlib import Path

import click

from harness.cli import GROUPS, cli

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
WIDE = 100  # columns of a help text on the page

_HEAD = """# Command line

Written from `--help` by `make cli-docs`; a test fails when the two differ. Words are explained in the [glossary](glossary.md).
"""


def contexts(parent: click.Context, command: click.Command, name: str) -> Iterator[click.Context]:
    """The command, then its subcommands."""
    own = click.Context(command, info_name=name, parent=parent, terminal_width=WIDE, max_content_width=WIDE)
    yield own
    if isinstance(command, click.Group):
        for more in command.list_commands(own):
            found = command.get_command(own, more)
            assert found is not None
            yield from contexts(own, found, more)


def root() -> click.Context:
    """Of `repro` itself."""
    return click.Context(cli, info_name="repro", terminal_width=WIDE, max_content_width=WIDE, **cli.context_settings)


def every() -> list[click.Context]:
    """All commands in the order of `repro --help`, each group before its subcommands."""
    top = root()
    found = []
    for commands in GROUPS.values():
        for name in commands:
            command = cli.get_command(top, name)
            assert command is not None
            found += contexts(top, command, name)
    return found


def page() -> str:
    """docs/cli.md."""
    parts = [_HEAD, _block(root())]
    titles = {next(iter(commands)): title for title, commands in GROUPS.items()}
    for context in every():
        path = context.command_path.split()
        if len(path) == 2 and path[1] in titles:
            parts.append(f"## {titles[path[1]]}\n")
        parts += [f"{'#' * (len(path) + 1)} {context.command_path}\n", _block(context)]
    return "\n".join(parts)


def _block(context: click.Context) -> str:
    command = copy(context.command)
    command._help_option = None  # click keeps the one of whoever ran the command by itself before
    return f"```text\n{command.get_help(context)}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page())
