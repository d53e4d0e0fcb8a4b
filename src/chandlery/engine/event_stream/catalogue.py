"""Which types of events there are: their names, what they mean, and a JSON Schema for each.

The engine knows no event of the business. Rooms declare theirs as `EventType`s, and the app puts the lists together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_type_hints

import msgspec

from chandlery.engine.event_stream.filters import matches
from chandlery.kernel.errors import Problem

DIALECT = "https://json-schema.org/draft/2020-12/schema"


@dataclass(frozen=True, slots=True)
class EventType:
    """`name` is `noun.past_verb`; `data` is the msgspec struct, dataclass or TypedDict that describes its data."""

    name: str
    description: str
    data: type


class EventCatalogue:
    """All types of events that this server may tell of."""

    def __init__(self, types: Iterable[EventType]) -> None:
        self._types: dict[str, EventType] = {}
        for event_type in types:
            if event_type.name in self._types:
                raise ValueError(f"the event {event_type.name} is declared twice")
            self._types[event_type.name] = event_type

    def __iter__(self) -> Iterator[EventType]:
        return iter(sorted(self._types.values(), key=lambda event_type: event_type.name))

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def undeclared(self, names: Iterable[str]) -> list[str]:
        """Which of these types nobody has declared; a test hands it all that were ever emitted."""
        return sorted(set(names) - set(self._types))

    def problems_with(self, patterns: Iterable[str], field: str = "events") -> list[Problem]:
        """Filters that are well formed and match no type there is: mistyped, most likely."""
        return [
            Problem(f"{field}.{index}", f"No type of event matches {pattern}; see the event catalogue.")
            for index, pattern in enumerate(patterns)
            if not any(matches(pattern, name) for name in self._types)
        ]

    def misfit(self, name: str, data: Mapping[str, Any]) -> str | None:
        """How the data of an event differs from what its type declares; None when it fits."""
        declared = self._types[name].data
        undeclared = sorted(set(data) - set(get_type_hints(declared)))
        if undeclared:
            return f"Undeclared: {', '.join(undeclared)}"
        try:
            msgspec.convert(data, declared)
        except msgspec.ValidationError as error:
            return str(error)
        return None

    def schema(self, name: str) -> dict[str, Any]:
        """The JSON Schema of a whole event of this type, as webhooks and the stream show it."""
        event_type = self._types[name]
        (data,), parts = msgspec.json.schema_components([event_type.data], ref_template="#/$defs/{name}")
        properties: dict[str, Any] = {
            "id": {"type": "string", "format": "uuid"},
            "type": {"const": name},
            "timestamp": {"type": "string", "format": "date-time"},
            "organization_id": {"type": "string", "format": "uuid"},
            "subject": {"const": name.partition(".")[0]},
            "subject_id": {"type": "string", "format": "uuid"},
            "data": data,
        }
        return {
            "$schema": DIALECT,
            "title": name,
            "description": event_type.description,
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "$defs": parts,
        }
