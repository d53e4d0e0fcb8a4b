"""The load client reads answers as they come off the wire."""

from __future__ import annotations

import pytest

from benchmarks.load import Unexpected, parse_answer

WHOLE = b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


def test_a_whole_answer_is_status_body_and_length() -> None:
    assert parse_answer(WHOLE) == (201, b"{}", len(WHOLE))


@pytest.mark.parametrize("length", [0, 10, len(WHOLE) - 3, len(WHOLE) - 1])
def test_an_unfinished_answer_is_waited_for(length: int) -> None:
    assert parse_answer(WHOLE[:length]) is None


def test_what_follows_an_answer_is_left_alone() -> None:
    assert parse_answer(WHOLE + b"HTTP/1.1 200") == (201, b"{}", len(WHOLE))


def test_an_answer_without_content_needs_no_length() -> None:
    head = b"HTTP/1.1 204 No Content\r\nDate: today\r\n\r\n"
    assert parse_answer(head) == (204, b"", len(head))


def test_an_answer_of_unknown_length_ends_the_measurement() -> None:
    with pytest.raises(Unexpected):
        parse_answer(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
