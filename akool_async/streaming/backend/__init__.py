"""The backend of a page that people talk to: it mints sessions, relays messages, and ends them.

How this works
--------------
`Backend` holds the sessions and decides. Its two adapters, `aiohttp.py` and `asgi.py`, know a web
framework and nothing else. `Access` says who may ask, and `Rules` what for; `Allowance` counts it
before any create. `PageSession` runs one session and its timers, and `Connection` is a page's
websocket.
"""

from __future__ import annotations
