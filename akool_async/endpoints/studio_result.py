"""What a Swap Studio V5 task says about its result, which no readable page documents yet.

The page of `task/detail` was cut off before the result's fields (N13). So the media is looked for
under every likely name, what the request itself named is left out, and the whole reply is kept.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, Self, TypeVar, cast

import msgspec
from msgspec import Raw, field

from akool_async.media.several import trimmed
from akool_async.protocol.fields import is_http_url, plan_of
from akool_async.protocol.reply import Reply, fields_of, single, tolerant
from akool_async.protocol.snapshot import Snapshot
from akool_async.protocol.value import Input
from akool_async.result import Result

_NAMES: Final = (
    *("url", "video_url", "image_url", "result_url", "output_url", "video", "image"),
    *("urls", "result_urls", "outputs", "images"),
)
"""Where media is looked for, the likeliest name first: an address, or a list of addresses or of
objects that have such a field."""

_WRAPPERS: Final = ("result", "results", "output", "data", "list")
"""Where it is looked for after that: objects, or lists of them, that may hold such fields."""

_ALWAYS_INPUTS: Final = ("target_url", "mappings")
"""Parameters of creates that no result is named like."""

_DEEPEST: Final = 5
"""How many lists and objects, one inside the other, are searched."""


class KeptWhole(Result, abstract=True):
    """A result whose lookup keeps the whole reply, because no readable page shows all of it."""

    raw: str = ""
    """The whole reply about the job as JSON text, without webhook addresses; `document` is the
    same as a dict. Empty in a create reply."""

    @property
    def document(self) -> dict[str, Any]:
        """The whole reply about the job; empty if there is none."""
        return fields_of(single(json.loads(self.raw))) if self.raw else {}


class StudioSwap(KeptWhole):
    """What Swap Studio V5 has made; unverified: the page that names the media could not be read.

    `url` and `urls` are the addresses that stand under likely names and are none of the request's
    own. `raw` is the whole reply. If no address is found, the job ends as every other without one
    does: `url` is empty, and a warning names the token. A person may find the media in `raw`.
    """

    media_field = "media"
    more_media = ("outputs",)
    no_media = "has no media whose address was found; its `raw` is the whole reply"

    media: str = field(name="url", default="")
    """The first address that was found (unverified), which may not be there yet (T25)."""
    outputs: tuple[str, ...] = ()
    """All addresses that were found (unverified), such as the four of `multi_shot`."""
    inputs: tuple[str, ...] | None = None
    """The addresses in its request, none of which is a result; `None` if they are not known."""
    media_type: str = ""
    """`image` or `video`."""
    model_name: str = ""
    deduction_credit: float | None = None
    """Credits set aside at creation, and settled later."""
    create_time: int = 0
    """Milliseconds since 1970."""
    update_time: int = 0
    """Milliseconds since 1970; may be earlier than `create_time` (N20)."""
    progress: float | None = None
    """Percent, where Akool says."""
    error_code: int | None = None
    """Why it failed, where Akool says."""
    task_id: str | None = None
    """Another id, which may be empty and may change (N12); lookups do not take it."""

    def answering(self, request: Input) -> Self:
        """Return this snapshot with the media that is none of the request's own addresses."""
        sent = list(_texts(request.to_wire()))
        if any(each.startswith("file:") for each in sent):  # where they were uploaded to is unknown
            return self
        return self.without(tuple(filter(is_http_url, sent)))

    def following(self, receipt: Snapshot | None) -> Self:
        """Return this snapshot with the data that only the create reply holds."""
        known = super().following(receipt)
        inputs = receipt.inputs if isinstance(receipt, StudioSwap) else None
        return known if inputs is None else known.without(inputs)

    def assuming(self, create: type[Input]) -> Self:
        """Return this snapshot as far as it can be read while its request is not known.

        The reply may repeat the request (N13), and a parameter may be named as a result would be,
        such as `video`. So what stands under the name of a parameter counts as an input.
        """
        names = [plan.wire_name for plan in plan_of(create)]
        return _with_media(self, _media_in(self.document, names), None)

    def without(self, inputs: tuple[str, ...]) -> Self:
        """Return this snapshot with the media that is none of the inputs."""
        named = _media_in(self.document) if self.raw else (self.media, *self.outputs)
        return _with_media(self, [each for each in named if each not in inputs], inputs)


K = TypeVar("K", bound=KeptWhole)


class WholeReply(Reply[K]):
    """Reads the reply to a lookup leniently, and keeps it whole."""

    def __call__(self, data: Raw, /) -> K:
        """Decode `data`: the fields that can be read, and all of it beside them."""
        document = _without_webhooks(msgspec.json.decode(data))
        value = tolerant(self.type, self._object_in(document))
        raw = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
        return msgspec.structs.replace(value, raw=raw)

    def encode(self, value: K) -> Any:
        """Return the data that decodes to a value."""
        written: dict[str, Any] = super().encode(value)
        return {name: each for name, each in written.items() if name not in _NOT_IN_REPLIES}


_NOT_IN_REPLIES: Final = ("inputs", "raw")


S = TypeVar("S", bound=StudioSwap)


def _with_media(value: S, media: Sequence[str], inputs: tuple[str, ...] | None) -> S:
    found = tuple(dict.fromkeys(filter(None, media)))
    first = next(iter(found), "")
    return msgspec.structs.replace(value, media=first, outputs=found, inputs=inputs)


def _media_in(document: Mapping[str, Any], parameters: Iterable[str] = ()) -> list[str]:
    """Return the addresses that may be media, and stand under the name of no parameter."""
    named = (document, *(fields_of(single(document.get(each))) for each in _WRAPPERS))
    known = {*_ALWAYS_INPUTS, *parameters}
    inputs = set(_texts([each.get(name) for each in named for name in known]))
    return [each for each in _candidates(document) if each not in inputs]


def _candidates(value: object, depth: int = 1) -> Iterator[str]:
    """Yield the addresses under likely names, the likeliest name first."""
    if isinstance(value, str):
        if is_http_url(text := trimmed(value)):
            yield text
    elif depth > _DEEPEST:
        return
    elif isinstance(value, list):
        rows: list[Any] = cast("Any", value)
        for each in rows:
            yield from _candidates(each, depth + 1)
    else:
        fields = fields_of(value)
        for name in (*_NAMES, *_WRAPPERS):
            if name in fields:  # else all names would be looked for in nothing, level by level
                yield from _candidates(fields[name], depth + 1)


def _texts(value: object) -> Iterator[str]:
    """Yield all texts in plain data."""
    if isinstance(value, str):
        yield trimmed(value)
        return
    known = cast("Any", value)
    if isinstance(value, Mapping | list | tuple):
        for each in known.values() if isinstance(value, Mapping) else known:
            yield from _texts(each)


def _without_webhooks(document: Any) -> Any:
    """Return a reply without the webhook address that it repeats: that is a secret."""
    if isinstance(document, list):
        rows: list[Any] = cast("Any", document)
        return [_without_webhooks(each) for each in rows]
    if not isinstance(document, dict):
        return document
    return {
        name: _without_webhooks(each)
        for name, each in fields_of(cast("object", document)).items()
        if "webhook" not in name.lower()
    }
