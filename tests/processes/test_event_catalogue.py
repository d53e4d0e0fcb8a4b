"""Every event that the code can emit is declared. What a test run has emitted is compared at its end (conftest)."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from chandlery.processes.event_catalogue import CATALOGUE
from tests.house.source import Source, python


def named_events(source: Source) -> Iterator[str]:
    """The types that a file names in `Event("...")`; those that are put together are seen when they are emitted."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Event":
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant):
                yield str(first.value)


def test_every_event_that_the_code_names_is_declared() -> None:
    named = [name for source in python("src") for name in named_events(source)]
    assert "order.expired" in named
    assert CATALOGUE.undeclared(named) == []


@pytest.mark.parametrize("name", [event_type.name for event_type in CATALOGUE])
def test_every_type_has_a_schema_and_a_sentence(name: str) -> None:
    schema = CATALOGUE.schema(name)
    assert schema["title"] == name
    assert schema["description"].endswith(".")
