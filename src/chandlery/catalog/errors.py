"""What the catalogue may refuse."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from chandlery.kernel.errors import Conflict, Forbidden, Invalid, NotFound, Problem


class _FieldRefused(Invalid):
    """A field of the request does not fit the catalogue; see the problems listed."""

    def __init__(self, field: str, given: str | None = None) -> None:
        super().__init__(Problem(field, self.message(), self.code()), given=given)


class PlanNotNamed(_FieldRefused):
    """Name what to buy either by plan_id or by sku, not by both."""


class SkuUnknown(_FieldRefused):
    """There is no plan on sale under this SKU; look it up in the catalogue."""


class SkuAmbiguous(Invalid):
    """Several plans are sold under this SKU; order one of them by its plan_id."""

    def __init__(self, field: str, plan_ids: Sequence[UUID], given: str) -> None:
        listed = ", ".join(map(str, plan_ids))
        super().__init__(
            Problem(field, f"{self.message()} Plans: {listed}.", self.code()), given=given, plan_ids=listed
        )


class PlanNotSold(_FieldRefused):
    """This plan is not on sale; look for another one in the catalogue."""


class CurrencyNotPriced(_FieldRefused):
    """This plan has no price in this currency at that time; choose another currency or plan."""


class MarketNotKnown(_FieldRefused):
    """This plan's price differs by market; set the attribute `market` of the customer first."""


class CustomerUnknown(_FieldRefused):
    """There is no such customer; check the id."""


class QuantityNotPriced(_FieldRefused):
    """There is no price for this quantity; choose one within the plan's quantity tiers."""


class NotTheOperator(Forbidden):
    """Only the operator at the root of the organisations may do this; ask it to."""


class VendorUnknown(NotFound):
    """There is no such vendor; check the id."""


class VendorInvalid(Invalid):
    """The vendor cannot be changed like this; correct the fields listed."""


class PlanUnknown(NotFound):
    """There is no such plan; look it up in the catalogue."""


class ProductUnknown(NotFound):
    """There is no such product; look it up in the catalogue."""


class RuleUnknown(NotFound):
    """There is no such price rule of yours; list your price rules."""


class RuleInvalid(Invalid):
    """This price rule does not make sense; see the problems listed."""


class RulesOverlap(Conflict):
    """A price rule for the same recipient, target, currency and quantity is in force in that period; end it first."""


class RuleAlreadyEnded(Conflict):
    """This price rule has ended by then; a rule can only be ended earlier, and not before now."""


class CharacteristicUnknown(NotFound):
    """There is no such characteristic; read the plan again."""


class CharacteristicInvalid(Invalid):
    """This characteristic does not make sense; see the problems listed."""


class AddonInvalid(Invalid):
    """A plan cannot be an add-on of this one; name another plan of the catalogue as its base."""


class SheetUnreadable(Invalid):
    """This is not a price sheet of the format named; check the header line and the encoding (UTF-8)."""
