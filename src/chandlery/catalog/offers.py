"""What a customer is offered, from the database: one statement for all lines of an order.

offers = await unit.fetch(offers(customer_id, [line.ref for line in lines], "USD"))
offer = offers.pick(line.ref, "lines.0")
problems = offer.check(line.quantity, line.characteristics, "lines.0")
quote = offer.quote(line.quantity)
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chandlery.catalog import _store
from chandlery.catalog.offer import Offer, Offers, PlanRef, PriceStep, Quote
from chandlery.engine.statements import Query
from chandlery.kernel.ids import OrganizationId

__all__ = ["Offer", "Offers", "PlanRef", "PriceStep", "Quote", "offers"]


def offers(
    customer_id: OrganizationId, refs: Sequence[PlanRef], currency: str, at: datetime | None = None
) -> Query[Offers]:
    """What the plans named cost that customer at a time (None: now). It may be any organisation of the caller's tree.

    The answer holds the prices of every tier, which the caller may not see: hand on its own step only.
    """
    return _store.offers_query(customer_id, refs, currency, at)
