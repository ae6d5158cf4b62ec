"""Akool's webhooks: verify a body, read its event, and make one. No I/O, and no client.

```
body ──► verify(body, credentials) ──► Event ──► akool.webhooks.feed: wake the job
```

A webhook proves little. Its signature holds no secret, so anyone who knows the client id can make
one. The encryption holds a secret, but can be replayed. So an event is a hint: the job is polled,
and Akool's authenticated answer decides.
"""

from __future__ import annotations

from akool_async.webhook.credentials import WebhookCredentials
from akool_async.webhook.event import Event
from akool_async.webhook.signed import LARGEST, sign, verify

__all__ = ["LARGEST", "Event", "WebhookCredentials", "sign", "verify"]
