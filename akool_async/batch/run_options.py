"""How a run is to be carried out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from akool_async.batch.files import names
from akool_async.batch.manifest import option_names
from akool_async.errors import InvalidInput
from akool_async.protocol.value import Input


class RunOptions(Input):
    """How a run is to be carried out."""

    save: bool = True
    """Whether results are saved."""
    name: str = names.DEFAULT
    """The template of the files' names, see `akool_async.batch.files.names.FileNames`."""
    retry_failed: bool | Sequence[str] = False
    """Whether rows that failed are sent, and paid for, again; or only those that failed with one
    of some codes, or classes of errors."""
    limit: int | None = None
    """The most rows that are sent."""
    only: Sequence[str] = ()
    """Patterns such as `audio.*`: only rows whose operation or key fits one are sent."""
    skip: Sequence[str] = ()
    """Patterns: rows whose operation or key fits one are not sent."""
    sample: int | None = None
    """The most rows of each operation that are sent."""
    max_creates: int | None = None
    """The most jobs that are created."""
    max_credits: float | None = None
    """Credits after which nothing more is created, see `akool_async.batch.money.spending`."""
    prices: Mapping[str, float] = {}
    """What a row costs in credits, by operation; others are learned."""
    rate: float | None = None
    """The most creates in a second."""
    on_credit: Literal["pause", "stop"] = "pause"
    """Whether the run waits for credit when there is none left, or stops."""
    downloads: int = 8
    """Results that are saved at once."""

    def check(self) -> None:
        """Refuse options that make no sense."""
        names.FileNames(self.name)
        for each in ("limit", "sample", "max_creates"):
            value = getattr(self, each)
            if value is not None and value < 0:
                raise self.refuse(each, "must not be negative")
        if self.rate is not None and not self.rate > 0:
            raise self.refuse("rate", "must be more than 0")
        if self.max_credits is not None and not self.max_credits >= 0:
            raise self.refuse("max_credits", "must not be negative")
        for operation in self.prices:
            if wrong := option_names.no_operation(operation):
                raise InvalidInput("prices", operation, wrong, owner="RunOptions")
        for code in () if isinstance(self.retry_failed, bool) else self.retry_failed:
            if wrong := option_names.no_reason(code):
                raise InvalidInput("retry_failed", code, wrong, owner="RunOptions")
        if self.downloads < 1:
            raise self.refuse("downloads", "must be at least 1")
