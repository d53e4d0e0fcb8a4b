from __future__ import annotations

from dataclasses import dataclass

import pytest

from chandlery.engine.event_stream.catalogue import EventCatalogue, EventType
from chandlery.engine.webhooks.events import EVENT_TYPES


@dataclass
class Part:
    weight_grams: int


@dataclass
class NamedData:
    name: str
    parts: list[Part]
    note: str | None = None


CATALOGUE = EventCatalogue(
    [EventType("thing.named", "A thing got a name.", NamedData), EventType("thing.moved", "It moved.", Part)]
)


def test_a_type_has_a_json_schema_of_the_whole_event() -> None:
    schema = CATALOGUE.schema("thing.named")
    assert (schema["title"], schema["description"]) == ("thing.named", "A thing got a name.")
    assert schema["properties"]["type"] == {"const": "thing.named"}
    assert schema["properties"]["subject"] == {"const": "thing"}
    assert schema["required"] == [
        "id", "type", "timestamp", "organization_id", "subject", "subject_id", "data"
    ]  # fmt: skip
    assert schema["properties"]["data"] == {"$ref": "#/$defs/NamedData"}
    assert schema["$defs"]["NamedData"]["required"] == ["name", "parts"]
    assert schema["$defs"]["Part"]["properties"] == {"weight_grams": {"type": "integer"}}


def test_types_are_listed_by_name_and_each_is_declared_once() -> None:
    assert [event_type.name for event_type in CATALOGUE] == ["thing.moved", "thing.named"]
    assert "thing.named" in CATALOGUE
    with pytest.raises(ValueError, match=r"thing\.moved is declared twice"):
        EventCatalogue([EventType("thing.moved", "", Part), EventType("thing.moved", "", Part)])


def test_what_was_emitted_and_never_declared_is_found() -> None:
    assert CATALOGUE.undeclared(["thing.named", "thing.lost", "thing.lost"]) == ["thing.lost"]


def test_data_that_does_not_fit_its_type_is_found() -> None:
    assert CATALOGUE.misfit("thing.moved", {"weight_grams": 5}) is None
    misfit = CATALOGUE.misfit("thing.moved", {"weight_grams": "heavy"})
    assert misfit == "Expected `int`, got `str` - at `$.weight_grams`"


def test_filters_that_match_nothing_are_named() -> None:
    problems = CATALOGUE.problems_with(["*", "thing.*", "thing.named", "think.*", "thing.name"])
    assert [problem.field for problem in problems] == ["events.3", "events.4"]


def test_the_events_of_webhooks_themselves_are_declared() -> None:
    declared = EventCatalogue(EVENT_TYPES)
    assert declared.misfit("webhook.disabled", {"reason": "gone"}) is None
    assert declared.misfit("webhook.deleted", {}) is None
    assert declared.schema("webhook.added")["$defs"]["EndpointData"]["required"] == ["events", "enabled"]
