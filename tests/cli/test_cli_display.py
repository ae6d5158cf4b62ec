"""What is printed of a result for people."""

from __future__ import annotations

import pytest

from akool_async.cli.display import show_fields


def test_the_whole_reply_is_printed_only_where_no_media_was_found_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    show_fields({"id": "a", "raw": '{"a":1}', "url": "https://media.example/a.png"})
    assert "raw" not in capsys.readouterr().out
    show_fields({"id": "a", "raw": '{"a":1}', "url": ""})
    assert '{"a":1}' in capsys.readouterr().out
