"""Who may ask: the page's origin, and the user that `authorize` names."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import isawaitable
from typing import Final

from akool_async.observers import logger
from akool_async.streaming.backend.answers import Answer, Refusal
from akool_async.streaming.backend.rules import PageRequest, Rules

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "POST, DELETE",
    "Access-Control-Allow-Headers": "Content-Type, Authorization",
    "Access-Control-Max-Age": "600",
}


class Access:
    """Lets requests in, or not.

    Args:
        rules: Say who.
    """

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def check_origin(self, request: PageRequest) -> Mapping[str, str]:
        """Check the origin of a page, and return the headers that let it read the answer.

        Browsers send the origin with all that this backend answers, also with a websocket, which
        they open to any other site.

        Raises:
            Refusal: it is none of those that may ask.
        """
        origin = request.origin
        if self._rules.origins:
            if origin is not None and origin in self._rules.origins:
                return {
                    "Access-Control-Allow-Origin": origin,
                    "Access-Control-Allow-Credentials": "true",
                    "Vary": "Origin",
                }
        elif _is_own(request, origin):
            return {}
        raise Refusal(403, "origin", "This page may not start sessions here.")

    async def user(self, request: PageRequest) -> str:
        """Return the user that sends a request.

        Raises:
            Refusal: `authorize` names nobody.
        """
        try:
            named = self._rules.authorize(request)
            user = await named if isawaitable(named) else named
        except Exception:
            logger.exception("authorize= raised an error, so the request is refused")
            user = None
        if isinstance(user, str) and user:
            return user
        if user is not None:
            logger.error("authorize= returned no text that names a user, but %r", type(user))
        raise Refusal(401, "not_authorized", "Please sign in first.")

    @staticmethod
    def preflight() -> Answer:
        """Return the answer to a browser that asks whether a page may ask."""
        return Answer(status=204, headers=_PREFLIGHT)


def _is_own(request: PageRequest, origin: str | None) -> bool:
    """Say whether a page comes from the host that it asks.

    A proxy may have ended TLS, so the scheme is not known here. A browser hides the origin where
    the page's referrer policy says so, and then still tells whether it is the same.
    """
    if origin is None or origin == "null":
        return request.headers.get("sec-fetch-site") == "same-origin"
    scheme, _, host = origin.partition("://")
    return scheme in {"http", "https"} and bool(host) and host == request.headers.get("host")
