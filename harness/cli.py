"""The command `repro`. Each subcommand's module is imported when it runs, so that `--help` is instant."""

from __future__ import annotations

import difflib
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from harness import __version__
from harness.errors import ReproError, one_line
from harness.files import refusal

# name → (module:attribute, one line of help). A test compares the help with the commands' own.
COMMANDS = {
    "bench": ("harness.commands.bench:bench", "Measure a (model, hardware, runtime) triple and write its record."),
    "show": ("harness.commands.show:show", "Show a record: results, distributions, checks and findings."),
    "runs": ("harness.commands.runs:runs", "List the records in a folder, the newest first."),
    "label": ("harness.commands.label:label", "Give a record a name of your own, kept beside it."),
    "compare": ("harness.commands.compare:compare", "Compare records: ratio, interval, and a verdict."),
    "agree": ("harness.commands.agree:agree", "Say whether the records' outputs agree, and where they part."),
    "submit": ("harness.commands.submit:submit", "Put a signed record into a registry's queue."),
    "sign": ("harness.commands.sign:sign", "Sign a record that was measured before you had keys."),
    "submissions": (
        "harness.commands.submissions:submissions",
        "Your records at a registry: where each stands, why, and what you can do.",
    ),
    "withdraw": ("harness.commands.submit:withdraw", "Take a record of yours back; the log keeps that it was there."),
    "score": (
        "harness.commands.score:score",
        "State and tier of every row of a registry; or what records would make of a row.",
    ),
    "explain": (
        "harness.commands.explain:explain",
        "Why a row stands where it stands: state, tier, factors, and every rule.",
    ),
    "regressions": (
        "harness.commands.regressions:regressions",
        "Candidates: pairs of records that differ in one thing alone.",
    ),
    "request": ("harness.commands.request:request", "Ask for a measurement, claim one, and decide on requests."),
    "review": ("harness.commands.review:review", "List the queue, look at what it holds, and decide."),
    "operator": ("harness.commands.operator:operator", "List operators, verify and tie them, rotate and revoke keys."),
    "import": (
        "harness.commands.import_:import_",
        "Bring a log of another tool to a row: llama-bench, vllm bench, LocalScore.",
    ),
    "audit": (
        "harness.commands.audit:audit",
        "Check a whole registry: every signature, digest, link of the log, record.",
    ),
    "registry": (
        "harness.commands.registry:registry",
        "Make a registry, sign its checkpoints, export, import and rebuild it.",
    ),
    "site": ("harness.commands.site:site", "Make the public site of a registry, or look at it here."),
    "verify": ("harness.commands.verify:verify", "Check a record's signatures, its samples and its arithmetic."),
    "keys": ("harness.commands.keys:keys", "Make, show and rotate the keys that sign your records."),
    "recompute": ("harness.commands.recompute:recompute", "Derive a record's summary again from its raw samples."),
    "export": ("harness.commands.export:export", "Write records as a table: CSV, JSON, Parquet or Markdown."),
    "suite": ("harness.commands.suite:suite", "List and show the suites of workloads."),
    "model": ("harness.commands.model:model", "List, show, fetch, verify and prepare models."),
    "runtime": ("harness.commands.runtime:runtime", "Install, list, check and remove the runtimes."),
    "doctor": ("harness.commands.doctor:doctor", "Say what would spoil a measurement on this machine."),
    "schema": ("harness.commands.schema:schema", "Print the JSON Schema of a record."),
}


class LazyGroup(click.Group):
    """A group whose commands are named in `COMMANDS` and imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """In the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names for an unknown one."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            near = difflib.get_close_matches(args[0], COMMANDS, n=2) or list(COMMANDS)
            raise click.UsageError(f"no command is called {args[0]!r}; did you mean {' or '.join(near)}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table, so that listing imports nothing."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="repro")
def cli() -> None:
    """Measure local AI inference for real, and keep the evidence.

    Exit status: 0 done, 1 done and the answer is bad (agree, compare --fail-if-slower, show of a false record), 2 bad input,
    3 the run or a build failed, 4 checks failed: do not use the number, 130 interrupted.
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
    except OSError as error:
        _end(str(refusal(error, Path(str(error.filename or ".")))), 2)


def _end(message: str, code: int) -> None:
    click.echo(f"repro: {message}", err=True)
    sys.exit(code)
