from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from chandlery.billing.assessment import Assessment, Item, assess, shared_out
from chandlery.billing.charge import Charge
from chandlery.billing.tax import UNTAXED, Treatment
from chandlery.kernel.ids import ChargeId, LineId

NINETEEN = Treatment("rate", Decimal(19))
SEVEN = Treatment("rate", Decimal(7))
BY_CLASS = {"": NINETEEN, "books": SEVEN, "free": UNTAXED}


def line(number: int) -> LineId:
    return LineId(UUID(int=number))


def items(*nets: int, **classes: int) -> list[Item]:
    plain = [Item(line(n), net) for n, net in enumerate(nets)]
    return plain + [Item(line(100 + n), net, name) for n, (name, net) in enumerate(classes.items())]


def a_charge(kind: Any = "delivery", percent: str | None = None, **more: Any) -> Charge:
    exact = None if percent is None else Decimal(percent)
    return Charge(ChargeId(UUID(int=1)), kind, kind.title(), exact, **more)


def assessed(lines: list[Item], *charges: Charge, currency: str = "EUR") -> Assessment:
    return assess(currency, lines, charges, BY_CLASS.__getitem__)


def figures(found: Assessment) -> tuple[int, int, int, int, int]:
    return found.net_minor, found.charges_minor, found.discounts_minor, found.tax_minor, found.gross_minor


def test_lines_alone_are_what_they_are() -> None:
    found = assess("EUR", items(1000, 500), (), lambda _: UNTAXED)
    assert figures(found) == (1500, 0, 0, 0, 1500)
    assert found.taxes == ()


def test_tax_is_rounded_once_for_all_that_is_taxed_alike() -> None:
    """Three times 0.10 at 19 % is 0.057: rounded line by line it would be 0.06 too much or too little."""
    found = assessed(items(10, 10, 10))
    assert figures(found) == (30, 0, 0, 6, 36)


def test_each_rate_has_a_sum_of_its_own() -> None:
    found = assessed(items(10_000, books=5_000), a_charge(amount_minor=990))
    assert [(t.treatment.rate, t.net_minor, t.tax_minor) for t in found.taxes] == [
        (Decimal(19), 10_990, 2_088),
        (Decimal(7), 5_000, 350),
    ]
    assert figures(found) == (15_000, 990, 0, 2_438, 18_428)


def test_a_discount_on_the_order_lowers_what_each_rate_is_charged_on() -> None:
    found = assessed(items(10_000, books=5_000), a_charge("discount", amount_minor=100))
    assert [part.taxable_minor for part in found.lines] == [9_933, 4_967]
    assert figures(found) == (15_000, 0, 100, 1_887 + 348, 15_000 - 100 + 1_887 + 348)


def test_a_discount_on_a_line_comes_before_one_on_the_order() -> None:
    on_all = a_charge("discount", "10")
    on_one = a_charge("discount", "50", line_id=line(0))
    found = assessed(items(1_000, 1_000), on_all, on_one)
    assert [part.taxable_minor for part in found.lines] == [450, 900]
    assert found.discounts_minor == 650


def test_a_percentage_of_charges_is_taken_of_what_the_discounts_left() -> None:
    found = assessed(items(1_000), a_charge("discount", "50"), a_charge("payment", "2.5"))
    assert figures(found) == (1_000, 13, 500, 97, 610)


def test_no_discount_takes_off_more_than_there_is() -> None:
    found = assessed(items(300), a_charge("discount", amount_minor=500), a_charge(amount_minor=100))
    assert figures(found) == (300, 100, 300, 19, 119)


def test_a_charge_on_a_line_that_is_not_there_rests() -> None:
    assert figures(assessed(items(300), a_charge(amount_minor=100, line_id=line(9)))) == (300, 0, 0, 57, 357)


def test_currencies_without_or_with_three_decimals_round_at_theirs() -> None:
    assert assessed(items(1_005), currency="JPY").tax_minor == 191
    assert assessed(items(1_005), currency="KWD").tax_minor == 191


NETS = st.lists(st.tuples(st.integers(0, 10**9), st.sampled_from(sorted(BY_CLASS))), min_size=1, max_size=12)
PERCENT = st.decimals("0.01", 100, places=2)
CHARGES = st.lists(
    st.tuples(
        st.sampled_from(["delivery", "handling", "payment", "discount"]),
        st.one_of(PERCENT, st.integers(1, 10**8)),
        st.one_of(st.none(), st.integers(0, 14)),
        st.sampled_from(sorted(BY_CLASS)),
    ),
    max_size=6,
)


@given(NETS, CHARGES, st.sampled_from(["EUR", "JPY", "KWD"]))
def test_totals_equal_the_sum_of_rounded_parts(nets: Any, charges: Any, currency: str) -> None:
    lines = [Item(line(n), net, name) for n, (net, name) in enumerate(nets)]
    ids = (ChargeId(UUID(int=n)) for n in count())
    found = assessed(
        lines,
        *(
            Charge(
                next(ids), kind, kind, figure if isinstance(figure, Decimal) else None,
                figure if isinstance(figure, int) else None, None if on is None else line(on), name,
            )
            for kind, figure, on, name in charges
        ),
        currency=currency,
    )  # fmt: skip
    parts = (*found.lines, *found.charges, *found.discounts)
    assert found.gross_minor == sum(p.amount_minor for p in parts) + sum(t.tax_minor for t in found.taxes)
    # All that is taxed, and all that is not, is all there is.
    assert sum(p.taxable_minor for p in parts) == found.taxable_minor
    untaxed = sum(p.taxable_minor for p in parts if p.treatment is UNTAXED)
    assert sum(t.net_minor for t in found.taxes) + untaxed == found.taxable_minor
    # Each tax is its exact value rounded once, and no line is discounted below nothing.
    for tax in found.taxes:
        assert abs(tax.tax_minor * 100 - tax.net_minor * tax.treatment.rate) <= 50
    assert all(0 <= p.taxable_minor <= p.amount_minor for p in found.lines)
    assert found.discounts_minor == sum(p.amount_minor - p.taxable_minor for p in found.lines)


@given(st.integers(0, 10**12), st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_what_is_shared_out_is_all_there_was(amount: int, weights: list[int]) -> None:
    parts = shared_out(amount, weights)
    if sum(weights):
        assert sum(parts) == amount
        exact = [Decimal(amount) * weight / sum(weights) for weight in weights]
        assert all(abs(part - share) < 1 for part, share in zip(parts, exact, strict=True))
    else:
        assert parts == [0] * len(weights)
