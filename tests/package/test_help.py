"""What help(), inspect and an editor show of methods, namespaces, clients and requests."""

from __future__ import annotations

import inspect
import pickle
import pydoc
import re
import subprocess
import sys
from typing import Any, get_args, get_origin

import pytest

from akool_async import Akool, Face, Job
from akool_async.endpoints import ENDPOINTS, RECIPES, TTS, Faceswap, ImageReage
from akool_async.endpoints.account import Account
from akool_async.endpoints.paging import Paged
from akool_async.endpoints.registry import NAMESPACES
from akool_async.protocol.documentation import field_docs, without_traps
from akool_async.protocol.help_texts import LaterText, result_of

BOUND: dict[str, Any] = {**ENDPOINTS, **RECIPES}
BY_HAND = {"faceswap.detect", "video.translate", "streaming.session"}
"""Methods whose texts are written, not made."""
MADE = sorted(BOUND.keys() - BY_HAND)

akool = Akool("no-key-at-all")


def method_of(name: str) -> Any:
    title, _, verb = name.partition(".")
    return getattr(getattr(akool, title), verb)


def shown(thing: Any) -> str:
    return pydoc.plain(pydoc.render_doc(thing))


@pytest.mark.parametrize("name", MADE)
def test_help_shows_every_parameters_text_what_is_returned_and_raised_and_the_page(
    name: str,
) -> None:
    cls, method = BOUND[name], method_of(name)
    text = " ".join((inspect.getdoc(method) or "").split())
    for field, words in field_docs(cls).items():
        if field in inspect.signature(method).parameters:
            assert f"{field}" in text
            assert " ".join(without_traps(words).split()) in text
    assert "Returns: " in text
    assert "InvalidInput: " in text
    assert "APIError: " in text
    assert f"Akool's page: {cls.docs}" in text


@pytest.mark.parametrize("name", BOUND)
def test_help_of_a_method_has_no_number_that_only_the_source_explains(name: str) -> None:
    assert re.findall(r"\b[TNW]\d{1,2}\b", shown(method_of(name))) == []


@pytest.mark.parametrize("name", MADE)
def test_a_signature_has_the_type_that_is_returned(name: str) -> None:
    cls, method = BOUND[name], method_of(name)
    returned = inspect.signature(method).return_annotation
    if not inspect.iscoroutinefunction(method):
        assert get_origin(returned) in {Job, Paged}
        assert get_args(returned) in {(result_of(cls),), get_args(result_of(cls))}
    else:
        assert returned == result_of(cls)


def test_help_of_an_operation_reads_from_top_to_bottom() -> None:
    text = shown(akool.reage.image)
    parts = ["Make the faces", "Args:", "target_image (Akool: targetImage): ", "face_reage: Years"]
    parts += ["Returns:", "Job[Faceswap]: a job", "Raises:", "JobFailed: ", "Akool's page: "]
    places = [text.find(part) for part in parts]
    assert -1 not in places
    assert places == sorted(places)
    assert inspect.signature(akool.reage.image).return_annotation == Job[Faceswap]


@pytest.mark.parametrize(
    "thing",
    [akool.audio.tts, akool.avatar.list, akool.audio, akool, Akool.reage, TTS, Face, ImageReage],
    ids=["operation", "list", "namespace", "client", "attribute", "request", "input", "nested"],
)
def test_help_shows_no_rules_and_no_machinery(thing: Any) -> None:
    text = shown(thing).partition("Method resolution order")[0]
    for noise in ("Rule(", "Annotated[", "<function", "Coding(", "Meta(", "lambda"):
        assert noise not in text


@pytest.mark.parametrize("title", NAMESPACES)
def test_a_namespace_asked_of_the_class_is_its_class_with_its_help(title: str) -> None:
    cls: Any = getattr(Akool, title)
    assert isinstance(getattr(akool, title), cls)
    text = shown(cls)
    assert "cached_property" not in text
    assert NAMESPACES[title].summary in text


def test_a_namespace_is_one_object_for_a_client() -> None:
    assert isinstance(akool.account, Account)
    assert akool.account is akool.account
    assert Akool("other-key").account is not akool.account


def test_what_an_editor_completes_is_for_programs() -> None:
    assert [*dir(akool.reage)] == ["cancel", "delete", "image", "photo", "results", "video"]
    names = {*dir(akool)}
    assert {*NAMESPACES, "submit", "map", "job", "find", "close", "stats"} <= names
    assert not names & {"hold", "requests_in", "session_rows"}


def test_the_text_is_made_when_it_is_looked_at_and_is_a_text_like_any_other() -> None:
    made: list[str] = []

    def make() -> str:
        made.append("")
        return "Short.\n\nLong."

    text = LaterText("Short.", make)
    assert text.short == "Short."
    assert not made
    assert str(text) == text == "Short.\n\nLong."
    assert text == LaterText("", lambda: "Short.\n\nLong.")
    assert len(text) == len("Short.\n\nLong.")
    assert "Long" in text
    assert text.splitlines()[-1] == "Long."
    assert inspect.cleandoc(text).endswith("Long.")
    assert pickle.loads(pickle.dumps(text)) == "Short.\n\nLong."
    assert len(made) == 1


def test_no_source_is_read_before_somebody_asks_for_help() -> None:
    script = (
        "import sys\n"
        "from akool_async import Akool\n"
        "akool = Akool('no-key-at-all')\n"
        "akool.reage.image\n"
        "assert 'ast' not in sys.modules or not __import__('akool_async.protocol.documentation',"
        " fromlist=['_texts_of'])._texts_of.cache_info().currsize\n"
        "assert 'Years to add' in str(akool.reage.image.__doc__)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
