"""Charges and discounts on a draft: what a seller puts on top of its lines, or takes off."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.billing.charge import Charge, ChargeKind
from chandlery.billing.errors import ChargeUnknown
from chandlery.kernel.ids import ChargeId, LineId
from chandlery.processes import order_charges
from chandlery.processes.totals import totalled
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.fields import Id
from chandlery.surfaces.native.orders import order_id, order_reply
from chandlery.surfaces.native.tax_rules import TaxClass


class ChargeBody(msgspec.Struct, kw_only=True):
    """Either a percentage or an amount; a discount takes it off. Without a line it is on the whole order."""

    id: UUID
    kind: ChargeKind
    label: str
    percent: Decimal | None
    amount_minor: int | None
    line_id: UUID | None
    tax_class: str


class ChargesBody(msgspec.Struct, kw_only=True):
    """Your own first, then those that you are to pay."""

    items: list[ChargeBody]


class NewCharge(Body):
    """Between your organisation and the one directly below it on the way to the customer."""

    kind: Annotated[ChargeKind, Meta(examples=["delivery"])]
    label: Annotated[str, Meta(examples=["Delivery by courier"])]
    percent: Annotated[Decimal, Meta(description="Of what it is on, as a string.", examples=["5"])] | None = (
        None
    )
    amount_minor: Annotated[int, Meta(examples=[990])] | None = None
    line_id: Id | None = None
    tax_class: TaxClass = ""


async def list_charges(call: Call) -> Reply:
    found = await call.read(order_charges.find_charges, order_id(call))
    return Reply(ChargesBody(items=[_body(charge) for charge in found]))


async def add_charge(call: Call, body: NewCharge) -> Reply:
    command = order_charges.AddCharge(
        order_id(call),
        body.kind,
        body.label,
        body.percent,
        body.amount_minor,
        None if body.line_id is None else LineId(body.line_id),
        body.tax_class,
        call.expected_version,
    )
    return await call.perform(
        totalled(order_charges.add_charge), command, reply=lambda found: order_reply(call, found)
    )


async def remove_charge(call: Call) -> Reply:
    charge_id = ChargeId(call.id("charge_id", missing=ChargeUnknown))
    command = order_charges.RemoveCharge(order_id(call), charge_id, call.expected_version)
    return await call.perform(
        totalled(order_charges.remove_charge), command, reply=lambda found: order_reply(call, found)
    )


def _body(charge: Charge) -> ChargeBody:
    return ChargeBody(
        id=charge.id,
        kind=charge.kind,
        label=charge.label,
        percent=charge.percent,
        amount_minor=charge.amount_minor,
        line_id=charge.line_id,
        tax_class=charge.product_class,
    )
