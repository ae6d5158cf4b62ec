"""The account: its credit, and the exchange of its id and secret for a token."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import msgspec
from msgspec import Raw, field

from akool_async.endpoints.namespace import Namespace, calls
from akool_async.errors import InvalidInput
from akool_async.protocol import wire
from akool_async.protocol.deprecation import Deprecated
from akool_async.protocol.endpoint import Command, Query
from akool_async.protocol.reply import Reply
from akool_async.protocol.value import Value


class Credit(Value):
    """The account's remaining credit; Akool counts in fractions of a credit (T14)."""

    credit: float


class GetCredit(Query[Credit]):
    """Look up the account's remaining credit."""

    path = "v3/faceswap/quota/info"
    docs = "https://docs.akool.com/ai-tools-suite/faceswap"
    parse = Reply(Credit)


class Token(Value):
    """A bearer token. Its page says that it is valid for more than a year. The repr hides it."""

    hidden_fields = frozenset({"token"})

    token: str

    def __repr__(self) -> str:
        return "Token(***)"


class _TokenReply(Reply[Token]):
    """The token lies beside the code (usage page) or under `data` (SDK page): T1."""

    def __call__(self, data: Raw, /) -> Token:
        document: dict[str, Any] = msgspec.json.decode(data, type=dict[str, Any])
        if "token" not in document:
            return msgspec.convert(document.get("data"), Token)
        return msgspec.convert(document, Token)


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


class GetToken(Command[Token]):
    """Exchange a client id and secret for a bearer token.

    Without arguments, the client's own id and secret are used.
    """

    path = "v3/getToken"
    docs = "https://docs.akool.com/authentication/usage"
    deprecated = Deprecated(
        since="2025-10-09", state="legacy", instead="Akool(api_key=...)", page=docs
    )
    envelope = wire.AKOOL_FLAT
    signed = False
    repeatable = True
    parse = _TokenReply(Token)
    hidden_fields = frozenset({"client_id", "client_secret"})

    client_id: str | None = field(name="clientId", default=None)
    """From the API credentials of Akool's site."""
    client_secret: str | None = field(name="clientSecret", default=None)
    """From the same place; it is also the api key."""

    def __post_init__(self) -> None:
        if not _is_text(self.client_secret):  # the general check would show it
            raise InvalidInput("client_secret", "***", "must be text", owner="GetToken")
        super().__post_init__()

    def check(self) -> None:
        """Require both or neither."""
        if (self.client_id is None) != (self.client_secret is None):
            raise self.refuse("client_id", "goes together with client_secret")

    def filled_in(self, client_pair: Callable[[], tuple[str, str]]) -> Self:
        """Return this request with the client's own id and secret if it has none.

        Raises:
            MissingCredentials: the client has none either.
        """
        if self.client_id is not None:
            return self
        client_id, client_secret = client_pair()
        return msgspec.structs.replace(self, client_id=client_id, client_secret=client_secret)

    def __repr__(self) -> str:
        return "GetToken(***)"


class Account(Namespace, title="account"):
    """Credit and tokens."""

    credit = calls(GetCredit)
    token = calls(GetToken)
