"""A wrong call of a method says which method, which parameter, and what is right."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec
import pytest

from akool_async import Akool, Face, InvalidInput
from akool_async.crun import Crun
from akool_async.endpoints import ENDPOINTS, RECIPES, TTS
from akool_async.protocol.arguments import spelling
from tests.clients import Connect

PHOTO = "https://photos.example/ann.jpg"
BOUND: dict[str, Any] = {**ENDPOINTS, **RECIPES}


@pytest.fixture
def akool() -> Any:
    """Return a client that is never opened, with the types of nobody."""
    return Akool("no-key-at-all")


async def call(method: Any, *args: Any, **fields: Any) -> None:
    started = method(*args, **fields)
    if inspect.isawaitable(started):
        await started


async def refusal(method: Any, kind: type[Exception], *args: Any, **fields: Any) -> str:
    with pytest.raises(kind) as caught:
        await call(method, *args, **fields)
    assert caught.value.__context__ is None
    return str(caught.value)


async def test_akools_spelling_is_answered_with_ours_and_the_method(akool: Any) -> None:
    told = await refusal(akool.reage.image, TypeError, targetImage=PHOTO)
    assert told.startswith(
        "reage.image() got an unexpected keyword argument 'targetImage':"
        " it takes target_image (Akool: targetImage); misses face_reage"
    )
    assert "It needs target_image, face_reage and modify_image" in told


async def test_a_value_names_method_parameter_akools_spelling_rule_and_value(akool: Any) -> None:
    fields = {"face_reage": 5, "modify_image": PHOTO}
    assert await refusal(akool.reage.image, InvalidInput, target_image=5, **fields) == (
        "reage.image(): target_image (Akool: targetImage)"
        " must be a list of Face, or of addresses, not a number; got 5"
    )
    assert (
        await refusal(akool.reage.image, InvalidInput, target_image=["x"], **fields)
        == "reage.image(): target_image[0].path must be an http or https URL; got 'x'"
    )


@pytest.mark.parametrize("name", BOUND)
async def test_every_method_names_itself_and_all_that_it_needs(name: str, akool: Any) -> None:
    title, _, verb = name.partition(".")
    method = getattr(getattr(akool, title), verb)
    if name == "faceswap.detect":  # written by hand: Python's own words
        return
    given = {"language": "fr"} if name == "video.translate" else {}
    told = await refusal(method, TypeError, nothing_like_it=1, **given)
    assert told.startswith(f"{title}.{verb}() got an unexpected keyword argument 'nothing_like_it'")
    for each in inspect.signature(method).parameters.values():
        assert each.name in told


async def test_an_endpoint_that_is_bound_twice_is_named_as_it_was_called(akool: Any) -> None:
    assert "faceswap.cancel() " in await refusal(akool.faceswap.cancel, TypeError, id=1)
    assert "reage.cancel() " in await refusal(akool.reage.cancel, TypeError, id=1)


@pytest.mark.parametrize(
    ("title", "written", "meant"),
    [("reage", "imge", "image"), ("audio", "tss", "tts"), ("faceswap", "detct", "detect")],
)
def test_an_unknown_method_is_answered_with_the_nearest_one(
    title: str, written: str, meant: str, akool: Any
) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(getattr(akool, title), written)
    assert str(caught.value) == (
        f"akool.{title} has no method {written!r}; did you mean {meant!r}?"
    )


@pytest.mark.parametrize(
    ("written", "meant"), [("voic", "voice"), ("fceswap", "faceswap"), ("submt", "submit")]
)
def test_an_unknown_namespace_is_answered_with_the_nearest_one(
    written: str, meant: str, akool: Any
) -> None:
    with pytest.raises(AttributeError, match=f"no namespace or method '{written}'.*'{meant}'"):
        getattr(akool, written)
    assert not hasattr(akool, "_nothing")


def test_a_client_in_a_plain_with_block_says_how_it_is_opened(akool: Any) -> None:
    with pytest.raises(TypeError, match=r"write `async with Akool\(\) as"), akool:
        pass


async def test_arguments_of_the_clients_own_methods_are_explained(akool: Any) -> None:
    request = TTS(input_text="x", voice_id="v")
    told = await refusal(akool.submit, TypeError, request, prio=3)
    assert told.startswith("submit() got an unexpected keyword argument 'prio': it takes priority")
    assert "may get key, timeout, priority, tag and retry_failed" in told
    assert "it takes ordered" in await refusal(akool.map, TypeError, [], order=True)
    assert "it takes token" in await refusal(akool.job, TypeError, tokn="x")
    assert "misses request" in await refusal(akool.submit, TypeError)
    with pytest.raises(TypeError, match="did you mean 'api_key'"):
        Akool(api_kye="x")  # type: ignore[call-arg] # pyright: ignore[reportCallIssue]


async def test_crun_names_its_own_methods_and_spellings() -> None:
    crun: Any = Crun("no-key-at-all")
    told = await refusal(crun.detect_faces, TypeError, imageUrl=PHOTO)
    assert told.startswith("crun.detect_faces() got an unexpected keyword argument 'imageUrl'")
    assert "Akool" not in told


async def test_a_job_that_is_asked_for_its_result_says_to_await_it(connect: Connect) -> None:
    async with connect("http://127.0.0.1:9") as akool:
        job: Any = akool.reage.image(target_image=Face(PHOTO), face_reage=5, modify_image=PHOTO)
        with pytest.raises(AttributeError, match="a Job has no 'url', its result has: await it"):
            job.url  # noqa: B018 - asking is what is refused
        with pytest.raises(AttributeError, match="no attribute 'statu'; did you mean 'status'"):
            job.statu  # noqa: B018
        assert not hasattr(job, "_no_such")
        await job.cancel()


def test_every_spelling_of_akools_is_shown_with_ours() -> None:
    for cls in BOUND.values():
        for field in msgspec.structs.fields(cls):
            assert field.encode_name in spelling(cls, field)
