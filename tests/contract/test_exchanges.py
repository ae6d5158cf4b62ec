"""Every endpoint, held against what Akool's pages print for it.

A fixture `<namespace>/<verb>.json`, or `<namespace>/<verb>.<variant>.json`, holds one
exchange as its page prints it: the body or query, and either `reply`, or `created`,
`pending` and `completed`. The one without a variant holds the `route` too: method and address.
An endpoint without one fails here.
"""

from __future__ import annotations

import contextlib
import copy
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest

from akool_async import (
    Akool,
    Backoff,
    InvalidInput,
    NotFound,
    Operation,
    Query,
    Status,
)
from akool_async.endpoints import ENDPOINTS, OPERATIONS
from akool_async.protocol.fields import as_sent, plain_text
from akool_async.protocol.secret_fields import secrets_in, without_secrets
from akool_async.protocol.wire import HttpRequest, HttpResponse
from akool_async.simulator import Simulator
from tests.creates import is_create
from tests.printed import rows_of, typed

if TYPE_CHECKING:
    from akool_async.protocol.endpoint import Endpoint
    from tests.servers import Serve, Visit

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "tests" / "fixtures"
PAGES = ROOT.parent / "shared" / "reference" / "seeds"
"""The vendor's pages, where a checkout has them beside it."""

TAKEN = {"faceswap.detect": ("image_url", "single_face")}
"""Arguments of methods that do not take all of their endpoint's fields."""

ADDED = {"streaming.session": {"keep"}}
"""Arguments of methods that no endpoint has."""

MEDIA = {
    "faceswap": ("url",),
    "audio": ("url",),
    "image": ("image",),
    "video": ("lipsync_video_url", "video"),
    "avatar": ("url",),
    "i2v": ("video_url",),
    "voice": ("preview",),
    "voice_resource": ("preview",),
}
"""Where each result family's media address is, the preferred one first."""


class Exchange(NamedTuple):
    """One documented exchange."""

    label: str
    cls: type[Endpoint[Any]]
    printed: Mapping[str, Any]

    @property
    def fields(self) -> dict[str, Any]:
        """What the page sends."""
        sent: dict[str, Any] = self.printed.get("body", self.printed.get("query"))
        return sent

    @property
    def wire(self) -> dict[str, Any]:
        """What the page sends, as it has to be to be taken."""
        # Some pages print an example that Akool itself would refuse.
        fields = {**self.fields, **self.printed.get("stand_in", {})}
        return {name: value for name, value in fields.items() if value is not None}

    @property
    def value(self) -> Endpoint[Any]:
        """The endpoint's value with the documented fields."""
        return self.cls.from_wire(as_typed(self.cls, self.wire))

    def response(self, part: str, status: int = 200) -> HttpResponse:
        """One of the documented replies."""
        return answer(self.printed[part], status)


def part_sent(cls: type[Endpoint[Any]]) -> str:
    """Return where the fields travel: in the query string of a GET, else in the body."""
    return "query" if cls.method == "GET" else "body"


def as_typed(cls: type[Endpoint[Any]], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Turn the numbers of a query string, which are texts on the page, into numbers."""
    if part_sent(cls) == "body":
        return dict(fields)
    return typed(fields)


def answer(document: object, status: int = 200) -> HttpResponse:
    return HttpResponse(status=status, headers={}, body=json.dumps(document).encode())


def exchanges() -> Iterator[Exchange]:
    for cls in dict.fromkeys(ENDPOINTS.values()):
        namespace, _, verb = cls.name.partition(".")
        paths = FIXTURES.glob(f"{namespace}/{verb}*.json")
        for path in sorted(paths):
            if path.name.split(".")[0] == verb:
                label = f"{namespace}/{path.stem}"
                yield Exchange(label, cls, json.loads(path.read_text(encoding="utf-8")))


ALL = list(exchanges())
JOBS = [exchange for exchange in ALL if issubclass(exchange.cls, Operation)]
CALLS = [exchange for exchange in ALL if not issubclass(exchange.cls, Operation)]


def every(some: list[Exchange]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("exchange", some, ids=[exchange.label for exchange in some])


# That nothing is forgotten


@pytest.mark.parametrize("name", ENDPOINTS)
def test_every_endpoint_has_a_documented_exchange(name: str) -> None:
    assert ENDPOINTS[name] in {exchange.cls for exchange in ALL}


def test_every_documented_exchange_of_a_namespace_belongs_to_an_endpoint() -> None:
    namespaces = {name.partition(".")[0] for name in ENDPOINTS}
    found = {f"{path.parent.name}/{path.stem}" for path in FIXTURES.glob("*/*.json")}
    expected = {label for label in found if label.partition("/")[0] in namespaces}
    assert {exchange.label for exchange in ALL} == expected


@every(ALL)
def test_an_exchange_names_its_page_and_has_the_parts_of_its_kind(exchange: Exchange) -> None:
    printed = exchange.printed
    assert printed["page"].startswith("https://docs.akool.com/")
    parts = {"created", "pending", "completed"} if exchange in JOBS else {"reply"}
    sent = part_sent(exchange.cls)
    some_have = {"route", "route_seed", "seed", "stand_in"} & {*printed}
    assert set(printed) == {"page", "notes", sent} | parts | some_have
    # A page that is newer than the seeds has no line there, and the exchange names none.
    assert "seed" in printed or "route_seed" not in printed


@pytest.mark.parametrize("name", [name for name in ENDPOINTS if name not in TAKEN])
def test_a_method_shows_the_fields_of_its_endpoint(name: str) -> None:
    taken = inspect.signature(method_of(Akool("the-key"), name)).parameters.values()
    shown = [each for each in taken if each.name not in ADDED.get(name, ())]
    fields = inspect.signature(ENDPOINTS[name]).parameters
    assert {each.name: (each.kind, each.default) for each in shown} == {
        each.name: (each.kind, each.default) for each in fields.values()
    }


@pytest.mark.parametrize("name", [name for name in ENDPOINTS if name not in TAKEN])
def test_a_method_s_signature_can_be_read(name: str) -> None:
    shown = inspect.signature(method_of(Akool("the-key"), name))
    required = [each.default is each.empty for each in shown.parameters.values()]
    assert required == sorted(required, reverse=True)
    assert not re.search("Annotated|Rule", str(shown))


def test_a_method_is_called_what_it_is_bound_to() -> None:
    method = Akool("the-key").audio.tts
    assert (method.__name__, method.__qualname__) == ("tts", "AudioNamespace.tts")


def test_a_signature_tells_types_and_defaults() -> None:
    assert str(inspect.signature(Akool("the-key").audio.tts)) == (
        "(*, input_text: str, voice_id: str, rate: str = '100%', webhook_url: str | None = None)"
        " -> akool_async.job.Job[akool_async.endpoints.audio.Audio]"
    )


def test_a_signature_tells_where_a_sequence_starts_a_job_for_each() -> None:
    language = inspect.signature(Akool("the-key").video.translate).parameters["language"]
    assert str(language.annotation) == "str | collections.abc.Sequence[str]"


# What is sent


@every(ALL)
def test_the_documented_example_is_sent_as_it_is_printed(exchange: Exchange) -> None:
    sent = sent_fields(exchange.value.encode())
    documented = {
        name: value
        for name, value in exchange.wire.items()
        if not (name.lower() == "webhookurl" and value == "")  # T42: empty means none
    }
    sent |= in_path(exchange)
    assert same_json({name: sent.get(name) for name in documented}, documented)
    added = {name: value for name, value in sent.items() if name not in documented}
    assert added == {name: defaults_of(exchange.cls)[name] for name in added}


def in_path(exchange: Exchange) -> dict[str, str]:
    """Return the fields that travel in the path."""
    cls = exchange.cls
    pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(cls.root + cls.path))
    found = re.fullmatch(pattern, urlsplit(exchange.value.encode().path).path)
    assert found is not None
    return {name: unquote(text) for name, text in found.groupdict().items()}


def sent_fields(request: HttpRequest) -> dict[str, Any]:
    if request.body is not None:
        fields: dict[str, Any] = json.loads(request.body)
        return fields
    pairs = parse_qsl(urlsplit(request.path).query, keep_blank_values=True)
    repeated = {name for name, _ in pairs if name.endswith("[]")}
    assert len(dict(pairs)) == len(pairs) or repeated
    many = {name: [text for key, text in pairs if key == name] for name in repeated}
    return {**dict(pairs), **many}


def defaults_of(cls: type[Endpoint[Any]]) -> dict[str, Any]:
    """Return each field's default as its endpoint would send it."""
    as_sent: Callable[[Any], Any] = str if part_sent(cls) == "query" else (lambda value: value)
    return {
        field.encode_name: as_sent(msgspec.to_builtins(field.default))
        for field in msgspec.structs.fields(cls)
        if field.default is not msgspec.NODEFAULT
    }


def same_json(one: Any, other: Any) -> bool:
    """Compare as JSON does: True is not 1, but 1.0 is."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return isinstance(one, bool) is isinstance(other, bool) and bool(one == other)


@every(ALL)
def test_an_example_survives_its_own_encoding(exchange: Exchange) -> None:
    value = exchange.value
    assert exchange.cls.from_wire(value.to_wire(as_sent)) == value


@every([each for each in ALL if not each.cls.hidden_fields and not [*secrets_in(each.value)]])
def test_an_example_is_built_again_from_its_plain_data(exchange: Exchange) -> None:
    data = json.loads(exchange.value.to_json())
    assert exchange.cls.from_dict(data) == exchange.value


@every(JOBS)
def test_a_result_is_built_again_from_its_plain_data(exchange: Exchange) -> None:
    result = exchange.value.decode(exchange.response("completed"))
    assert type(result).from_dict(json.loads(result.to_json())) == without_secrets(result)


@every([exchange for exchange in ALL if "stand_in" in exchange.printed])
def test_an_example_that_akool_would_refuse_is_refused_here(exchange: Exchange) -> None:
    with pytest.raises(InvalidInput):
        exchange.cls.from_wire(exchange.fields)


ROUTED = [exchange for exchange in ALL if exchange.label == exchange.cls.name.replace(".", "/")]
"""The exchange of each endpoint that notes its route."""


@every(ROUTED)
def test_method_and_address_are_the_page_s(exchange: Exchange) -> None:
    method, _, address = exchange.printed["route"].partition(" ")
    cls = exchange.cls
    assert (cls.method, cls.root + cls.path) == (method, urlsplit(address).path)
    assert method in {"POST", "DELETE"} or issubclass(cls, Query)
    assert issubclass(cls, Operation) is is_create(method, address)


def test_every_endpoint_notes_its_route() -> None:
    assert {exchange.cls for exchange in ROUTED} == {*ENDPOINTS.values()}


@every(ROUTED)
def test_the_noted_route_is_the_one_that_the_page_prints(exchange: Exchange) -> None:
    number, _, line = exchange.printed.get("route_seed", "none:").partition(":")
    # Without the pages beside the checkout, the note speaks for them.
    for page in PAGES.glob(f"{number}_*.txt"):
        printed = page.read_text(encoding="utf-8").splitlines()[int(line) - 1]
        assert printed.partition("?")[0] == exchange.printed["route"]


# What is answered


def decoded(exchange: Exchange, part: str, response: HttpResponse) -> list[Any]:
    """Return what a part of an exchange means, as rows."""
    value = exchange.value
    if part in {"pending", "completed"}:
        assert isinstance(value, Operation)
        lookup = value.family.lookup([rows_of(exchange.printed["created"])[0]["_id"]])
        return list(value.family.observed(lookup.decode(response)))
    reply = value.decode(response)
    if isinstance(reply, tuple):
        return list(reply)
    return list(getattr(reply, "items", (reply,)))


@every(JOBS)
def test_a_receipt_names_the_job_and_where_it_stands(exchange: Exchange) -> None:
    (receipt,) = decoded(exchange, "created", exchange.response("created"))
    (row,) = rows_of(exchange.printed["created"])
    assert receipt.id == row["_id"]
    assert receipt.job_id == row.get("job_id")
    done = receipt.status is Status.COMPLETED
    assert bool(getattr(receipt, "url", "")) <= done


@every(JOBS)
def test_a_pending_job_has_not_ended_and_has_no_address_yet(exchange: Exchange) -> None:
    (snapshot,) = decoded(exchange, "pending", exchange.response("pending"))
    assert snapshot.id == rows_of(exchange.printed["created"])[0]["_id"]
    assert not snapshot.status.terminal
    assert getattr(snapshot, "url", "") == ""


@every(JOBS)
def test_a_completed_job_has_its_address(exchange: Exchange) -> None:
    (snapshot,) = decoded(exchange, "completed", exchange.response("completed"))
    (row,) = rows_of(exchange.printed["completed"])
    assert snapshot.id == row["_id"]
    assert snapshot.status is Status.COMPLETED
    assert getattr(snapshot, "url", "") in {*addresses(exchange)} or not addresses(exchange)


def addresses(exchange: Exchange) -> list[str]:
    """Return the media addresses of a completed job, the preferred one first."""
    assert issubclass(exchange.cls, Operation)
    (row,) = rows_of(exchange.printed["completed"])
    return [row[key] for key in MEDIA.get(exchange.cls.family.name, ()) if row.get(key)]


@every(JOBS)
def test_a_result_expires_seven_days_after_its_documented_creation(exchange: Exchange) -> None:
    (snapshot,) = decoded(exchange, "completed", exchange.response("completed"))
    (row,) = rows_of(exchange.printed["completed"])
    created = None
    if row.get("createdAt"):
        created = datetime.fromisoformat(row["createdAt"])
    elif row.get("create_time") and exchange.cls.name != "moderation.analyze":  # without media
        created = datetime.fromtimestamp(row["create_time"] / 1000, UTC)
    expected = None if created is None else created + timedelta(days=7)
    assert getattr(snapshot, "expires_at", None) == expected


PARTS = [
    pytest.param(exchange, part, id=f"{exchange.label}-{part}")
    for exchange in ALL
    for part in ("created", "pending", "completed", "reply")
    if part in exchange.printed
]


@pytest.mark.parametrize(("exchange", "part"), PARTS)
def test_a_reply_says_what_is_printed(exchange: Exchange, part: str) -> None:
    rows = decoded(exchange, part, exchange.response(part))
    printed = rows_of(exchange.printed[part])
    if not printed:
        return  # an answer without data, or one of its own kind
    assert len(rows) == len(printed)
    for row, document in zip(rows, printed, strict=True):
        known = msgspec.to_builtins(row, enc_hook=plain_text)
        shared = known.keys() & document.keys()
        assert shared
        for name in shared - {"createdAt"}:
            if document[name] is None:  # printed for what is not there yet
                assert not known[name] or isinstance(known[name], dict)
                continue
            assert same_json(printed_of(known[name], document[name]), document[name]), name


def printed_of(said: Any, document: Any) -> Any:
    """Return what is said without the fields that are not printed, which have their defaults."""
    if isinstance(said, dict) and isinstance(document, dict):
        return {name: printed_of(said[name], document[name]) for name in document}
    if isinstance(said, list | tuple) and isinstance(document, list):
        return [*map(printed_of, said, document), *said[len(document) :]]
    return said


@pytest.mark.parametrize(("exchange", "part"), PARTS)
def test_the_http_status_of_a_readable_reply_does_not_matter(exchange: Exchange, part: str) -> None:
    expected = decoded(exchange, part, exchange.response(part))
    for status in (201, 400, 404, 429, 500, 503):
        assert decoded(exchange, part, exchange.response(part, status)) == expected, status


@pytest.mark.parametrize(("exchange", "part"), PARTS)
def test_fields_that_are_new_are_ignored(exchange: Exchange, part: str) -> None:
    document = copy.deepcopy(exchange.printed[part])
    for row in rows_of(document):
        row["brand_new"] = {"of": ["any", "shape"]}
    document |= {"brand_new": [1, {}]}
    assert what_is_read(decoded(exchange, part, answer(document))) == what_is_read(
        decoded(exchange, part, exchange.response(part))
    )


def what_is_read(rows: list[Any]) -> list[Any]:
    """Return rows without the whole reply, which some of them keep."""
    return [msgspec.structs.replace(row, raw="") if hasattr(row, "raw") else row for row in rows]


@pytest.mark.parametrize(("exchange", "part"), PARTS)
def test_every_optional_field_may_be_missing_or_null(exchange: Exchange, part: str) -> None:
    rows = decoded(exchange, part, exchange.response(part))
    for number, row in enumerate(rows_of(exchange.printed[part])):
        needed = {f.encode_name for f in msgspec.structs.fields(rows[number]) if f.required}
        for name in row.keys() - needed:
            for absent in (True, False):
                document = copy.deepcopy(exchange.printed[part])
                changed = rows_of(document)[number]
                if absent:
                    del changed[name]
                else:
                    changed[name] = None
                assert len(decoded(exchange, part, answer(document))) == len(rows), name


# The whole way, through a real server


class Replay:
    """A server's part in one exchange, as it is printed."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        looks = [exchange.printed[part] for part in ("pending", "completed") if exchange in JOBS]
        self.looks = iter(looks)
        self.sent: list[Visit] = []
        self.asked: list[Visit] = []
        self.closed: list[Visit] = []

    async def __call__(self, visit: Visit) -> None:
        first = not self.sent
        if first:
            assert visit.target == self.exchange.value.encode().path
            self.sent.append(visit)
            part = "created" if self.exchange in JOBS else "reply"
            document = self.exchange.printed[part]
        elif visit.target.endswith("/session/close"):  # the client ends with the test
            self.closed.append(visit)
            document = {"code": 1000, "msg": "OK"}
        else:
            self.asked.append(visit)
            document = next(self.looks)
        await visit.answer(json.dumps(document).encode(), content_type="application/json")


def method_of(akool: Akool, name: str) -> Callable[..., Any]:
    namespace, _, verb = name.partition(".")
    method: Callable[..., Any] = getattr(getattr(akool, namespace), verb)
    return method


def arguments_of(value: Endpoint[Any]) -> dict[str, Any]:
    names = TAKEN.get(value.label, value.__struct_fields__)
    return {name: getattr(value, name) for name in names}


def eager(url: str) -> Akool:
    backoff = Backoff(initial=0.001, multiplier=1.0, maximum=0.001, jitter=0.0)
    return Akool("the-key", base_url=url, backoff=backoff)


def assert_sent(visit: Visit, value: Endpoint[Any]) -> None:
    """Compare what reached the server, byte by byte, with what the value encodes to."""
    request = value.encode()
    assert (visit.method, visit.target) == (request.method, request.path)
    assert visit.body == (request.body or b"")
    signs = [name for name in visit.header_names if name in {"authorization", "x-api-key"}]
    assert signs == (["x-api-key"] if value.signed else [])
    if request.body is not None:
        assert visit.headers["content-type"] == "application/json"


@every(JOBS)
async def test_a_job_runs_to_its_documented_result(exchange: Exchange, serve: Serve) -> None:
    replay = Replay(exchange)
    server = await serve(replay)
    async with eager(server.url) as akool:
        job = method_of(akool, exchange.cls.name)(**arguments_of(exchange.value))
        result = await job
    (row,) = rows_of(exchange.printed["created"])
    assert (job.id, job.job_id) == (row["_id"], row.get("job_id"))
    assert result.status is Status.COMPLETED
    # An avatar's name is in the create reply only.
    assert getattr(result, "avatar_id", None) == row.get("avatar_id")
    # A receipt may be the end of it already (T25); else there are two looks.
    ended = job.receipt.status.terminal
    assert len(replay.asked) == (0 if ended else 2)
    if addresses(exchange):
        expected = row["url"] if ended else addresses(exchange)[0]
        assert result.url == expected
    (sent,) = replay.sent
    assert_sent(sent, exchange.value)
    for visit in replay.asked:
        assert_sent(visit, OPERATIONS[exchange.cls.name].family.lookup([row["_id"]]))
    # A live session goes on after its job has ended (T29).
    assert len(replay.closed) == (exchange.cls.name == "streaming.session")


@every(CALLS)
async def test_a_call_brings_its_documented_reply(exchange: Exchange, serve: Serve) -> None:
    replay = Replay(exchange)
    server = await serve(replay)
    async with eager(server.url) as akool:
        call: Awaitable[Any] = method_of(akool, exchange.cls.name)(**arguments_of(exchange.value))
        reply = await call
    assert reply == exchange.value.decode(exchange.response("reply"))
    assert replay.asked == []
    assert_sent(replay.sent[0], exchange.value)


@every(ALL)
async def test_the_simulator_takes_every_documented_example(exchange: Exchange) -> None:
    value = exchange.value
    async with (
        Simulator() as simulator,
        Akool(
            simulator.api_key,
            client_id=simulator.client_id,
            client_secret=simulator.api_key,
            base_url=simulator.url,
        ) as akool,
    ):
        if isinstance(value, Operation):
            assert (await akool.submit(value).created()).id in simulator.world.jobs
        elif value.label == "account.token":
            assert (await akool.account.token()).token in simulator.tokens
        else:
            with contextlib.suppress(NotFound):  # of the ids that the pages print
                await akool.call(value)
    assert simulator.requests[value.label] == 1


@pytest.mark.parametrize("name", [name for name, cls in ENDPOINTS.items() if cls.name != name])
async def test_an_endpoint_offered_twice_is_the_same_both_times(name: str, serve: Serve) -> None:
    exchange = next(exchange for exchange in CALLS if exchange.cls is ENDPOINTS[name])
    replay = Replay(exchange)
    server = await serve(replay)
    async with eager(server.url) as akool:
        await method_of(akool, name)(**arguments_of(exchange.value))
    assert_sent(replay.sent[0], exchange.value)
