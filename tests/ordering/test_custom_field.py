from __future__ import annotations

from typing import Any

import pytest

from chandlery.kernel.ids import CustomFieldId, OrganizationId, new_id
from chandlery.ordering.custom_field import CustomField, CustomFields, Kind, with_values
from tests.conftest import NOW

OWNER = "operator.reseller."


def a_field(name: str = "project", kind: Kind = "text", **more: Any) -> CustomField:
    defined: dict[str, Any] = {
        "id": CustomFieldId(new_id()),
        "owner_id": OrganizationId(new_id()),
        "owner_path": OWNER,
        "noun": "order",
        "name": name,
        "label": name.title(),
        "kind": kind,
        "allowed": (),
        "required": False,
        "read_only": False,
        "published": False,
        "created_at": NOW,
    }
    return CustomField(**{**defined, **more})


@pytest.mark.parametrize(
    ("kind", "allowed", "good", "bad"),
    [
        ("text", (), ["Bridge", "  x "], ["", "   ", 7, True, None, "x" * 1001]),
        ("text", ("red", "blue"), ["red"], ["green", "RED"]),
        ("choice", ("red", "blue"), ["blue"], ["green", ["red"]]),
        ("number", (), [7, 0, -1.5], ["7", True, None]),
        ("number", ("1", "2"), [1], [3]),
        ("boolean", (), [True, False], [1, "true", None]),
        ("date", (), ["2026-02-28"], ["2026-02-30", "28.02.2026", "20260228", "2026-W01-1", 20260228, ""]),
    ],
)
def test_a_value_is_of_its_field_s_kind_and_among_those_allowed(
    kind: Kind, allowed: tuple[str, ...], good: list[Any], bad: list[Any]
) -> None:
    field = a_field(kind=kind, allowed=allowed)
    assert [value for value in good if field.problem_with(value)] == []
    assert [value for value in bad if not field.problem_with(value)] == []


def test_every_problem_of_the_values_given_is_named() -> None:
    fields = CustomFields((a_field(), a_field("floors", "number"), a_field("price_book", read_only=True)))
    given = {"project": 1, "floors": "two", "colour": "red", "price_book": "A"}
    found = fields.problems_with("order", given, "operator.reseller.customer.", "custom_fields")
    assert [(problem.field, problem.code) for problem in found] == [
        ("custom_fields.project", "not_allowed"),
        ("custom_fields.floors", "not_allowed"),
        ("custom_fields.colour", "unknown"),
        ("custom_fields.price_book", "read_only"),
    ]


def test_a_field_of_a_line_is_none_of_its_order() -> None:
    fields = CustomFields((a_field(noun="line"),))
    assert [p.code for p in fields.problems_with("order", {"project": "x"}, OWNER, "custom_fields")] == [
        "unknown"
    ]
    assert fields.problems_with("line", {"project": "x"}, OWNER, "custom_fields") == []


def test_what_is_read_only_is_set_by_its_owner_and_those_above() -> None:
    field = a_field(read_only=True)
    paths = ("operator.", "operator.reseller.", "operator.reseller.customer.", "operator.other.")
    assert [field.is_set_by(path) for path in paths] == [True, True, False, False]


def test_at_checkout_required_fields_are_missed_and_values_are_looked_at_again() -> None:
    fields = CustomFields(
        (
            a_field(required=True),
            a_field("colour", "choice", allowed=("red",)),
            a_field("note", required=True),
        )
    )
    values = {"colour": "green", "note": "x", "gone": "whatever it was"}
    found = fields.problems_at_checkout("order", values, "custom_fields")
    assert [(problem.field, problem.code) for problem in found] == [
        ("custom_fields.project", "missing"),
        ("custom_fields.colour", "not_allowed"),
    ]


def test_values_are_replaced_by_name_and_taken_away_by_none() -> None:
    assert with_values({"a": 1, "b": 2}, {"b": 3, "c": False}) == {"a": 1, "b": 3, "c": False}
    assert with_values({"a": 1, "b": 2}, {"b": None}) == {"a": 1}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"name": "Project"}, "name"),
        ({"name": "x" * 41}, "name"),
        ({"label": ""}, "label"),
        ({"kind": "choice"}, "allowed"),
        ({"kind": "date", "allowed": ("2026-01-01",)}, "allowed"),
        ({"allowed": ("a", "a")}, "allowed"),
        ({"allowed": ("",)}, "allowed"),
        ({"noun": "invoice"}, "noun"),
    ],
)
def test_a_definition_that_makes_no_sense_is_refused(wrong: dict[str, Any], field: str) -> None:
    assert [problem.field for problem in a_field(**{"name": "project", **wrong}).problems()] == [field]
