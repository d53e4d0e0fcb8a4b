"""Values in a pgbench script: pgbench would take `:word` for a variable, also inside of quotes."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from benchmarks.floor import literal


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, "NULL"),
        (3, "3"),
        (Decimal("2.0904"), "2.0904"),
        ("plain", "'plain'"),
        ("suite:P1Y:monthly", r"E'suite\x3aP1Y\x3amonthly'"),
        ("O'Neil: a\\b", r"E'O''Neil\x3a a\\b'"),
        (UUID(int=5), "'00000000000000000000000000000005'::uuid"),
        (datetime(2026, 1, 2, 3, 4, tzinfo=UTC), r"E'2026-01-02 03\x3a04\x3a00+00\x3a00'::timestamptz"),
    ],
)
def test_a_value_is_written_without_colons(value: Any, written: str) -> None:
    assert literal(value).strip() == written
