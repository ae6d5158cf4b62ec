from __future__ import annotations

from akool_async.cli.workload import mixed_requests
from akool_async.protocol.endpoint import Webhook


def test_the_demo_asks_for_no_webhook() -> None:
    """The addresses of the pages name a port of this machine, where anybody may listen."""
    requests: list[object] = [*mixed_requests(60, seed=0)]
    addresses = {each.webhook_url for each in requests if isinstance(each, Webhook)}
    assert addresses == {None}
