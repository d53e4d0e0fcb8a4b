"""The noun: a tax rule, and how the one that holds for a sale is found.

A rule says what its issuer charges: on sales to a country and region, of a class of products, to a kind of buyer. Its
parts that are empty hold for all. Of the rules that fit, the most particular holds: by buyer, then by product class,
region and country. So "19 % in Germany", "7 % for books" and "reverse charge for businesses elsewhere in the Union" are
three rows, and no country stands in the code.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal

from chandlery.kernel.ids import TaxRuleId
from chandlery.parties.vat import in_union, union_country

Buyer = Literal["any", "business", "union_business"]
Kind = Literal["rate", "zero", "exempt", "reverse_charge"]
BUYERS: Final[tuple[Buyer, ...]] = ("any", "business", "union_business")
"""From the least to the most particular: anybody; with a VAT number; with one of another member state."""
MAX_PERCENT: Final = Decimal(100)


@dataclass(frozen=True, slots=True)
class Treatment:
    """How a sale is taxed: with `rate` percent, or without tax and why. `kind` None: no rule says anything."""

    kind: Kind | None = None
    rate: Decimal = Decimal(0)
    note: str = ""
    """What must stand on the invoice: why no tax is charged."""


UNTAXED: Final = Treatment()


@dataclass(frozen=True, slots=True)
class TaxRule:
    """`rate` in percent; only a rule of the kind `rate` has one. Empty `country`, `region`, `product_class`: all."""

    id: TaxRuleId
    kind: Kind
    rate: Decimal
    effective_from: datetime
    effective_until: datetime
    country: str = ""
    region: str = ""
    product_class: str = ""
    buyer: Buyer = "any"
    note: str = ""
    version: int = 1

    @property
    def treatment(self) -> Treatment:
        return Treatment(self.kind, self.rate, self.note)

    @property
    def _particularity(self) -> tuple[int, bool, bool, bool, datetime]:
        return (
            BUYERS.index(self.buyer),
            self.product_class != "",
            self.region != "",
            self.country != "",
            self.effective_from,
        )


@dataclass(frozen=True, slots=True)
class TaxParty:
    """What of a party matters to its taxes."""

    country: str = ""
    region: str = ""
    vat_number: str = ""
    tax_exempt: bool = False
    tax_exemption: str = ""


def treatment_of(
    rules: Iterable[TaxRule], issuer: TaxParty, recipient: TaxParty, product_class: str = ""
) -> Treatment:
    """How a sale of that class is taxed. Whoever does not say where it is is taken to be where the issuer is."""
    if recipient.tax_exempt:
        return Treatment("exempt", note=recipient.tax_exemption)
    country = recipient.country or issuer.country
    buyers = _buyer(issuer, recipient)
    fitting = [
        rule
        for rule in rules
        if rule.country in ("", country)
        and rule.region in ("", recipient.region)
        and rule.product_class in ("", product_class)
        and rule.buyer in buyers
    ]
    return max(fitting, key=lambda rule: rule._particularity).treatment if fitting else UNTAXED  # noqa: SLF001


def _buyer(issuer: TaxParty, recipient: TaxParty) -> tuple[Buyer, ...]:
    """What the recipient is, in the eyes of rules."""
    if not recipient.vat_number:
        return BUYERS[:1]
    member = union_country(recipient.vat_number)
    elsewhere = member is not None and in_union(issuer.country) and member != issuer.country
    return BUYERS if elsewhere else BUYERS[:2]
