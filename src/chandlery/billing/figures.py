"""Amounts, quantities and dates as people read them, in the languages that our letters and documents speak."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Final

from chandlery.kernel.money import Money, exponent

LANGUAGES: Final = ("en", "de")

_SEPARATORS = {"en": (",", "."), "de": (".", ",")}
_MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
}
_DATES = {"en": "{day} {month} {year}", "de": "{day}. {month} {year}"}


def spoken(language: str) -> str:
    """The language of ours that is nearest to the one wanted: `de-AT` is read as `de`, what is unknown as English."""
    plain = language.partition("-")[0]
    return plain if plain in LANGUAGES else LANGUAGES[0]


def number_text(number: Decimal | int, language: str, places: int | None = None) -> str:
    """`1,234.50` or `1.234,50`; without `places`, as many decimals as the number has and no idle zeros."""
    exact = Decimal(number)
    text = f"{exact:,f}" if places is None else f"{exact:,.{places}f}"
    whole, _, decimals = text.partition(".")
    decimals = decimals if places is not None else decimals.rstrip("0")
    thousands, point = _SEPARATORS[spoken(language)]
    return whole.replace(",", thousands) + (point + decimals if decimals else "")


def money_text(money: Money, language: str) -> str:
    """`1,234.50 EUR`: the code, as signs are shared by several currencies."""
    places = exponent(money.currency)
    return f"{number_text(Decimal(money.minor).scaleb(-places), language, places)} {money.currency}"


def rate_text(rate: Decimal, currency: str, language: str) -> str:
    """A price per unit: the currency's decimals at least, and as many more as the rate has."""
    normal = rate.normalize().as_tuple().exponent
    places = max(exponent(currency), -normal if isinstance(normal, int) else 0)
    return number_text(rate, language, places)


def date_text(day: date, language: str) -> str:
    """`20 November 2026`, `20. November 2026`."""
    plain = spoken(language)
    return _DATES[plain].format(day=day.day, month=_MONTHS[plain][day.month - 1], year=day.year)
