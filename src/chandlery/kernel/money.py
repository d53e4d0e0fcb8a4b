"""Money: rates are decimals, what is owed is whole minor units, and there is one road from one to the other.

Cloud prices go below a cent, so a unit price is a decimal *rate* in major units (`Decimal("0.0295")` US dollars).
What somebody owes is an integer number of the currency's minor units. `owed` is the only place where a rate
becomes an amount; it rounds half up, once, after multiplying.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, localcontext

from chandlery.kernel.errors import Invalid, Problem

_EXPONENTS = {
    **dict.fromkeys(
        ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV"), 0
    ),
    **dict.fromkeys(("XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
    **dict.fromkeys(
        [
            "AED",
            "AFN",
            "ALL",
            "AMD",
            "AOA",
            "ARS",
            "AUD",
            "AWG",
            "AZN",
            "BAM",
            "BBD",
            "BDT",
            "BGN",
            "BMD",
            "BND",
            "BOB",
            "BRL",
            "BSD",
            "BTN",
            "BWP",
            "BYN",
            "BZD",
            "CAD",
            "CDF",
            "CHF",
            "CNY",
            "COP",
            "CRC",
            "CUP",
            "CVE",
            "CZK",
            "DKK",
            "DOP",
            "DZD",
            "EGP",
            "ERN",
            "ETB",
            "EUR",
            "FJD",
            "FKP",
            "GBP",
            "GEL",
            "GHS",
            "GIP",
            "GMD",
            "GTQ",
            "GYD",
            "HKD",
            "HNL",
            "HTG",
            "HUF",
            "IDR",
            "ILS",
            "INR",
            "IRR",
            "JMD",
            "KES",
            "KGS",
            "KHR",
            "KPW",
            "KYD",
            "KZT",
            "LAK",
            "LBP",
            "LKR",
            "LRD",
            "LSL",
            "MAD",
            "MDL",
            "MGA",
            "MKD",
            "MMK",
            "MNT",
            "MOP",
            "MRU",
            "MUR",
            "MVR",
            "MWK",
            "MXN",
            "MYR",
            "MZN",
            "NAD",
            "NGN",
            "NIO",
            "NOK",
            "NPR",
            "NZD",
            "PAB",
            "PEN",
            "PGK",
            "PHP",
            "PKR",
            "PLN",
            "QAR",
            "RON",
            "RSD",
            "RUB",
            "SAR",
            "SBD",
            "SCR",
            "SDG",
            "SEK",
            "SGD",
            "SHP",
            "SLE",
            "SOS",
            "SRD",
            "SSP",
            "STN",
            "SVC",
            "SYP",
            "SZL",
            "THB",
            "TJS",
            "TMT",
            "TOP",
            "TRY",
            "TTD",
            "TWD",
            "TZS",
            "UAH",
            "USD",
            "UYU",
            "UZS",
            "VED",
            "VES",
            "WST",
            "XCD",
            "YER",
            "ZAR",
            "ZMW",
            "ZWG",
        ],
        2,
    ),
}
"""ISO 4217: how many decimals each currency's minor unit has."""

MAX_MINOR = 10**15
"""No amount may reach this many minor units: far above any invoice, far below what a 64-bit column holds."""


class AmountOutOfRange(Invalid):
    """An amount is too large; order less at once or split the order."""


class CurrencyUnknown(Invalid):
    """This is not an active ISO 4217 currency code; use three upper-case letters such as EUR."""


class CurrenciesDiffer(Invalid):
    """Amounts of different currencies cannot be added; keep one currency per order."""


@dataclass(frozen=True, slots=True)
class Money:
    """An amount owed: `minor` whole minor units (cents) of `currency` (ISO 4217)."""

    minor: int
    currency: str

    def __add__(self, other: Money) -> Money:
        if self.currency != other.currency:
            raise CurrenciesDiffer(given=f"{self.currency}, {other.currency}")
        return Money(self.minor + other.minor, self.currency)

    def __neg__(self) -> Money:
        return Money(-self.minor, self.currency)

    def __str__(self) -> str:
        return f"{Decimal(self.minor).scaleb(-exponent(self.currency))} {self.currency}"


def exponent(currency: str) -> int:
    """The number of decimals of a currency's minor unit: 2 for USD, 0 for JPY, 3 for KWD."""
    try:
        return _EXPONENTS[currency]
    except KeyError:
        raise CurrencyUnknown(Problem("currency", CurrencyUnknown.message()), given=currency) from None


def is_currency(code: str) -> bool:
    return code in _EXPONENTS


def owed(rate: Decimal, quantity: Decimal | int, currency: str) -> Money:
    """What `quantity` units at `rate` (major units each) come to: multiplied exactly, then rounded half up, once."""
    with localcontext(prec=60):
        minor = (rate * quantity).scaleb(exponent(currency)).quantize(Decimal(1), ROUND_HALF_UP)
    if abs(minor) >= MAX_MINOR:
        raise AmountOutOfRange(given=str(quantity))
    return Money(int(minor), currency)


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of amounts that are all of `currency`; zero for none."""
    return sum(amounts, Money(0, currency))
