"""A refused or missing credential says which one was meant, and where it was looked for."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import pytest

from akool_async import Akool, AuthenticationError, MissingCredentials
from akool_async.crun import Crun
from akool_async.http.auth import find_credentials
from akool_async.simulator import Simulator
from tests.clients import Connect
from tests.servers import Serve

KEY = "sk-0123456789abcdef0123456789abcdef"
PAIR = {"client_id": "my-client-id", "client_secret": KEY}
NAMES = ("AKOOL_API_KEY", "AKOOL_TOKEN", "AKOOL_CLIENT_ID", "AKOOL_CLIENT_SECRET")


@pytest.mark.parametrize(
    ("given", "environment", "shown"),
    [
        ({"api_key": KEY}, {}, "the api key from the argument api_key (35 characters)"),
        ({"token": KEY}, {}, "the token from the argument token (35 characters)"),
        (
            PAIR,
            {},
            "the client id and secret from the argument client_id and the argument client_secret",
        ),
        (
            {},
            {"AKOOL_API_KEY": KEY, "AKOOL_TOKEN": "t"},
            "the api key from the environment's AKOOL_API_KEY (35 characters)",
        ),
        (
            {},
            {"AKOOL_TOKEN": KEY},
            "the token from the environment's AKOOL_TOKEN (35 characters)",
        ),
        ({"api_key": KEY}, {"AKOOL_API_KEY": "other"}, "the api key from the argument api_key"),
    ],
)
def test_credentials_know_which_they_are_and_where_they_come_from(
    given: Mapping[str, str], environment: Mapping[str, str], shown: str
) -> None:
    credentials = find_credentials(given, environment)
    assert credentials.shown.startswith(shown)
    assert KEY not in credentials.shown
    assert KEY[-4:] not in credentials.shown


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"AKOOL_APIKEY": KEY}, "AKOOL_APIKEY is set: did you mean AKOOL_API_KEY?"),
        ({"AKOOL_KEY": KEY}, "AKOOL_KEY is set: did you mean AKOOL_API_KEY?"),
        ({"akool_api_key": KEY}, "akool_api_key is set: did you mean AKOOL_API_KEY?"),
        ({"AKOOL_SECRET": KEY}, "AKOOL_SECRET is set: did you mean AKOOL_CLIENT_SECRET?"),
        ({"AKOOL_API_KEY": ""}, "AKOOL_API_KEY is set, but empty"),
        ({"AKOOL_CLIENT_ID": "id"}, "AKOOL_CLIENT_ID alone is not enough"),
        ({"OPENAI_API_KEY": KEY, "AKOOL_BASE_URL": "x"}, "and AKOOL_CLIENT_SECRET. Make"),
    ],
)
def test_a_missing_credential_says_what_was_looked_for_and_what_is_nearly_right(
    environment: Mapping[str, str], words: str
) -> None:
    with pytest.raises(MissingCredentials) as caught:
        find_credentials({}, environment)
    assert all(name in str(caught.value) for name in NAMES)
    assert words in str(caught.value)
    assert KEY not in str(caught.value)


async def test_a_refused_key_says_where_it_came_from(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch, connect: Connect
) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AKOOL_API_KEY", KEY)
    async with Akool(base_url=simulator.url) as akool:
        with pytest.raises(AuthenticationError) as caught:
            await akool.account.credit()
    error = caught.value
    assert error.credential == "the api key from the environment's AKOOL_API_KEY (35 characters)"
    assert f"; used: {error.credential}. Check the credential" in str(error)
    arrived: Any = pickle.loads(pickle.dumps(error))
    assert (arrived.credential, str(arrived)) == (error.credential, str(error))
    assert KEY not in error.to_json()
    async with connect(simulator, client_id="nobody", client_secret=KEY) as akool:
        with pytest.raises(AuthenticationError, match="used: the client id and secret from the"):
            await akool.account.credit()


async def test_crun_names_its_own_variable(monkeypatch: pytest.MonkeyPatch, serve: Serve) -> None:
    server = await serve(lambda visit: visit.say({"code": 401, "message": "no", "data": None}))
    monkeypatch.setenv("CRUN_API_KEY", KEY)
    async with Crun(base_url=server.url) as crun:
        with pytest.raises(AuthenticationError, match="from the environment's CRUN_API_KEY"):
            await crun.detect_faces(image_url="https://photos.example/a.jpg")
