"""Akool's webhooks: verify a body, read its event, and make one. No I/O, and no client.

```
body ──► verify(body, credentials) ──► Event ──► akool.webhooks.feed: wake the job
```

A webhook proves little. Its signature holds no secret, so anyone who knows the client id can make
one. The encryption holds a secret, but can be replayed. So an event is a hint: the job is polled,
and Akool's authenticated answer decides.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from akool_async.webhook.credentials import WebhookCredentials
    from akool_async.webhook.event import Event
    from akool_async.webhook.outcome import Outcome
    from akool_async.webhook.signed import LARGEST, sign, verify

__all__ = ["LARGEST", "Event", "Outcome", "WebhookCredentials", "sign", "verify"]

_HOMES = {
    "LARGEST": "signed",
    "Event": "event",
    "Outcome": "outcome",
    "WebhookCredentials": "credentials",
    "sign": "signed",
    "verify": "signed",
}
"""The module of each name; it is loaded on first use, because many clients have no webhooks."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
