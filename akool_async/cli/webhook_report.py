"""What `akool webhooks listen` says about each request: lines for people, or a line of JSON."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click
import msgspec

from akool_async.cli.display import document, text_of
from akool_async.cli.webhook_jobs import JobSeen
from akool_async.cli.webhook_listener import Arrival
from akool_async.webhook.credentials import WebhookCredentials
from akool_async.webhook.diagnosis import diagnose

_HEADS = {
    400: (
        "no_http",
        (
            "It cannot be read as HTTP. If it came by your tunnel or proxy, let that send http, not"
            " https, to this address. If not, ignore it: anyone can connect."
        ),
    ),
    408: (
        "slow",
        "The body did not come in 5 s. If Akool sent it, a proxy on the way holds it back.",
    ),
    413: (
        "too_large",
        "The body is larger than 64 KiB. Akool's have about 400 bytes: this is none.",
    ),
}
_INDENT = " " * 10


class Reporter:
    """Prints each arrival.

    Args:
        credentials: What webhooks are verified with.
        tolerance: Seconds by which an event's time may differ from now; `None` for no check.
        as_json: Whether to print JSON, one line each.
    """

    def __init__(
        self, credentials: WebhookCredentials, *, tolerance: float | None, as_json: bool
    ) -> None:
        self._credentials = credentials
        self._tolerance = tolerance
        self._as_json = as_json

    def show(self, arrival: Arrival, job: JobSeen | None) -> None:
        """Print one arrival, and the job that it is about, if that is known."""
        why = None if arrival.event is not None else self._why(arrival)
        if self._as_json:
            click.echo(msgspec.json.encode(_document(arrival, job, why)).decode())
        else:
            for line in _lines(arrival, job, why):
                click.echo(text_of(line))

    def greet(self, address: str, public: str | None) -> None:
        """Say where webhooks are listened for, and what to do next; on stderr beside JSON.

        Args:
            address: Where we listen.
            public: Where the tunnel listens, if there is one.
        """
        # Not even the start of the client id is shown: it may be the secret, in the wrong place.
        lines = [f"Listening for webhooks at {address}"]
        if public is None:
            lines += [
                "Akool has to reach it from the internet. A tunnel leads here, for example with",
                '  --tunnel "cloudflared tunnel --url http://127.0.0.1:{port}"',
            ]
        else:
            lines += [
                "The tunnel leads here. Give its address to the client:",
                f'  Akool(webhook_url="{public}")',
            ]
        click.echo("\n".join([*lines, "Ctrl-C stops it.", ""]), err=self._as_json)

    def conclude(self, verdicts: Mapping[str, int]) -> None:
        """Say how many of each kind arrived."""
        counts = [f"{verdicts.get(each, 0)} {each}" for each in ("verified", "repeated", "refused")]
        click.echo(f"\n{', '.join(counts)}", err=self._as_json)

    def _why(self, arrival: Arrival) -> tuple[str, str]:
        """Return why a request was refused: a word for programs, and a sentence."""
        if arrival.body is None:
            return _why_by_head(arrival)
        found = diagnose(arrival.body, self._credentials, tolerance=self._tolerance, now=arrival.at)
        if found is not None:
            return found.reason.value, found.sentence
        # It was refused, and is not now: the time of an event at the edge of what is allowed.
        return "stale", "It was signed just as long ago as is allowed: check this machine's clock."


def _why_by_head(arrival: Arrival) -> tuple[str, str]:
    """Say why a request was refused before its body was read."""
    if arrival.refused in _HEADS:
        return _HEADS[arrival.refused]
    if arrival.method != "POST":
        sentence = (
            f"A {arrival.method} request: the address works, but Akool's webhooks are POST"
            " requests. Where a proxy redirects, a POST may become a GET: give Akool the address at"
            " which the redirect ends."
        )
        return "method", sentence
    coding = arrival.headers.get("content-encoding", "identity")
    if coding != "identity":
        return "changed", f"A proxy on the way compressed the body ({coding}): switch that off."
    kind = arrival.headers.get("content-type", "")
    sentence = (
        f"Its content type is {kind or 'empty'}, not application/json. If a proxy on the way"
        " re-encoded it, let that pass webhooks on unchanged. If not, this is no webhook of Akool."
    )
    return "changed", sentence


def _lines(arrival: Arrival, job: JobSeen | None, why: tuple[str, str] | None) -> list[str]:
    moment = f"{datetime.fromtimestamp(arrival.at).astimezone():%H:%M:%S}  {arrival.verdict}  "
    event = arrival.event
    if event is None:
        assert why is not None
        return [f"{moment} {why[1]}", *_more(arrival)]
    what = f"{event.type or 'no type'}  {event.id}"
    told = [f"{moment}{event.status.name.lower()}  {what}"]
    if job is not None:
        told.append(_INDENT + job.sentence(arrival.at))
    return [*told, *_more(arrival)]


def _more(arrival: Arrival) -> list[str]:
    more: list[str] = []
    if arrival.posted is not None:
        more.append(_INDENT + arrival.posted.sentence)
    if arrival.unsaved:
        more.append(f"{_INDENT}it could not be saved: {arrival.unsaved}")
    return more


def _document(arrival: Arrival, job: JobSeen | None, why: tuple[str, str] | None) -> dict[str, Any]:
    event = arrival.event
    return {
        "at": arrival.at,
        "verdict": arrival.verdict,
        "method": arrival.method,
        "target": arrival.target,
        "event": None if event is None else document(event),
        "operations": [] if event is None else list(event.operations),
        "job": None if job is None else job.fields(arrival.at),
        "reason": None if why is None else why[0],
        "why": None if why is None else why[1],
        "forwarded": None if arrival.posted is None else document(arrival.posted),
        "answer": arrival.answer,
    }
