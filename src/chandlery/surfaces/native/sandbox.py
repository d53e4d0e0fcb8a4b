"""The sandbox vendor: making it fail on purpose, and looking into its books. Not set up, it is 404."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from chandlery.fulfilment.sandbox.faults import Behaviour, Fault, clear_faults, set_fault
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.wiring import sandbox


class FaultBody(Body):
    """What the vendor does instead of simply doing it, for the requests that fit every member given.

    `fail` not done, and says so; `refuse` never will; `accept` done after `seconds`, then it calls back; `hang` done,
    and no answer; `lose_answer` done, the answer is lost; `lose_request` not done, the answer is lost.
    """

    behaviour: Annotated[Behaviour, Meta(examples=["fail"])]
    times: (
        Annotated[int, Meta(ge=1, le=1_000_000, description="Per request; for ever unless given.")] | None
    ) = None
    seconds: Annotated[float, Meta(ge=0, le=86_400)] = 0
    reason: str = ""
    call: Literal["send", "query"] = "send"
    reference: str | None = None
    plan_code: str | None = None
    sku_code: str | None = None
    quantity: Annotated[int, Meta(ge=1, le=1_000_000_000)] | None = None
    characteristic: str | None = None
    value: str | None = None


class FaultsBody(Body):
    """All faults of your sandbox account; those set before are forgotten."""

    faults: Annotated[list[FaultBody], Meta(max_length=100)]


class LedgerQuery(Body):
    limit: Annotated[int, Meta(ge=1, le=200)] = 50


class LedgerEntry(msgspec.Struct, kw_only=True):
    """Something that the vendor really did."""

    id: int
    reference: str
    action: str
    plan_code: str
    quantity: int
    at: datetime


class LedgerBody(msgspec.Struct, kw_only=True):
    """Newest first."""

    items: list[LedgerEntry]


async def set_sandbox_faults(call: Call, body: FaultsBody) -> Reply:
    vendor = await sandbox(call)
    await clear_faults(vendor, call.actor)
    for fault in body.faults:
        await set_fault(vendor, call.actor, Fault(**msgspec.structs.asdict(fault)))
    return Reply(body)


async def clear_sandbox_faults(call: Call) -> Reply:
    await clear_faults(await sandbox(call), call.actor)
    return Reply()


async def read_sandbox_ledger(call: Call) -> Reply:
    query: LedgerQuery = call.query
    vendor = await sandbox(call)
    found = await vendor.ledger(call.actor.tenant_id, query.limit)
    return Reply(
        LedgerBody(
            items=[
                LedgerEntry(
                    id=entry.id,
                    reference=entry.reference,
                    action=entry.action,
                    plan_code=entry.plan_code,
                    quantity=entry.quantity,
                    at=entry.at,
                )
                for entry in found
            ]
        )
    )
