"""Medians, percentiles and what a budget makes of them."""

from __future__ import annotations

import pytest

from benchmarks.budgets import Budget
from benchmarks.figures import median, percentile, rounded, spread_percent


@pytest.mark.parametrize(("percent", "value"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_a_percentile_is_a_value_that_occurred(percent: float, value: float) -> None:
    assert percentile([float(n) for n in range(100, 0, -1)], percent) == value


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 99) == 7.0


def test_the_spread_is_told_against_the_median() -> None:
    assert (median([9.0, 10.0, 12.0]), spread_percent([9.0, 10.0, 12.0])) == (10.0, 30.0)


@pytest.mark.parametrize(
    ("value", "shown"), [(0.123456, 0.123), (12.3456, 12.3), (12345.6, 12345.6), (0.0, 0.0)]
)
def test_figures_are_not_more_exact_than_they_are(value: float, shown: float) -> None:
    assert rounded(value) == shown


@pytest.mark.parametrize(
    ("budget", "met"),
    [
        (Budget("a ratio", 2.0, 2.0), True),
        (Budget("a ratio", 2.1, 2.0), False),
        (Budget("a rate", 12_000.0, 10_000, at_least=True), True),
        (Budget("a rate", 9_999.0, 10_000, at_least=True), False),
    ],
)
def test_a_budget_is_met_up_to_its_limit(budget: Budget, met: bool) -> None:
    assert budget.met is met


def test_what_was_not_measured_is_not_met() -> None:
    told = Budget("a ratio", None, 2.0).as_json()
    assert told == {"name": "a ratio", "value": None, "limit": 2.0, "met": False, "measured": False}
