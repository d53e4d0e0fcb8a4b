"""Money is exact: rates multiply exactly, are rounded once, half up, and amounts add up to the unit."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chandlery.kernel.money import (
    MAX_MINOR,
    AmountOutOfRange,
    CurrenciesDiffer,
    CurrencyUnknown,
    Money,
    exponent,
    is_currency,
    owed,
    total,
)

RATES = st.decimals(min_value=-(10**6), max_value=10**6, places=9, allow_nan=False, allow_infinity=False)
QUANTITIES = st.integers(min_value=0, max_value=10**6)
CURRENCIES = st.sampled_from(["USD", "EUR", "JPY", "KWD"])
AMOUNTS = st.integers(min_value=-(10**12), max_value=10**12)


@given(RATES, QUANTITIES, CURRENCIES)
def test_what_is_owed_is_within_half_a_minor_unit_of_the_exact_product(
    rate: Decimal, quantity: int, currency: str
) -> None:
    exact = Fraction(rate) * quantity * 10 ** exponent(currency)
    assert abs(owed(rate, quantity, currency).minor - exact) <= Fraction(1, 2)


@given(RATES, QUANTITIES, CURRENCIES)
def test_what_is_owed_does_not_depend_on_how_the_rate_is_written(
    rate: Decimal, quantity: int, currency: str
) -> None:
    padded = rate.quantize(Decimal(1).scaleb(-15))
    assert owed(padded, quantity, currency) == owed(rate, quantity, currency)


@given(RATES, QUANTITIES)
def test_a_credit_is_the_charge_with_the_other_sign(rate: Decimal, quantity: int) -> None:
    assert owed(-rate, quantity, "EUR") == -owed(rate, quantity, "EUR")


@given(st.lists(AMOUNTS, max_size=30), CURRENCIES)
def test_a_total_is_the_sum_of_its_parts_in_any_order(amounts: list[int], currency: str) -> None:
    parts = [Money(minor, currency) for minor in amounts]
    assert total(parts, currency) == total(reversed(parts), currency) == Money(sum(amounts), currency)


@pytest.mark.parametrize(
    ("rate", "quantity", "currency", "minor"),
    [
        ("0.005", 1, "USD", 1),
        ("0.0049", 1, "USD", 0),
        ("-0.005", 1, "USD", -1),
        ("0.0295", 1000, "USD", 2950),
        ("5.04", 10, "USD", 5040),
        ("0.5", 1, "JPY", 1),
        ("1.2345", 1, "KWD", 1235),
    ],
)
def test_half_a_unit_is_rounded_away_from_zero(rate: str, quantity: int, currency: str, minor: int) -> None:
    assert owed(Decimal(rate), quantity, currency) == Money(minor, currency)


@given(st.decimals(min_value=0, max_value=10**6, places=4, allow_nan=False, allow_infinity=False))
def test_money_is_shown_with_the_decimals_of_its_currency(amount: Decimal) -> None:
    cents = amount.quantize(Decimal("0.01"), ROUND_HALF_UP)
    assert str(owed(amount, 1, "USD")) == f"{cents} USD"


def test_an_amount_beyond_all_reason_is_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        owed(Decimal(10) ** 9, 10**9, "USD")
    assert owed(Decimal(MAX_MINOR - 1), 1, "JPY").minor == MAX_MINOR - 1


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrenciesDiffer):
        Money(1, "USD") + Money(1, "EUR")


@pytest.mark.parametrize("code", ["usd", "", "XYZ", "US", "DEM", "XAU"])
def test_only_currencies_in_use_are_known(code: str) -> None:
    assert not is_currency(code)
    with pytest.raises(CurrencyUnknown):
        exponent(code)
