"""What holds between two parties on top of the prices of an order: charges, tax rules, and who the two are.

While the order is a draft its terms are as things stand. Checking out keeps them, so that the totals that somebody
agreed to stay as they are whatever happens to rules and registers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chandlery.billing.assessment import Assessment, Item, assess
from chandlery.billing.charge import Charge
from chandlery.billing.tax import TaxParty, TaxRule, Treatment, treatment_of
from chandlery.kernel.ids import OrderId, OrganizationId, PlanId

ASSESSMENT = "assessment"
"""The feature that a tenant comes to use with its first charge or tax rule."""


@dataclass(frozen=True, slots=True)
class Terms:
    """`classes` names the tax class of those plans that have one."""

    issuer: TaxParty = field(default_factory=TaxParty)
    recipient: TaxParty = field(default_factory=TaxParty)
    rules: tuple[TaxRule, ...] = ()
    charges: tuple[Charge, ...] = ()
    classes: Mapping[PlanId, str] = field(default_factory=dict)

    def treatment(self, product_class: str) -> Treatment:
        return treatment_of(self.rules, self.issuer, self.recipient, product_class)

    def assess(
        self, currency: str, items: Sequence[Item], charges: Sequence[Charge] | None = None
    ) -> Assessment:
        return assess(currency, items, self.charges if charges is None else charges, self.treatment)


@dataclass(frozen=True, slots=True)
class Dealing:
    """An order between two parties, whose terms are wanted: as they stand (a draft's), or as they were kept."""

    order_id: OrderId
    issuer_id: OrganizationId
    recipient_id: OrganizationId
    plan_ids: tuple[PlanId, ...]
    is_draft: bool
