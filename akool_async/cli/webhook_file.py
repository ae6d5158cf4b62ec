"""Webhooks that `akool webhooks listen --save` has saved: one a line, as JSON.

A file holds what arrived, which is encrypted, and no credential. Only its owner may read it.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import click
import msgspec

from akool_async.protocol.value import Value


class SavedWebhook(Value):
    """One webhook as it arrived."""

    at: float
    """When it arrived, in seconds since 1970."""
    target: str
    """Path and query of its address; the token of an armed job is the last segment."""
    verdict: str
    """What it was taken for: verified, repeated or refused."""
    body: str = ""
    """The body, if it is text in UTF-8."""
    body_base64: str = ""
    """The body, if it is not."""

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return base64.b64decode(self.body_base64) if self.body_base64 else self.body.encode()


_DECODER = msgspec.json.Decoder(SavedWebhook)


def saved(at: float, target: str, verdict: str, body: bytes) -> SavedWebhook:
    """Return a webhook in the form in which it is saved."""
    try:
        return SavedWebhook(at=at, target=target, verdict=verdict, body=body.decode())
    except UnicodeDecodeError:
        coded = base64.b64encode(body).decode()
        return SavedWebhook(at=at, target=target, verdict=verdict, body_base64=coded)


class Archive:
    """A file that webhooks are added to; each is in the file when `add` returns.

    Raises:
        click.ClickException: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        problem = ""
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            self._file = os.fdopen(descriptor, "ab", buffering=0)
        except OSError as error:
            problem = error.strerror or str(error)
        if problem:
            raise click.ClickException(f"{str(path)!r} cannot be written: {problem}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def add(self, webhook: SavedWebhook) -> None:
        """Add a webhook.

        Raises:
            OSError: the disk is full, for example.
        """
        self._file.write(msgspec.json.encode(webhook) + b"\n")


def read_archive(file: BinaryIO) -> Iterator[SavedWebhook]:
    """Yield the webhooks of a file.

    Raises:
        click.ClickException: a line is no saved webhook; the message has its number.
    """
    for number, line in enumerate(file, 1):
        if line.strip():
            try:
                webhook = _DECODER.decode(line)
                _ = webhook.content
            except (msgspec.MsgspecError, ValueError):
                problem = f"line {number} of {file.name!r} is no webhook that `listen --save` saved"
            else:
                yield webhook
                continue
            raise click.ClickException(problem)
