"""Credit limits: what somebody directly below may owe you, and what you allow yourself to spend."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.billing import credit, limits
from chandlery.billing.errors import CreditLimitUnknown
from chandlery.billing.limit import Beyond, CreditLimit, Period
from chandlery.kernel.ids import CreditLimitId, OrderId, OrganizationId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Currency, Id

Amount = Annotated[int, Meta(ge=0, description="Minor units of the currency.", examples=[500000])]


class CreditLimitBody(msgspec.Struct, kw_only=True):
    """`used_minor`: the orders placed and not settled (`open`), or placed in this calendar month, UTC (`month`)."""

    id: UUID
    issuer_id: UUID
    recipient_id: UUID
    currency: str
    period: Period
    amount_minor: int
    used_minor: int
    available_minor: int
    beyond: Beyond
    created_at: datetime
    version: int


class NewCreditLimit(Body):
    """For one directly below you, or for yourself. An order beyond it is refused, or held until it is paid."""

    recipient_id: Id
    currency: Currency
    amount_minor: Amount
    period: Period = "open"
    beyond: Beyond = "refuse"


class CreditLimitChange(Body):
    """What is left out stays. It counts for what is placed from now on."""

    amount_minor: Amount | None = None
    beyond: Beyond | None = None


class Settlement(Body):
    """An order that was paid or invoiced."""

    order_id: Id


class CreditLimitQuery(PageQuery):
    side: Annotated[
        Literal["issued", "received"], Meta(description="Those that you have set, or those set for you.")
    ] = "issued"


async def list_credit_limits(call: Call) -> Reply:
    query: CreditLimitQuery = call.query
    found = await call.read(limits.find_limits, limits.FindLimits(query.side, query.page()))
    return page_reply(found, _body)


async def set_credit_limit(call: Call, body: NewCreditLimit) -> Reply:
    command = limits.SetLimit(
        OrganizationId(body.recipient_id), body.currency, body.amount_minor, body.period, body.beyond
    )
    return await call.perform(limits.set_limit, command, reply=_reply)


async def get_credit_limit(call: Call) -> Reply:
    return _reply(await call.read(limits.get_limit, _id(call)))


async def change_credit_limit(call: Call, body: CreditLimitChange) -> Reply:
    command = limits.ChangeLimit(_id(call), body.amount_minor, body.beyond, call.expected_version)
    return await call.perform(limits.change_limit, command, reply=_reply)


async def remove_credit_limit(call: Call) -> Reply:
    command = limits.RemoveLimit(_id(call), call.expected_version)
    return await call.perform(limits.remove_limit, command, reply=lambda _: Reply())


async def settle_order(call: Call, body: Settlement) -> Reply:
    command = credit.SettleCredit(_id(call), OrderId(body.order_id))
    return await call.perform(credit.settle, command, reply=_reply)


def _id(call: Call) -> CreditLimitId:
    return CreditLimitId(call.id("credit_limit_id", missing=CreditLimitUnknown))


def _reply(limit: CreditLimit) -> Reply:
    return Reply(_body(limit), etag=limit.version)


def _body(limit: CreditLimit) -> CreditLimitBody:
    return CreditLimitBody(
        id=limit.id,
        issuer_id=limit.issuer_id,
        recipient_id=limit.recipient_id,
        currency=limit.currency,
        period=limit.period,
        amount_minor=limit.amount_minor,
        used_minor=limit.used_minor,
        available_minor=limit.available_minor,
        beyond=limit.beyond,
        created_at=limit.created_at,
        version=limit.version,
    )
