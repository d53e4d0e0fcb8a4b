"""ARCHITECTURE.md is the map of the house; a room that is not on it cannot be found."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tests.house.source import ROOT, Source, python, report, room_of


def missing_from(text: str, rooms: list[Source]) -> Iterator[str]:
    """Each room by name; each of the first level also by its caption, its docstring's first line."""
    for room in rooms:
        name = room.module[-1]
        caption = (ast.get_docstring(room.tree) or "").partition("\n")[0]
        if f"`{name}`" not in text:
            yield f"ARCHITECTURE.md does not name the room `{name}` ({room.path})"
        if len(room.module) == 2 and caption not in text:
            yield f"ARCHITECTURE.md does not give `{name}` its caption: {caption}"


def rooms_of(sources: list[Source]) -> list[Source]:
    return [
        source
        for source in sources
        if source.name == "__init__.py" and len(source.module) > 1 and room_of(source.module) == source.module
    ]


def test_every_room_is_on_the_map() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    wrongs = list(missing_from(text, rooms_of(python("src"))))
    assert not wrongs, report(wrongs)


def test_the_rule_catches_what_it_is_for() -> None:
    ordering = Source(
        "src/chandlery/ordering/__init__.py", '"""What someone has asked to buy.\n\nOrders.\n"""\n'
    )
    ion = Source("src/chandlery/surfaces/ion/__init__.py", '"""A dialect."""\n')
    deeper = Source("src/chandlery/ordering/_store/__init__.py", '"""Queries."""\n')
    rooms = rooms_of([ordering, ion, deeper])
    assert rooms == [ordering, ion]
    assert not list(missing_from("`ordering` What someone has asked to buy. `ion`", rooms))
    assert len(list(missing_from("`ordering` and nothing more", rooms))) == 2
