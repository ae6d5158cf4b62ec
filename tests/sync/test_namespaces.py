"""The synchronous client has what the asynchronous one has, with the same parameters."""

from __future__ import annotations

import inspect
import pydoc
from copy import copy
from typing import Any

import pytest

from akool_async import Akool as AsyncAkool
from akool_async.endpoints import ENDPOINTS, Credit, Detection, Faceswap, Video, Voice
from akool_async.endpoints.__main__ import BLOCKING_PATH, PATH, blocking_text, text
from akool_async.endpoints.registry import NAMESPACES
from akool_async.sync import Akool, Job, Jobs, Paged

NEED_A_LOOP = {
    "faceswap.live",
    "streaming.aiohttp_routes",
    "streaming.asgi_app",
    "streaming.open",
}
ASYNCHRONOUS_ONLY = {
    "clock",
    "figures",
    "hold",
    "in_background",
    "open_sessions",
    "requests_in",
    "session_rows",
}
"""What the package itself asks an asynchronous client for."""
BLOCKING_ONLY = {"behind", "original", "read", "save", "save_all", "stream"}


def public(owner: Any) -> set[str]:
    return {name for name in dir(owner) if not name.startswith("_")}


def test_both_files_for_type_checkers_are_what_the_generator_writes() -> None:
    assert PATH.read_text(encoding="utf-8") == text()
    assert BLOCKING_PATH.read_text(encoding="utf-8") == blocking_text()


def test_both_clients_have_the_same_names() -> None:
    assert public(AsyncAkool) - ASYNCHRONOUS_ONLY == public(Akool) - BLOCKING_ONLY


@pytest.mark.parametrize("title", NAMESPACES)
def test_a_namespace_has_the_same_methods_with_the_same_parameters(title: str) -> None:
    blocking, cls = getattr(Akool("the-key"), title), NAMESPACES[title].load()
    own = {name for name, each in vars(cls).items() if inspect.isfunction(each)}
    offered = {name for name in own if not name.startswith("_")}
    refused = {name for name in offered if f"{title}.{name}" in NEED_A_LOOP}
    assert public(blocking) == offered - refused
    for name in offered - refused:
        # Of an instance: without `self`.
        ours = inspect.signature(getattr(blocking, name)).parameters
        theirs = inspect.signature(getattr(cls(None), name)).parameters
        assert ours == theirs
        own_text, text = (str(getattr(each, name).__doc__) for each in (blocking, cls))
        assert own_text.partition("Returns:")[0] == text.partition("Returns:")[0]
        assert "await" not in own_text.partition("Returns:")[2]
    for name in refused:
        with pytest.raises(AttributeError, match=r"needs an event loop: use akool_async\.Akool"):
            getattr(blocking, name)
    with pytest.raises(AttributeError, match=f"akool.{title} has no attribute 'nothing'"):
        _ = blocking.nothing
    assert copy(blocking).title == title


def test_every_endpoint_has_a_method() -> None:
    akool = Akool("the-key")
    methods = {
        name
        for name in ENDPOINTS
        if hasattr(getattr(akool, name.partition(".")[0]), name.partition(".")[2])
    }
    assert methods == set(ENDPOINTS)


@pytest.mark.parametrize(
    ("name", "returned"),
    [
        ("reage.image", Job[Faceswap]),
        ("reage.photo", Job[Faceswap]),
        ("video.translate", Job[Video] | Jobs[Video]),
        ("account.credit", Credit),
        ("audio.voices", Paged[Voice]),
        ("reage.results", tuple[Faceswap, ...]),
        ("reage.delete", type(None)),
        ("faceswap.detect", Detection),
    ],
)
def test_help_shows_what_a_method_returns_here(name: str, returned: Any) -> None:
    title, _, verb = name.partition(".")
    method = getattr(getattr(Akool("the-key"), title), verb)
    assert inspect.signature(method).return_annotation == returned
    assert f"-> {inspect.formatannotation(returned)}" in pydoc.plain(pydoc.render_doc(method))


def test_the_parameters_of_methods_of_the_client_are_those_of_the_asynchronous_one() -> None:
    for name in ("call", "submit", "find", "progress", "set_limits", "close", "with_settings"):
        ours, theirs = (inspect.signature(getattr(cls, name)) for cls in (Akool, AsyncAkool))
        assert list(ours.parameters) == list(theirs.parameters), name
