"""The command tree: what commands there are, and how errors leave the process.

A command is a module of this package that offers `command`; the module is imported when
the command is asked for, so that `akool --help` loads none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

import click

import akool_async
from akool_async import AkoolError

COMMANDS: Mapping[str, str] = {
    "demo": "Run hundreds of simulated jobs at once, and save what they make.",
    "simulate": "Serve a simulated Akool on this machine, until Ctrl-C.",
}
"""Each command's summary, by name; the name is that of its module too."""

INTERRUPTED = 130
"""Exit status after Ctrl-C: 128 and the number of SIGINT, as shells have it."""


class CommandTree(click.Group):
    """A group whose commands are imported one by one, when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Return the names of all commands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command; `None` if there is none of that name."""
        if cmd_name not in COMMANDS:
            return None
        command = import_module(f"akool_async.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, COMMANDS[name]) for name in self.list_commands(ctx)])


@click.group("akool", cls=CommandTree, invoke_without_command=True)
@click.version_option(akool_async.__version__, message="%(prog)s %(version)s")
@click.pass_context
def akool(ctx: click.Context) -> None:
    """Use Akool's generative-media API from the command line."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def run() -> int:
    """Run the command that the arguments name, and return the exit status.

    What goes wrong is told in one line: 2 for a wrong command line, 130 for Ctrl-C, 1 for
    everything else.
    """
    try:
        # Commands return their exit status, `None` for 0.
        status: int | None = akool.main(prog_name="akool", standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        _complain(error.format_message(), getattr(error, "ctx", None))
        return error.exit_code
    except AkoolError as error:
        _complain(str(error))
        return 1
    return status or 0


def _complain(message: str, ctx: click.Context | None = None) -> None:
    who = ctx.command_path if ctx else "akool"
    click.echo(f"{who}: {' '.join(message.split())}", err=True)
