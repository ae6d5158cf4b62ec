"""Endpoints as values: how they travel, their tokens, and their webhook addresses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from akool_async import Operation, Query, crun
from akool_async.clock import LoopClock
from akool_async.endpoints import OPERATIONS, RECIPES, TTS, AgeFaces, UploadAvatar, Voice
from akool_async.endpoints.namespace import ENDPOINTS, Namespace, calls_in_parts
from akool_async.protocol import token
from akool_async.protocol.endpoint import (
    LOWERCASE_WEBHOOK,
    Family,
    Guess,
    Recipe,
    Webhook,
)
from akool_async.protocol.fields import Id, plan_of
from akool_async.protocol.reply import Reply, Rows
from akool_async.result import Result
from akool_async.streaming.open_sessions import OpenSessions

HOOK = "https://hooks.example/a"
OTHER_HOOK = "https://hooks.example/b"

# Reads that travel as a POST


class FindVoices(Query[tuple[Voice, ...]]):
    """Look up voices by their ids, with a body."""

    method = "POST"
    path = "v9/voice/find"
    parse = Rows(Voice, key="result")

    ids: tuple[str, ...]


def test_a_query_is_a_get_with_a_query_string_unless_it_says_otherwise() -> None:
    get, post = ENDPOINTS["audio.get"](id="a"), FindVoices(ids=("a", "b"))
    assert (get.encode().method, get.encode().body) == ("GET", None)
    assert get.encode().path.endswith("?audio_model_id=a")
    assert (post.encode().method, post.encode().path) == ("POST", "/api/open/v9/voice/find")
    assert json.loads(post.encode().body or b"") == {"ids": ["a", "b"]}


def test_a_query_by_post_may_be_repeated_and_starts_no_job() -> None:
    assert FindVoices.repeatable
    assert not FindVoices.starts_job


async def test_a_query_by_post_is_split_into_parts() -> None:
    class Voices(Namespace, title="voices"):
        find = calls_in_parts(FindVoices, 2)

    class Client:
        open_sessions = OpenSessions()
        clock = LoopClock()
        session_rows = None

        def __init__(self) -> None:
            self.sent: list[Any] = []

        def submit(self, request: Any, /) -> Any:
            raise NotImplementedError

        def hold(self, request: Any, /, *, rarely: bool = True) -> Any:
            raise NotImplementedError

        async def call(self, endpoint: Any, /) -> Any:
            self.sent.append(endpoint.ids)
            return tuple(Voice(voice_id=each) for each in endpoint.ids)

    del ENDPOINTS["voices.find"]
    client = Client()
    found = await Voices(client).find(ids=("a", "b", "c"))
    assert [voice.voice_id for voice in found] == ["a", "b", "c"]
    assert client.sent == [("a", "b"), ("c",)]


# Tokens


@pytest.mark.parametrize(
    "name",
    [
        *OPERATIONS,
        *(cls.name for cls in (crun.DetectFaces, crun.SwapFaces)),
        *("image2video.create", "v4.image2video.create", "3d.create"),
    ],
)
def test_the_token_of_every_operation_can_be_read_back(name: str) -> None:
    reference = token.reference_to(name, "65f8017f56559aa67f0ecde7", "20240318-1", 1_710_752_127.9)
    assert token.read(token.write(reference)) == reference


# Webhook addresses


def webhook_field(cls: Any) -> str | None:
    """Return the wire name of a request's webhook address."""
    names = (plan.wire_name for plan in plan_of(cls) if plan.name == "webhook_url")
    return next(names, None)


STARTING: dict[str, type[Operation[Any] | Recipe[Any]]] = {**OPERATIONS, **RECIPES}


@pytest.mark.parametrize("name", STARTING)
def test_whatever_has_a_webhook_address_has_it_from_the_one_class(name: str) -> None:
    cls = STARTING[name]
    assert (webhook_field(cls) is None) == (not issubclass(cls, Webhook))
    spellings = {"webhookUrl", "webhookurl"} if issubclass(cls, Operation) else {"webhook_url"}
    assert webhook_field(cls) in {None, *spellings}


def test_a_request_is_armed_with_an_address_and_is_the_same_without_it() -> None:
    plain = TTS(input_text="Hello.", voice_id="v")
    armed = plain.armed(HOOK)
    assert (armed.webhook_url, plain.webhook_url) == (HOOK, None)
    assert armed.to_wire() == plain.to_wire() | {"webhookUrl": HOOK}
    assert armed.unarmed_wire() == plain.unarmed_wire() == plain.to_wire()
    assert armed.armed(OTHER_HOOK) is armed  # an address that is there stays


def test_a_recipe_is_armed_like_an_operation() -> None:
    plain = AgeFaces("https://photos.example/a.png")
    assert plain.armed(HOOK).webhook_url == HOOK
    assert plain.armed(HOOK).unarmed_wire() == plain.to_wire()


def test_a_request_without_such_a_field_stays_as_it_is() -> None:
    upload = UploadAvatar(url="https://movies.example/a.mp4", avatar_id="Alma1", type=1)
    assert upload.armed(HOOK) is upload
    assert upload.unarmed_wire() == upload.to_wire()


class Film(Result):
    """A film."""

    media_field = "film"

    film: str = ""


FILMS = Family(name="film", result=Film, lookup=lambda ids: ENDPOINTS["video.get"](id=ids[0]))


class MakeFilm(Webhook, Operation[Film], rename=LOWERCASE_WEBHOOK):
    """Make a film, as a newer page does."""

    path = "v9/film/create"
    family = FILMS
    parse = Reply(Film)

    prompt: Id
    sound: bool | None = None


def test_a_newer_page_s_spelling_is_one_class_keyword() -> None:
    film = MakeFilm(prompt="A hill.").armed(HOOK)
    assert film.to_wire() == {"prompt": "A hill.", "webhookurl": HOOK}
    assert film.unarmed_wire() == {"prompt": "A hill."}
    assert MakeFilm.from_wire(film.to_wire()) == film


@pytest.mark.parametrize("sound", [True, False, None])
def test_a_switch_may_be_left_to_akool(sound: bool | None) -> None:  # noqa: FBT001
    film = MakeFilm(prompt="A hill.", sound=sound)
    sent = {} if sound is None else {"sound": sound}
    assert film.to_wire() == {"prompt": "A hill."} | sent
    assert MakeFilm.from_wire(film.to_wire()) == film


# What a family says


def test_a_family_that_says_nothing_knows_nothing() -> None:
    assert (FILMS.media, FILMS.usual, FILMS.watch) == (None, None, "polled")
    assert FILMS.predicts_url
    assert FILMS.usual_of(MakeFilm) is None
    assert FILMS.media_of(MakeFilm) is None


def test_an_operation_goes_before_its_family() -> None:
    class MakeSlowFilm(MakeFilm):
        usual = Guess(600.0)
        media = "video"

    assert FILMS.usual_of(MakeSlowFilm) == Guess(600.0)
    assert FILMS.media_of(MakeSlowFilm(prompt="A hill.")) == "video"


# Parameters that are called what a fact of an endpoint is called


class Documented(Query[tuple[Voice, ...]]):
    """Say which page documents it."""

    path = "v9/voice/named"
    docs = "https://docs.example/named"
    parse = Rows(Voice, key="result")


class FindNamed(Documented):
    """Look up voices by name."""

    name: str | None = None
    docs: tuple[str, ...] = ()  # type: ignore[assignment]


def test_a_parameter_may_be_called_name_or_docs() -> None:
    FindNamed.name = "voice.named"
    request = FindNamed(name="Alma", docs=("a",))
    assert (request.name, request.docs) == ("Alma", ("a",))
    assert (request.label, FindNamed.docs) == ("voice.named", "https://docs.example/named")
    assert request.encode().path.endswith("?name=Alma&docs=a")
    assert Documented.name == ""


def test_a_namespace_names_an_endpoint_with_a_parameter_called_name() -> None:
    assert ENDPOINTS["voice.clone"].name == "voice.clone"
    assert ENDPOINTS["knowledge.create"].docs.endswith("/knowledge-base")
