"""How the simulator says no."""

from __future__ import annotations


class Refusal(Exception):
    """An error code, to be sent as an envelope."""

    def __init__(self, code: int, msg: str) -> None:
        super().__init__(msg)
        self.code = code
        self.msg = msg
