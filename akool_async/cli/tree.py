"""The command tree: its commands, and the exit status and message of each error.

Each command is a module of this package with the name `command` in it. The module is imported
when the user asks for the command, so `akool --help` imports none of them. The commands of a
namespace are made from the classes of its endpoints, also when the user asks for one.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module

import click
from click.shell_completion import CompletionItem

import akool_async
from akool_async import AkoolError
from akool_async.advice import first_sentence
from akool_async.cli.messages import Problem, advice_of, told
from akool_async.cli.statuses import INTERRUPTED, WORDS, status_of
from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol.words import nearest

_AS_JSON = "--json"

COMMANDS: Mapping[str, str] = {
    "completion": "Print the script that completes commands in a shell.",
    "dashboard": "Show a run in the browser, live.",
    "demo": "Run hundreds of simulated jobs at once, and save their results.",
    "drain": "Let a run create nothing more, and end.",
    "errors": "Explain Akool's error codes.",
    "fetch": "Save the results of a run that have no file.",
    "job": "Show a job by its token, wait for it, or cancel it.",
    "jobs": "List what the journals of this machine know of jobs.",
    "journal": "Look into a journal; decide about creates of unknown outcome.",
    "mcp": "Serve what Akool offers as tools for agents.",
    "pause": "Let a run create nothing until `akool resume`.",
    "report": "Write the report of a run, as a page with all its results.",
    "resume": "Let a paused run create again.",
    "run": "Carry out the rows of a manifest, and save every result.",
    "schema": "Print the JSON Schema, or the OpenAPI document, of everything.",
    "set": "Change a setting of a run while it goes on.",
    "simulate": "Serve a simulated Akool on this machine, until Ctrl-C.",
    "verify": "Compare the files of a run with its results.jsonl.",
    "webhooks": "Show webhooks that arrive; make one; send saved ones again.",
}
"""Each command's summary by name; its module has the same name, if `_MODULES` names no other."""

_MODULES: Mapping[str, str] = {"report": "run_report"}


def with_example(command: click.Command, name: str) -> click.Command:
    """Return a command whose help ends with an example."""
    from akool_async.cli.examples import add_example

    add_example(command, f"akool {name}")
    return command


def _summaries() -> Mapping[str, str]:
    """Return each namespace's summary, by name."""
    return {title: row.summary for title, row in NAMESPACES.items()}


class CommandTree(click.Group):
    """A group whose commands are imported one by one, when the user asks for them."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return sorted([*COMMANDS, *NAMESPACES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command, or make a namespace's commands; `None` for an unknown name."""
        if cmd_name in NAMESPACES:
            # Not before it is asked for: it imports all endpoints.
            from akool_async.cli.namespaces import commands_of

            return with_example(commands_of(cmd_name), cmd_name)
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"akool_async.cli.{_MODULES.get(cmd_name, cmd_name)}").command
        assert isinstance(command, click.Command)
        return with_example(command, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first argument names.

        Raises:
            click.UsageError: there is none; the message names the one with the nearest name.
        """
        name = args[0]
        if name.startswith("-") or ctx.resilient_parsing or name in {*COMMANDS, *NAMESPACES}:
            return super().resolve_command(ctx, args)
        near = nearest(name.lower(), self.list_commands(ctx))
        hint = f" Did you mean {near!r}?" if near else ""
        raise click.UsageError(f"No such command {name!r}.{hint}", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing any."""
        for title, commands in (("Akool's API", _summaries()), ("Commands", COMMANDS)):
            with formatter.section(title):
                formatter.write_dl(sorted(commands.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete a command's name without importing any."""
        fitting = [
            CompletionItem(name, help=text)
            for name, text in sorted({**COMMANDS, **_summaries()}.items())
            if name.startswith(incomplete)
        ]
        return fitting + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    "akool",
    cls=CommandTree,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="\b\nExample:\n  akool demo\n\n"
    f"Exit status: {', '.join(f'{status} {word}' for status, word in WORDS.items())}.",
)
@click.version_option(akool_async.__version__, message="%(prog)s %(version)s")
@click.pass_context
def akool(ctx: click.Context) -> None:
    """Use Akool's generative-media API from the command line."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name, and return the exit status.

    An error is printed in one line on stderr, and what to do in another one; with `--json` also as
    JSON on stdout: so stdout holds one document, whatever happens. `statuses` has the statuses.

    Args:
        arguments: The arguments after `akool`; those of the process if not given.
    """
    given = sys.argv[1:] if arguments is None else arguments
    try:
        # Commands return their exit status, `None` for 0.
        ended: int | None = akool.main(given, prog_name="akool", standalone_mode=False)
    except click.Abort:
        if _AS_JSON in given:
            stopped = Problem("interrupted", {}, "Interrupted", INTERRUPTED)
            _show_as_json(stopped, "interrupted", INTERRUPTED)
        return INTERRUPTED
    except click.ClickException as error:
        ctx = getattr(error, "ctx", None)
        status = error.status if isinstance(error, Problem) else error.exit_code
        _complain(error, error.format_message(), status, ctx, as_json=_AS_JSON in given)
        return status
    except AkoolError as error:
        _complain(error, told(error), status_of(error), as_json=_AS_JSON in given)
        return status_of(error)
    return ended or 0


def _complain(
    error: Exception,
    message: str,
    status: int,
    ctx: click.Context | None = None,
    *,
    as_json: bool,
) -> None:
    """Print an error on stderr, and what to do; and with `--json`, on stdout as JSON."""
    who = ctx.command_path if ctx else "akool"
    # Part of the message may come from a server: remove characters that control the terminal.
    shown = " ".join("".join(mark if mark.isprintable() else " " for mark in message).split())
    if as_json:
        _show_as_json(error, shown, status)
    click.echo(f"{who}: {shown}", err=True)
    if advice := first_sentence(advice_of(error)):  # the others may be about Python
        click.echo(f"What to do: {advice}", err=True)


def _show_as_json(error: Exception, message: str, status: int) -> None:
    from akool_async.cli.problems import show_problem  # not before it is needed: it loads much

    show_problem(error, message, status)
