"""`akool simulate`: the simulator as a server, for programs in any language."""

from __future__ import annotations

import asyncio

import click

from akool_async.cli import stopping
from akool_async.cli.options import PACE, RATE
from akool_async.protocol.words import counted
from akool_async.simulator import Behaviour, Simulator


@click.command("simulate")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="any free port",
    help="Port to listen on, at 127.0.0.1.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the random numbers.")
@click.option(
    "--fail-rate", type=RATE, default=0.0, show_default=True, help="Part of the jobs that fail."
)
@click.option(
    "--pace",
    type=PACE,
    default=1.0,
    show_default=True,
    help="Factor on all durations; 0.1 is ten times as fast.",
)
def command(*, port: int, seed: int, fail_rate: float, pace: float) -> None:
    """Serve a simulated Akool on this machine, until Ctrl-C.

    It offers every endpoint of this package, costs nothing, and forgets everything when it
    stops.
    """
    behaviour = Behaviour(seed=seed, fail_rate=fail_rate, pace=pace)
    simulator = Simulator(behaviour, port=port)
    asyncio.run(_serve(simulator, port))
    _print_counts(simulator)


async def _serve(simulator: Simulator, port: int) -> None:
    stop = asyncio.Event()
    with stopping.set_by_signals(stop):
        try:
            await simulator.start()
        except OSError as error:
            problem = error.strerror
        else:
            _print_address(simulator)
            await stop.wait()
            await simulator.stop()
            return
    raise click.ClickException(f"port {port} cannot be listened on: {problem}")


def _print_address(simulator: Simulator) -> None:
    click.echo(f"A simulated Akool listens at {simulator.url}")
    click.echo(f"Its api key is {simulator.api_key}")
    click.echo(
        f"Its webhooks are for the client id {simulator.client_id}"
        f" and the client secret {simulator.client_secret}"
    )
    click.echo()
    click.echo(f"  export AKOOL_BASE_URL={simulator.url} AKOOL_API_KEY={simulator.api_key}")
    click.echo(
        f"  export AKOOL_CLIENT_ID={simulator.client_id}"
        f" AKOOL_CLIENT_SECRET={simulator.client_secret}"
    )
    click.echo()
    click.echo("Ctrl-C stops it.")


def _print_counts(simulator: Simulator) -> None:
    click.echo(f"\n{counted(simulator.requests.total(), 'request')} answered")
    for name, count in sorted(simulator.requests.items()):
        click.echo(f"  {name:<20}{count:>8}")
