"""How a webhook gets in: a plain ASGI app, and a handler for `aiohttp.web`.

Both read a body of limited size in limited time, and hand it to `akool.webhooks.feed`. Their
answers say as little as possible: 200 for every webhook of the account, whatever became of it,
because Akool sends it again on any other; and one refusal for everything else.
"""
