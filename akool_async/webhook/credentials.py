"""The client id and secret that webhooks are signed and encrypted with."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Never, TypeAlias

from akool_async.errors import InvalidInput
from akool_async.protocol.secret import Hidden, Secret

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers import Cipher
    from cryptography.hazmat.primitives.ciphers.modes import CBC

BLOCK: Final = 16
"""Bytes of an AES block."""

_KEY_LENGTHS: Final = (16, 24, 32)


class WebhookCredentials:
    """A client id and secret, checked, with the cipher made from them.

    Their repr shows the start of the id, and no secret; they cannot be pickled.

    Args:
        client_id: The account's client id. It is needed beside an api key, too.
        client_secret: The account's client secret: 16, 24 or 32 bytes of UTF-8, each of which
            makes a key of its own (W2).

    Raises:
        InvalidInput: The id is empty, or the secret has another length.
        ImportError: The package `cryptography` is missing.
    """

    __slots__ = ("cipher", "client_id", "client_secret")

    def __init__(self, *, client_id: str, client_secret: str) -> None:
        self.client_id = client_id
        self.client_secret = client_secret = Secret(client_secret)  # hides it in tracebacks, too
        if not _is_id(client_id):
            raise _refused("client_id", client_id, "must be the account's client id")
        key = Hidden(client_secret.encode("utf-8", "replace"))
        if len(key) not in _KEY_LENGTHS:
            rule = f"must be a text of 16, 24 or 32 bytes; this one has {len(key)}"
            raise _refused("client_secret", client_secret, rule)
        self.cipher = _cipher(key, client_id)

    def __repr__(self) -> str:
        return f"WebhookCredentials(client_id={str(self.client_id)[:4] + '...'!r})"

    def __reduce__(self) -> Never:
        raise TypeError("a secret stays in its process: pickle the settings, not the credentials")


def _is_id(value: object) -> bool:
    return isinstance(value, str) and value.isprintable() and value.strip() != ""


def _refused(field: str, value: object, rule: str) -> InvalidInput:
    return InvalidInput(field, value, rule, owner="WebhookCredentials")


def _cipher(key: bytes, client_id: str) -> Cipher[CBC]:
    try:
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    except ImportError:
        problem = "webhooks need a package: pip install 'akool_async[webhook]'"
    else:
        # The id is the initialization vector, cut or padded to one block (W4).
        vector = client_id.encode()[:BLOCK].ljust(BLOCK, b"\0")
        return Cipher(algorithms.AES(key), modes.CBC(vector))
    raise ImportError(problem)


OneOrMore: TypeAlias = WebhookCredentials | Sequence[WebhookCredentials]
"""One account's credentials; several while a secret is replaced by another."""


def each_of(credentials: OneOrMore, field: str = "credentials") -> Sequence[WebhookCredentials]:
    """Return credentials as a sequence.

    Raises:
        InvalidInput: It is empty, or holds something else; `field` names it.
    """
    if isinstance(credentials, WebhookCredentials):
        return (credentials,)
    if isinstance(credentials, list | tuple) and credentials and all(map(_is_one, credentials)):
        return credentials
    rule = "must be WebhookCredentials, or a list or tuple of at least one"
    raise InvalidInput(field, f"a {type(credentials).__name__}", rule)


def _is_one(value: object) -> bool:
    return isinstance(value, WebhookCredentials)
