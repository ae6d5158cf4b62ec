"""`akool webhooks`: see webhooks as they arrive, make one, and send saved ones again."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import combinations
from pathlib import Path
from typing import Any, BinaryIO, Final

import click
import msgspec

from akool_async import InvalidInput, Status, WebhookError
from akool_async.cli.display import document, show_json
from akool_async.cli.options import SECONDS
from akool_async.cli.webhook_file import Archive, SavedWebhook, read_archive
from akool_async.cli.webhook_listener import Listener
from akool_async.cli.webhook_posts import Posted, Poster, address_for, checked_address
from akool_async.cli.webhook_report import Reporter
from akool_async.cli.webhook_serving import Serving, serve
from akool_async.protocol.secret import Secret
from akool_async.receivers.answers import OK
from akool_async.webhook import Event, WebhookCredentials, sign, verify
from akool_async.webhook.diagnosis import BLANKS

_TOLERANCE: Final = 300.0
"""Seconds by which an event's time may differ from now, as in every receiver."""
_BAD_REQUEST: Final = 400
_STATUSES: Final = {
    each.name.lower(): each for each in (Status.PROCESSING, Status.COMPLETED, Status.FAILED)
}
_VARIABLES: Final = {"client_id": "AKOOL_CLIENT_ID", "client_secret": "AKOOL_CLIENT_SECRET"}


_to = click.option(
    "--to",
    metavar="URL",
    required=True,
    callback=checked_address,
    help="The receiver's address.",
)


@click.group("webhooks")
def command() -> None:
    """Show webhooks that arrive; make one; send saved ones again.

    The account's client id and secret come from AKOOL_CLIENT_ID and AKOOL_CLIENT_SECRET, and
    are never printed. An api key does not replace them.
    """


@command.command("listen")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8899,
    show_default=True,
    help="Port to listen on, at 127.0.0.1; 0 for any free port.",
)
@click.option(
    "--forward-to",
    metavar="URL",
    callback=checked_address,
    help="Send verified webhooks on to this address, and answer as it does.",
)
@click.option(
    "--save",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Add all that arrive to this file; `replay` sends them again.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each request.")
@click.option(
    "--answer",
    type=click.IntRange(200, 599),
    metavar="STATUS",
    help="Answer everything with this HTTP status, to see how Akool repeats webhooks.",
)
@click.option(
    "--tunnel",
    metavar="COMMAND",
    help="Start a tunnel, such as cloudflared, ngrok or ssh -R, show its address, and end it with"
    " this command; only `kill -9` leaves it running. {port} in COMMAND is the port.",
)
@click.option(
    "--journal",
    envvar="AKOOL_JOURNAL",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Name each event's job from this journal, which may be in use; else AKOOL_JOURNAL.",
)
@click.option("--any-age", is_flag=True, help="Take events of any age, not only of 5 minutes.")
def listen(
    *,
    port: int,
    forward_to: str | None,
    save: Path | None,
    as_json: bool,
    answer: int | None,
    tunnel: str | None,
    journal: Path | None,
    any_age: bool,
) -> None:
    """Print each webhook that arrives, or why it is none, until Ctrl-C.

    A webhook is verified as every receiver of this package does it. What is refused gets the
    answer 400, and a sentence here that says what to change.
    """
    credentials = _credentials()
    tolerance = None if any_age else _TOLERANCE
    with ExitStack() as files:
        archive = None if save is None else files.enter_context(Archive(save))
        serving = Serving(
            credentials,
            Reporter(credentials, tolerance=tolerance, as_json=as_json),
            journal=journal,
            tunnel=tunnel,
        )

        def listener(poster: Poster) -> Listener:
            return Listener(
                credentials,
                poster,
                tolerance=tolerance,
                forward_to=forward_to,
                archive=archive,
                answer=answer,
            )

        asyncio.run(serve(serving, listener, port))


@command.command("send")
@click.option("--id", "job_id", required=True, help="The job's id.")
@click.option(
    "--status",
    type=click.Choice([*_STATUSES, *(str(each.value) for each in _STATUSES.values())]),
    metavar=f"[{'|'.join(_STATUSES)}]",
    default="completed",
    show_default=True,
    help="What the job has come to; Akool's numbers for that, 2 to 4, are taken too.",
)
@_to
@click.option(
    "--type", "product", default="image", show_default=True, help="Akool's word for the product."
)
@click.option("--url", default="", help="Address of the result.")
@click.option("--age", type=SECONDS, default=None, help="Sign it as if so many seconds ago.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def send(
    *, job_id: str, status: str, to: str, product: str, url: str, age: float | None, as_json: bool
) -> int:
    """Make a webhook as Akool does, signed and encrypted, and send it to a receiver.

    Exits with 1 if the answer is not 200: Akool would send it again.
    """
    reached = _STATUSES.get(status) or Status(int(status))
    event = Event(id=job_id, status=reached, type=product, url=url)
    moment = int((time.time() - (age or 0.0)) * 1000)
    body = sign(event, _credentials(), timestamp=moment)
    (posted,) = asyncio.run(_post([(to, body)]))
    if as_json:
        show_json({"event": event, "posted": posted})
    else:
        click.echo(posted.sentence)
    return 0 if posted.status == OK else 1


@command.command("replay")
@click.argument("file", type=click.File("rb"))
@_to
@click.option(
    "--fresh", is_flag=True, help="Sign each anew: receivers refuse what is older than 5 minutes."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, one line for each webhook.")
def replay(*, file: BinaryIO, to: str, fresh: bool, as_json: bool) -> int:
    """Send the webhooks of FILE again, in their order; `listen --save` writes such a file.

    What followed the listener's address, such as a job's token, is added to that of --to.
    Exits with 1 if an answer is not 200.
    """
    webhooks = list(read_archive(file))
    credentials = _credentials() if fresh else None
    bodies = [
        webhook.content if credentials is None else _fresh(number, webhook, credentials)
        for number, webhook in enumerate(webhooks, 1)
    ]
    targets = [address_for(to, webhook.target) for webhook in webhooks]
    answers = asyncio.run(_post(list(zip(targets, bodies, strict=True)), as_json=as_json))
    refused = [posted for posted in answers if posted.status != OK]
    oldest = min((webhook.at for webhook in webhooks), default=time.time())
    old = not fresh and time.time() - oldest > _TOLERANCE
    if old and any(posted.status == _BAD_REQUEST for posted in refused):
        click.echo("Receivers refuse what is older than 5 minutes: see --fresh.", err=True)
    if not as_json:
        click.echo(f"{len(answers) - len(refused)} of {len(answers)} were answered 200")
    return 1 if refused else 0


def _fresh(number: int, webhook: SavedWebhook, credentials: WebhookCredentials) -> bytes:
    """Sign a webhook anew.

    Raises:
        click.ClickException: it is none of this account.
    """
    try:
        return sign(verify(webhook.content, credentials, tolerance=None), credentials)
    except WebhookError:
        pass
    raise click.ClickException(
        f"webhook {number} is none of this account, so it cannot be signed anew"
    )


async def _post(posts: Sequence[tuple[str, bytes]], *, as_json: bool | None = None) -> list[Posted]:
    """Send one after the other; print each answer, unless `as_json` is `None`."""
    answers: list[Posted] = []
    async with Poster() as poster:
        for to, body in posts:
            posted = await poster.post(to, body)
            answers.append(posted)
            if as_json is not None:
                line: Any = msgspec.json.encode(document(posted)).decode()
                click.echo(line if as_json else posted.sentence)
    return answers


def _credentials() -> WebhookCredentials:
    """Return the credentials of the environment.

    Raises:
        click.ClickException: there are none, or they cannot be those of an account.
    """
    values = {name: Secret(os.environ.get(each, "")) for name, each in _VARIABLES.items()}
    missing = [_VARIABLES[name] for name, value in values.items() if not value]
    if missing:
        raise click.ClickException(
            f"set {' and '.join(missing)}: webhooks are signed with the account's client id, and"
            " encrypted with its client secret"
        )
    _check_places()
    try:
        return WebhookCredentials(**values)
    except InvalidInput as error:
        problem = f"{_VARIABLES[error.field]} {error.rule}"
        if values[error.field].strip(BLANKS) != values[error.field]:
            problem += "; it has blanks or quotes around it"
        elif error.field == "client_secret":
            problem += "; copy the account's client secret whole"
    except ImportError as error:
        problem = str(error)
    raise click.ClickException(problem)


def _check_places() -> None:
    """Find a value that stands in two variables, before it is compared with any webhook.

    Raises:
        click.ClickException: there is one.
    """
    for one, other in combinations((*_VARIABLES.values(), "AKOOL_API_KEY"), 2):
        if os.environ.get(one) == os.environ.get(other):
            raise click.ClickException(
                f"{one} and {other} have the same value, which can be right in one of them only"
            )
