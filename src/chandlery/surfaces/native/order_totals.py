"""What an order comes to on the wire: lines, charges, discounts and taxes."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from chandlery.billing.assessment import Tax
from chandlery.billing.tax import Kind
from chandlery.kernel.ids import OrganizationId
from chandlery.processes.totals import Totalled


class TaxBody(msgspec.Struct):
    """All that is taxed alike; `rate` in percent, `note` says why there is no tax."""

    kind: Kind | None
    rate: Decimal
    note: str
    net_minor: int
    tax_minor: int


class TotalsBody(msgspec.Struct):
    """The sums of the lines' prices (`net`) and costs for one billing period of each, and what comes on top of them.

    `gross` is net and charges less discounts, and the taxes on that; it is the sum of figures that are rounded already.
    """

    currency: str
    net_minor: int
    cost_minor: int | None
    charges_minor: int
    discounts_minor: int
    tax_minor: int
    gross_minor: int
    taxes: list[TaxBody]


def totals_body(found: Totalled, viewer: OrganizationId) -> TotalsBody:
    order, on_top = found.order, found.assessment
    totals = order.totals(viewer)
    cost = None if totals.cost is None else totals.cost.minor
    net = totals.price.minor
    if on_top is None:
        return TotalsBody(order.currency, net, cost, 0, 0, 0, net, [])
    return TotalsBody(
        order.currency,
        net,
        cost,
        on_top.charges_minor,
        on_top.discounts_minor,
        on_top.tax_minor,
        on_top.gross_minor,
        [tax_body(tax) for tax in on_top.taxes],
    )


def tax_body(tax: Tax) -> TaxBody:
    how = tax.treatment
    return TaxBody(how.kind, how.rate, how.note, tax.net_minor, tax.tax_minor)
