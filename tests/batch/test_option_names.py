"""Options that name nothing are told, as they would silently do nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from akool_async import InvalidInput
from akool_async.batch import RunOptions, check
from tests.batch.manifests import as_lines, faults_of, said, written


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"prices": {"audio.tss": 3.0}}, "did you mean 'audio.tts'?"),
        ({"prices": {"audio.*": 3.0}}, "must name an operation"),
        ({"retry_failed": ["jobfailed"]}, "did you mean 'JobFailed'?"),
        ({"retry_failed": ["Bogus"]}, "must be a code, or a class of errors such as JobFailed"),
    ],
)
def test_a_price_or_a_code_of_nothing_is_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        RunOptions(**options)
    assert sentence in str(refused.value)


def test_what_options_may_name_is_taken() -> None:
    RunOptions(
        prices={"audio.tts": 0.5, "faceswap.swap": 2.0},
        retry_failed=["1004", "JobFailed", "ResultExpired", "OSError"],
    )


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    return written(tmp_path / "rows.jsonl", as_lines([said(key="row-1")]))


def test_a_pattern_that_no_row_fits_is_told(manifest: Path) -> None:
    checked = check(manifest, only=["vidoe.*", "row-*"], skip=["test-*"])
    assert [str(fault) for fault in faults_of(checked)] == [
        "--only 'vidoe.*': no row's operation or key fits it; did you mean 'video.*'?"
    ]
    (notices,) = checked.notices
    assert [str(each) for each in notices.first] == [
        "--skip 'test-*': no row's operation or key fits it"
    ]
    assert check(manifest, only=["audio.*"], skip=["row-1"]).notices == ()


def test_a_pattern_may_fit_a_key_that_was_made_from_a_request(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", as_lines([said()]))
    assert check(path, only=["*-1"]).notices == ()
