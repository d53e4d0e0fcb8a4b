"""Pages: a cursor leads on from the last row seen, and what was not issued here leads nowhere."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.kernel.page import (
    CursorUnreadable,
    LimitOutOfRange,
    PageRequest,
    decode_cursor,
    encode_cursor,
    page_of,
)

MOMENTS = st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(9999, 1, 1)).map(  # noqa: DTZ001
    lambda moment: moment.replace(tzinfo=UTC)
)


@given(MOMENTS, st.uuids())
def test_a_cursor_is_read_back_exactly(at: datetime, row_id: UUID) -> None:
    assert decode_cursor(encode_cursor(at, row_id)) == (at, row_id)


@given(st.text(max_size=60))
def test_no_text_at_all_makes_reading_a_cursor_fail_otherwise(text: str) -> None:
    with suppress(CursorUnreadable):
        decode_cursor(text)


@pytest.mark.parametrize("text", ["", "x", "bnVsbA", "WzEsIDJd", "[1]"])
def test_a_cursor_of_foreign_make_is_refused(text: str) -> None:
    with pytest.raises(CursorUnreadable) as refused:
        decode_cursor(text)
    assert [problem.field for problem in refused.value.problems] == ["cursor"]


@pytest.mark.parametrize("limit", [0, -1, 201, 10**9])
def test_a_page_is_bounded(limit: int) -> None:
    with pytest.raises(LimitOutOfRange):
        PageRequest(limit)


@given(st.lists(st.tuples(MOMENTS, st.uuids()), max_size=12), st.integers(min_value=1, max_value=10))
def test_one_row_more_than_the_limit_proves_a_next_page(
    rows: list[tuple[datetime, UUID]], limit: int
) -> None:
    page = page_of(rows[: limit + 1], limit, lambda row: row)
    assert list(page.items) == rows[:limit]
    if len(rows) > limit:
        assert page.next_cursor is not None
        assert decode_cursor(page.next_cursor) == rows[limit - 1]
    else:
        assert page.next_cursor is None
