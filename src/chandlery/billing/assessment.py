"""What lines come to with everything on top: charges, discounts and taxes, every part rounded once.

The rules, in order:

1. A discount on a line lowers that line; a discount on the order lowers all lines in proportion to what is left of
   them, to the cent (the largest remainders get the odd cents). No discount takes off more than there is.
2. A percentage is taken of what the discounts before it have left. It is rounded once, into an amount.
3. What is left of lines and charges is summed by how it is taxed; the tax of each such sum is rounded once.
4. Totals are sums of these rounded parts, and nothing else is ever rounded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from chandlery.billing.charge import Charge
from chandlery.billing.tax import Treatment
from chandlery.kernel.ids import ChargeId, LineId
from chandlery.kernel.money import exponent, owed


@dataclass(frozen=True, slots=True)
class Item:
    """A line before anything is put on top: what it comes to, and the class by which it is taxed."""

    line_id: LineId
    net_minor: int
    product_class: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What a line, charge or discount comes to. Of `amount_minor` (a discount: below zero) `taxable_minor` is taxed."""

    amount_minor: int
    taxable_minor: int
    treatment: Treatment
    line_id: LineId | None = None
    charge_id: ChargeId | None = None


@dataclass(frozen=True, slots=True)
class Tax:
    """All that is taxed alike, and the tax on it."""

    treatment: Treatment
    net_minor: int
    tax_minor: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """The parts and their totals."""

    currency: str
    lines: tuple[Part, ...]
    charges: tuple[Part, ...]
    discounts: tuple[Part, ...]
    taxes: tuple[Tax, ...]

    @property
    def net_minor(self) -> int:
        """The lines alone."""
        return sum(part.amount_minor for part in self.lines)

    @property
    def charges_minor(self) -> int:
        return sum(part.amount_minor for part in self.charges)

    @property
    def discounts_minor(self) -> int:
        """What the discounts take off, as a positive figure."""
        return -sum(part.amount_minor for part in self.discounts)

    @property
    def taxable_minor(self) -> int:
        """Lines and charges less discounts: what an invoice calls net."""
        return self.net_minor + self.charges_minor - self.discounts_minor

    @property
    def tax_minor(self) -> int:
        return sum(tax.tax_minor for tax in self.taxes)

    @property
    def gross_minor(self) -> int:
        return self.taxable_minor + self.tax_minor


def assess(
    currency: str, items: Sequence[Item], charges: Sequence[Charge], treat: Callable[[str], Treatment]
) -> Assessment:
    """What the items come to; `treat` says how a class of products is taxed. Charges on lines not among them rest."""
    left = {item.line_id: item.net_minor for item in items}
    on_these = [charge for charge in charges if charge.line_id is None or charge.line_id in left]
    discounts = []
    for charge in sorted(on_these, key=lambda charge: charge.line_id is None):  # those on lines come first
        if charge.kind == "discount":
            taken = _taken(charge, left, currency)
            left = {line_id: rest - taken.get(line_id, 0) for line_id, rest in left.items()}
            discounts.append(Part(-sum(taken.values()), 0, Treatment(), charge.line_id, charge.id))
    lines = [
        Part(item.net_minor, left[item.line_id], treat(item.product_class), item.line_id) for item in items
    ]
    added = []
    for charge in on_these:
        if charge.kind != "discount":
            amount = _figure(charge, _base(charge, left), currency)
            added.append(Part(amount, amount, treat(charge.product_class), charge.line_id, charge.id))
    return Assessment(
        currency, tuple(lines), tuple(added), tuple(discounts), taxes_of((*lines, *added), currency)
    )


def taxes_of(parts: Sequence[Part], currency: str) -> tuple[Tax, ...]:
    """The tax on everything that is taxed alike, in the order in which it first appears; untaxed parts have none."""
    nets: dict[Treatment, int] = {}
    for part in parts:
        if part.treatment.kind is not None:
            nets[part.treatment] = nets.get(part.treatment, 0) + part.taxable_minor
    return tuple(Tax(t, net, percent_of(net, t.rate, currency)) for t, net in nets.items())


def percent_of(minor: int, percent: Decimal, currency: str) -> int:
    """So many percent of an amount, through the one rounding there is."""
    return owed(percent, Decimal(minor).scaleb(-exponent(currency) - 2), currency).minor


def shared_out(amount: int, weights: Sequence[int]) -> list[int]:
    """An amount in whole parts, in proportion to weights of which none is below zero; the parts make up the amount."""
    whole = sum(weights)
    if whole == 0:
        return [0] * len(weights)
    parts = [amount * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda n: (-(amount * weights[n] % whole), n))
    for n in by_remainder[: amount - sum(parts)]:
        parts[n] += 1
    return parts


def _base(charge: Charge, left: dict[LineId, int]) -> int:
    return sum(left.values()) if charge.line_id is None else left[charge.line_id]


def _figure(charge: Charge, base: int, currency: str) -> int:
    if charge.percent is not None:
        return percent_of(base, charge.percent, currency)
    assert charge.amount_minor is not None
    return charge.amount_minor


def _taken(charge: Charge, left: dict[LineId, int], currency: str) -> dict[LineId, int]:
    """What a discount takes off each line."""
    on = [charge.line_id] if charge.line_id is not None else list(left)
    weights = [max(left[line_id], 0) for line_id in on]
    figure = min(_figure(charge, sum(weights), currency), sum(weights))
    return dict(zip(on, shared_out(figure, weights), strict=True))
