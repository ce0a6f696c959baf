"""The command `repro`. Each subcommand's module is imported when it runs, so that `--help` is instant."""

from __future__ import annotations

import sys
from copy import copy
from functools import wraps
from importlib import import_module
from inspect import cleandoc
from typing import TYPE_CHECKING, Any

import click

from harness import __version__
from harness.errors import ReproError, one_line

if TYPE_CHECKING:
    from collections.abc import Callable

# Group → name → (module:attribute, one line). The line begins the command's own `--help`; its docstring goes on from there.
GROUPS = {
    "Measure": {
        "bench": ("harness.commands.bench:bench", "Measure a model on this machine and write a record."),
        "matrix": ("harness.commands.matrix:matrix", "Measure several configurations in one go, from a file."),
        "fleet": ("harness.commands.fleet:fleet", "Measure a matrix on many machines, here or through SLURM."),
        "agent": ("harness.commands.agent:agent", "Measure a registry's requests here, by your policy."),
        "tune": ("harness.commands.tune:tune", "Find the options with which a model is fastest on this machine."),
        "bisect": ("harness.commands.bisect:bisect", "Find the first release of a runtime that is slower here."),
        "watch": ("harness.commands.watch:watch", "Measure the newest release beside the last one."),
        "doctor": ("harness.commands.doctor:doctor", "Check what could disturb a measurement on this machine."),
        "runtime": ("harness.commands.runtime:runtime", "Install, list, check and remove runtimes."),
        "model": ("harness.commands.model:model", "List, show, fetch, verify and convert models."),
        "fit": ("harness.commands.fit:fit", "Say whether a model fits into memory, and how long a context."),
        "forecast": (
            "harness.commands.forecast:forecast",
            "Forecast a model's speed on a device without a measurement.",
        ),
        "suite": ("harness.commands.suite:suite", "List and show suites of workloads."),
        "device": ("harness.commands.device:device", "List and show GPUs and processors of the device table."),
    },
    "Records": {
        "show": ("harness.commands.show:show", "Show a record: results, distributions, checks, findings."),
        "report": ("harness.commands.report:report", "Write records as one HTML file: results, drawings, comparisons."),
        "runs": ("harness.commands.runs:runs", "List the records in a folder, newest first."),
        "label": ("harness.commands.label:label", "Give a record a private name of your own."),
        "compare": ("harness.commands.compare:compare", "Compare the speed of records: ratio, interval, verdict."),
        "agree": ("harness.commands.agree:agree", "Compare the outputs of records, token by token."),
        "verify": ("harness.commands.verify:verify", "Check a record's signatures, samples and numbers."),
        "recompute": ("harness.commands.recompute:recompute", "Derive a record's numbers again from its raw samples."),
        "export": ("harness.commands.export:export", "Write records as CSV, JSON, Parquet or Markdown."),
        "schema": ("harness.commands.schema:schema", "Print the JSON Schema of what others read."),
    },
    "Publish": {
        "keys": ("harness.commands.keys:keys", "Make, show and rotate the keys that sign your records."),
        "sign": ("harness.commands.sign:sign", "Sign a record that you measured before you had keys."),
        "submit": ("harness.commands.submit:submit", "Submit a signed record to a registry."),
        "submissions": (
            "harness.commands.submissions:submissions",
            "List your records at a registry and their status.",
        ),
        "withdraw": ("harness.commands.submit:withdraw", "Withdraw a record that you submitted."),
        "row-report": (
            "harness.commands.row_report:row_report",
            "Report a row to the editors; list, withdraw, close reports.",
        ),
        "request": ("harness.commands.request:request", "Ask for a measurement, claim one, decide on requests."),
    },
    "Registry": {
        "score": ("harness.commands.score:score", "Show state and tier of a registry's rows, or of records."),
        "explain": ("harness.commands.explain:explain", "Explain a row's state and tier, rule by rule."),
        "regressions": ("harness.commands.regressions:regressions", "List possible speed changes between versions."),
        "review": ("harness.commands.review:review", "List the queue of submitted records, and decide on them."),
        "operator": ("harness.commands.operator:operator", "List, verify and tie operators; rotate and revoke keys."),
        "import": ("harness.commands.import_:import_", "Add another tool's log to a row, as evidence beside it."),
        "audit": ("harness.commands.audit:audit", "Check every signature, digest and record of a registry."),
        "registry": ("harness.commands.registry:registry", "Create, sign, export, import and rebuild a registry."),
        "site": ("harness.commands.site:site", "Build or serve a registry's public site."),
        "serve": (
            "harness.commands.serve:serve",
            "Serve a registry over HTTP: events in, receipts out.",
        ),
    },
}
# What a command needs beyond the core. Its `--help` does not.
EXTRA_OF = {
    "export": "frames",
    **dict.fromkeys(("submit", "submissions", "withdraw", "request", "row-report", "agent"), "registry"),
    **dict.fromkeys(GROUPS["Registry"], "registry"),
    "site": "site",
    "serve": "service",
}
COMMANDS = {name: entry for group in GROUPS.values() for name, entry in group.items()}
MOVED = {
    "--matrix": "repro matrix run FILE",
    "--summary": "repro matrix run FILE --summary PATH",
}  # once options of bench


class LazyGroup(click.Group):
    """A group whose commands are named in `GROUPS` and imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command; its help begins with the table's line."""
        if cmd_name not in COMMANDS:
            return None
        where, line = COMMANDS[cmd_name]
        module, _, attribute = where.partition(":")
        command: click.Command = copy(getattr(import_module(module), attribute))
        command.help = f"{line}\n\n{cleandoc(command.help or '')}".rstrip()
        extra = EXTRA_OF.get(cmd_name)
        return command if extra is None else _asking_for(extra, cmd_name, command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=2) or list(COMMANDS)
            raise click.UsageError(f"no command is called {args[0]!r}; did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, so that listing imports nothing."""
        wide = max(map(len, COMMANDS))  # one column for all groups
        for title, commands in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{wide}}", text) for name, (_, text) in commands.items()])


def _asking_for(extra: str, where: str, command: click.Command) -> click.Command:
    """A copy whose every callback first asks for the extra: before any work, and after `--help` was answered."""
    command = copy(command)
    if isinstance(command, click.Group):
        command.commands = {name: _asking_for(extra, f"{where} {name}", one) for name, one in command.commands.items()}
    if command.callback is not None:
        command.callback = _after_asking(extra, where, command.callback)
    return command


def _after_asking(extra: str, where: str, callback: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(callback)
    def asked(*arguments: Any, **options: Any) -> Any:
        from harness.extras import needs

        if (
            click.get_current_context().invoked_subcommand is None
        ):  # else the subcommand asks, unless it prints its help
            needs(extra, where)
        return callback(*arguments, **options)

    return asked


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="repro")
def cli() -> None:
    """Benchmark local AI inference, and keep the evidence.

    `repro COMMAND --help` describes a command. Exit status: 0 success; 1 a negative answer (agree, compare --fail-if-slower,
    runtime check, show of a false record); 2 bad input; 3 a run or a build failed; 4 a record's own checks failed: do not use
    its number; 130 interrupted.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; every error that a user can cause ends as one line on standard error."""
    try:
        result: Any = cli.main(arguments, prog_name="repro", standalone_mode=False)
        sys.exit(result if isinstance(result, int) else 0)
    except ReproError as error:
        _end(str(error), error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        # As click does: a group without a command prints its help, on standard error, and that is no success.
        click.echo(error.ctx.get_help(), err=True)
        sys.exit(2)
    except click.NoSuchOption as error:
        moved = MOVED.get(error.option_name) if error.ctx is not None and error.ctx.info_name == "bench" else None
        _end(one_line(error.format_message() + (f" Use: {moved}" if moved else "")), 2)
    except click.ClickException as error:
        _end(one_line(error.format_message()), 2)
    except click.Abort as error:
        # click makes one of Ctrl-C, too. A question that nobody could be asked ends like one that Ctrl-C ended: the terminal
        # tells these two apart.
        if isinstance(error.__cause__, KeyboardInterrupt) or (sys.stdin is not None and sys.stdin.isatty()):
            _end("interrupted", 130)
        _end("no terminal to ask at; use --yes where the command has it, or run it in a terminal", 2)
    except KeyboardInterrupt:
        _end("interrupted", 130)
    except BrokenPipeError:
        # The reader of our output is gone (`repro show … | head`); that is no error.
        sys.stderr.close()
        sys.exit(0)
    except ImportError as error:
        _end_for_extra(error)
    except OSError as error:
        from pathlib import Path

        from harness.files import refusal

        _end(str(refusal(error, Path(str(error.filename or ".")))), 2)


def _end_for_extra(error: ImportError) -> None:
    """One line where the package of an extra is missing or broken. Every other import is our own fault and stays a traceback."""
    from harness.extras import missing, of_module

    found = of_module(error.name)
    if found is None:
        raise error
    _end(str(missing(*found, "")), 2)


def _end(message: str, code: int) -> None:
    click.echo(f"repro: {message}", err=True)
    sys.exit(code)
