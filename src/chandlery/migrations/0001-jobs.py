"""Procrastinate's own schema, as the installed release ships it: the durable jobs live beside what they work on."""

from __future__ import annotations

from typing import Any

from procrastinate.schema import SchemaManager
from yoyo import step

__depends__: set[str] = set()


def _apply(connection: Any) -> None:
    connection.cursor().execute(SchemaManager.get_schema())


steps = [step(_apply)]
