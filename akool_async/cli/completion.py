"""`akool completion`: completion of namespaces, verbs, options and choices in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from akool_async.cli.tree import akool

_SHELLS = ("bash", "zsh", "fish")


_HELP = """Print the script that completes commands in a shell.

To load it in every new shell, run this once:

\b
bash  echo 'eval "$(akool completion bash)"' >> ~/.bashrc
zsh   echo 'eval "$(akool completion zsh)"' >> ~/.zshrc
fish  akool completion fish > ~/.config/fish/completions/akool.fish
"""


@click.command("completion", help=_HELP)
@click.argument("shell", type=click.Choice(_SHELLS))
def command(shell: str) -> None:
    """Print the script."""
    found = get_completion_class(shell)
    assert found is not None
    click.echo(found(akool, {}, "akool", "_AKOOL_COMPLETE").source())
