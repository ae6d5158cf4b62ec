"""Akool's page of error codes, held against the table that errors are built from."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from akool_async import (
    AccountError,
    APIError,
    AuthenticationError,
    Conflict,
    InsufficientCredit,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    ProcessingError,
    RateLimited,
)
from akool_async.endpoints import ENDPOINTS, RECIPES
from akool_async.engine.credit_guard import stops_all
from akool_async.errors import CODES, PAGE_CODES, api_error, meaning_of

ROOT = Path(__file__).parents[2]
COPY = ROOT / "tests" / "fixtures" / "error_codes.json"
"""The rows of the table of all codes, and of each page's own, as they are printed."""
PAGES = ROOT.parent / "shared" / "reference" / "seeds"
"""The vendor's pages, where a checkout has them beside it."""
SUCCESS = 1000

CLASSES: dict[type[APIError], set[int]] = {
    InvalidRequest: {1003, 1007, 1013, 1203, 1204, 1207, 1208, 1209, 1210},
    AccountError: {1004, 1103, 1200, 1213, 1221},
    RateLimited: {1005, 1215},
    InsufficientCredit: {1006, 1104, 1223},
    NotFound: {1008, 1014, 1216, 1219},
    PermissionDenied: {1009},
    Conflict: {1010, 1011, 1202, 1214, 1222},
    AuthenticationError: {1101, 1102, 1109},
    ProcessingError: {
        *(1015, 1016, 1017, 1105, 1108, 1110, 1111, 1112),
        *(1201, 1205, 1206, 1211, 1212, 1217, 1218, 1220),
    },
}
"""Which error each code is to become."""

NEWER: dict[int, type[APIError]] = {
    1232: NotFound,
    1233: Conflict,
    **dict.fromkeys((1234, 1235, 1236), ProcessingError),
    2001: APIError,
}
"""The same for codes that only a page of their own prints."""


def copied_rows() -> dict[int, str]:
    rows: dict[str, str] = json.loads(COPY.read_text(encoding="utf-8"))["rows"]
    return {int(code): sentence for code, sentence in rows.items()}


def printed_rows(page: str) -> dict[int, str]:
    section = page.partition("\n# ErrorCode\n")[2].partition("\n# ")[0]
    rows = re.findall(r"^\| code +\| (\d+) +\| (.*?) +\|$", section, re.MULTILINE)
    return {int(code): sentence for code, sentence in rows}


def test_the_copied_table_is_whole() -> None:
    rows = copied_rows()
    assert len(rows) == 49
    assert rows[SUCCESS] == "Success"


def test_the_copied_table_is_the_printed_one() -> None:
    pages = [path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("002_*.txt"))]
    # Without the pages beside the checkout, the copy speaks for them.
    assert (printed_rows(pages[0]) if pages else copied_rows()) == copied_rows()


@pytest.mark.parametrize(("code", "sentence"), sorted(copied_rows().items()))
def test_every_row_of_the_page_is_known_by_the_page_s_sentence(code: int, sentence: str) -> None:
    if code == SUCCESS:
        assert code not in CODES
    else:
        assert CODES[code].sentence == sentence
        assert sentence in str(api_error(code, "said"))


def test_no_code_is_known_that_the_page_does_not_print() -> None:
    assert set(CODES) == set(copied_rows()) - {SUCCESS}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_codes_become_the_error_that_tells_what_to_do(cls: type[APIError]) -> None:
    assert {code for code, meaning in CODES.items() if meaning.error is cls} == CLASSES[cls]
    for code in CLASSES[cls]:
        assert type(api_error(code, "said")) is cls


# Each page's own table


@cache
def copied_tables() -> dict[str, dict[int, str]]:
    pages: dict[str, dict[str, str]] = json.loads(COPY.read_text(encoding="utf-8"))["pages"]
    return {page: {int(code): text for code, text in rows.items()} for page, rows in pages.items()}


def printed_tables(text: str) -> dict[str, dict[int, str]]:
    tables: dict[str, dict[int, str]] = {}
    for section in re.split(r"^Source: ", text, flags=re.MULTILINE)[1:]:
        page = section.partition("\n")[0]
        rows = re.findall(r"^\| code +\| (\d+) +\| (.*?) +\|$", section, re.MULTILINE)
        if rows and not page.endswith("/error-code"):
            tables[page] = {int(code): sentence for code, sentence in rows}
    return tables


def squeezed(sentence: str) -> str:
    """Return a sentence without what pages differ in: "can not beempty", "Create" and "create"."""
    return re.sub(r"\s", "", sentence).casefold()


def without_tables() -> set[str]:
    """Return the pages that were looked at and print no table of codes."""
    pages: list[str] = json.loads(COPY.read_text(encoding="utf-8"))["pages_without_a_table"]
    return {*pages}


ROWS = [(page, code) for page, rows in copied_tables().items() for code in rows if code != SUCCESS]


def newer_pages() -> set[str]:
    """Return the pages that are newer than the archived ones."""
    pages: list[str] = json.loads(COPY.read_text(encoding="utf-8"))["newer_pages"]
    return {*pages}


def test_the_copied_tables_are_the_printed_ones() -> None:
    pages = [path.read_text(encoding="utf-8") for path in sorted(PAGES.glob("002_*.txt"))]
    archived = {page: rows for page, rows in copied_tables().items() if page not in newer_pages()}
    # Without the pages beside the checkout, the copy speaks for them.
    assert (printed_tables(pages[0]) if pages else archived) == archived


@pytest.mark.parametrize("name", [*ENDPOINTS, *RECIPES])
def test_each_page_of_an_endpoint_has_its_table_copied_or_is_known_to_print_none(name: str) -> None:
    cls: Any = {**ENDPOINTS, **RECIPES}[name]
    for page in (cls.docs, *getattr(cls, "also_in", ())):
        assert (page in copied_tables()) != (page in without_tables()), page


def test_no_page_that_prints_a_table_is_said_to_print_none() -> None:
    for path in PAGES.glob("002_*.txt"):
        assert not without_tables() & {*printed_tables(path.read_text(encoding="utf-8"))}


def test_the_newer_page_of_reage_prints_the_same_table() -> None:
    for path in PAGES.glob("000_*.txt"):
        (table,) = printed_tables(f"Source: reage\n{path.read_text(encoding='utf-8')}").values()
        assert table == copied_tables()["https://docs.akool.com/ai-tools-suite/reage"]


def test_the_tables_are_those_of_the_pages() -> None:
    assert {page: {*rows} for page, rows in PAGE_CODES.items()} == {
        page: {*rows} - {SUCCESS} for page, rows in copied_tables().items()
    }


@pytest.mark.parametrize(("page", "code"), ROWS)
def test_every_row_of_a_page_s_table_is_known_by_that_page_s_sentence(page: str, code: int) -> None:
    meaning = meaning_of((page,), code)
    assert squeezed(meaning.sentence) == squeezed(copied_tables()[page][code])
    error = api_error(code, "said", pages=(page,))
    assert type(error) is meaning.error
    assert meaning.sentence in str(error)


@pytest.mark.parametrize(("page", "code"), ROWS)
def test_a_page_s_row_becomes_what_the_code_is_elsewhere_save_one(page: str, code: int) -> None:
    # T27: 1109 is an account that does not exist, but an avatar that cannot be made on one page.
    expected = ProcessingError if code == 1109 else NEWER.get(code) or CODES[code].error
    assert meaning_of((page,), code).error is expected


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_endpoint_s_own_page_goes_before_others_and_those_before_the_general_table(
    name: str,
) -> None:
    cls = ENDPOINTS[name]
    pages = (cls.docs, *cls.also_in)
    for code in CODES:
        told = next((copied_tables()[each][code] for each in pages if knows(each, code)), None)
        assert squeezed(meaning_of(pages, code).sentence) == squeezed(told or CODES[code].sentence)


def knows(page: str, code: int) -> bool:
    return code in copied_tables().get(page, {})


@pytest.mark.parametrize("name", ["avatar.upload", "avatar.list", "video.talking_avatar"])
def test_what_is_no_account_elsewhere_is_an_avatar_that_failed_here(name: str) -> None:
    cls = ENDPOINTS[name]
    error = api_error(1109, "", pages=(cls.docs, *cls.also_in))
    assert type(error) is ProcessingError
    assert type(api_error(1109, "", pages=(ENDPOINTS["reage.image"].docs,))) is AuthenticationError


@pytest.mark.parametrize("name", ENDPOINTS)
def test_an_account_that_does_not_exist_is_a_wrong_api_key_at_every_endpoint(name: str) -> None:
    cls = ENDPOINTS[name]
    pages = (cls.docs, *cls.also_in)
    for said in ("account not exist", "Account not exist!", "the account does not exist"):
        error = api_error(1109, said, pages=pages)
        assert type(error) is AuthenticationError
        assert stops_all(error)
    own = api_error(1109, "create avatar video error", pages=pages)
    is_own = "talking-avatar" in " ".join(pages)
    assert type(own) is (ProcessingError if is_own else AuthenticationError)
    assert stops_all(own) is not is_own


# All codes


def test_every_code_has_a_class_of_its_own() -> None:
    assert set(CODES) == set().union(*CLASSES.values())
