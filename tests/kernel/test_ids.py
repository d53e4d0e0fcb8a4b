"""Ids are of version 7, ascend within a process, and are only read in their canonical form."""

from __future__ import annotations

import time

import pytest

from chandlery.kernel.ids import new_id, parse_id


def test_an_id_is_of_version_7_and_carries_its_milliseconds() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= after + 1


def test_ids_of_one_process_ascend_strictly() -> None:
    made = [new_id() for _ in range(20_000)]
    assert made == sorted(set(made))


@pytest.mark.parametrize(
    "text", ["", "x", "0" * 32, "{01234567-89ab-7def-8123-456789abcdef}", "0" * 35 + "g"]
)
def test_a_text_of_foreign_form_is_no_id(text: str) -> None:
    assert parse_id(text) is None


def test_the_canonical_form_is_read_back() -> None:
    made = new_id()
    assert parse_id(str(made)) == made
