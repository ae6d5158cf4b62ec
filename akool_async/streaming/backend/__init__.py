"""The backend of a page that people talk to: it mints sessions, relays messages, and ends them.

How this works
--------------
`Desk` holds the sessions and decides; `aiohttp.py` and `asgi.py` are its two doors, which know a
web framework and nothing else. `Rules` says what a user may do, `Allowance` counts it before any
create, `HeldSession` runs one session and its timers, and `Connection` is a page's websocket.
"""

from __future__ import annotations
