from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.ordering.attributes import MAX_BYTES, attribute_problems, merged

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=5)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63) + 1, 2**63 - 1) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


def nested(levels: int) -> dict[str, Any]:
    bag: dict[str, Any] = {}
    for _ in range(levels):
        bag = {"in": bag}
    return bag


@pytest.mark.parametrize(
    ("attributes", "field", "code"),
    [
        ({"": {"a": 1}}, "attributes.", "namespace"),
        ({"Erp": {"a": 1}}, "attributes.Erp", "namespace"),
        ({"x" * 41: {"a": 1}}, f"attributes.{'x' * 40}", "namespace"),
        ({"erp": 7}, "attributes.erp", "object"),
        ({f"n{i}": {"a": 1} for i in range(17)}, "attributes", "too_many"),
        ({"erp": {"a": "x" * MAX_BYTES}}, "attributes", "unfit"),
        ({"erp": {"a": "nul\0"}}, "attributes", "unfit"),
        ({"erp": {"nul\0": 1}}, "attributes", "unfit"),
        ({"erp": {"a": "\ud800"}}, "attributes", "unfit"),
        ({"erp": {"a": [10**30]}}, "attributes", "unfit"),
        ({"erp": {"a": float("nan")}}, "attributes", "unfit"),
        ({"erp": {"a": float("inf")}}, "attributes", "unfit"),
        ({"erp": {"a": object()}}, "attributes", "unfit"),
        ({"erp": {"a": Decimal("1.5")}}, "attributes", "unfit"),
        (nested(12) | {}, "attributes", "unfit"),
        (nested(10_000), "attributes", "unfit"),
    ],
)
def test_attributes_that_cannot_be_kept_are_named(attributes: dict[str, Any], field: str, code: str) -> None:
    assert [(problem.field, problem.code) for problem in attribute_problems(attributes)] == [(field, code)]


@given(
    st.dictionaries(
        st.sampled_from(["erp", "crm", "shop-1"]), st.dictionaries(st.text("xyz"), JSON, max_size=3)
    )
)
def test_any_json_within_bounds_is_kept(attributes: dict[str, Any]) -> None:
    assert attribute_problems(attributes) == []


def test_a_text_that_looks_like_an_escape_is_kept() -> None:
    assert attribute_problems({"erp": {"a": "\\u0000"}}) == []


def test_namespaces_are_replaced_whole_and_removed_when_empty() -> None:
    assert merged({"a": {"x": 1}, "b": {"y": 2}}, {"a": {"z": 3}, "b": {}, "c": {}}) == {"a": {"z": 3}}
