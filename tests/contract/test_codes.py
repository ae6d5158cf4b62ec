"""Akool's page of error codes, held against the table that errors are built from."""

from __future__ import annotations

import json
import re
from pathlib import Path

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
from akool_async.errors import CODES, api_error

ROOT = Path(__file__).parents[2]
COPY = ROOT / "tests" / "fixtures" / "error_codes.json"
"""The table's rows, as the page prints them."""
PAGES = ROOT.parent / "shared" / "reference" / "seeds"
"""The vendor's pages, where a checkout has them beside it."""
SUCCESS = 1000

CLASSES: dict[type[APIError], set[int]] = {
    InvalidRequest: {1003, 1007, 1013, 1203, 1204, 1207, 1208, 1209, 1210},
    AccountError: {1004, 1103, 1109, 1200, 1213, 1221},
    RateLimited: {1005, 1215},
    InsufficientCredit: {1006, 1104, 1223},
    NotFound: {1008, 1014, 1216, 1219},
    PermissionDenied: {1009},
    Conflict: {1010, 1011, 1202, 1214, 1222},
    AuthenticationError: {1101, 1102},
    ProcessingError: {
        *(1015, 1016, 1017, 1105, 1108, 1110, 1111, 1112),
        *(1201, 1205, 1206, 1211, 1212, 1217, 1218, 1220),
    },
}
"""Which error each code is to become."""


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


def test_every_code_has_a_class_of_its_own() -> None:
    assert set(CODES) == set().union(*CLASSES.values())
