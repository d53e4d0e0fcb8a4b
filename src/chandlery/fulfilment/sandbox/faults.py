"""How to make the sandbox vendor fail: rules as data, for one account, looked up on every call."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal, get_args

from chandlery.engine.standalone import run_once
from chandlery.fulfilment.errors import FaultUnknown
from chandlery.fulfilment.sandbox import _store
from chandlery.fulfilment.sandbox.vendor import Sandbox
from chandlery.identity import permissions
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem

Behaviour = Literal["fail", "refuse", "accept", "hang", "lose_answer", "lose_request"]


@dataclass(frozen=True, slots=True)
class Fault:
    """What the vendor does instead of simply doing it, for the requests that fit every member given.

        fail          not done, said so; may be sent again after `seconds`
        refuse        not done, and never will be
        accept        taken on; done after `seconds`, and then it calls back
        hang          done, and then no answer until the caller gives up
        lose_answer   done, but the answer is lost
        lose_request  not done, and the answer is lost

    `times` counts per reference: `Fault("fail", times=2)` fails twice, then succeeds. `call="query"` strikes
    questions about a request instead of the request.
    """

    behaviour: Behaviour
    times: int | None = None
    seconds: float = 0
    reason: str = ""
    call: Literal["send", "query"] = "send"
    reference: str | None = None
    plan_code: str | None = None
    sku_code: str | None = None
    quantity: int | None = None
    characteristic: str | None = None
    value: str | None = None


async def set_fault(vendor: Sandbox, actor: Actor, fault: Fault) -> None:
    """Add a fault to the actor's sandbox account; of several that fit, the oldest that is not used up strikes."""
    actor.require(permissions.FULFILMENT_OPERATE)
    if fault.behaviour not in get_args(Behaviour):
        raise FaultUnknown(Problem("behaviour", FaultUnknown.message()), given=str(fault.behaviour))
    await run_once(vendor.pool, _store.set_fault(actor.tenant_id, asdict(fault)))


async def clear_faults(vendor: Sandbox, actor: Actor) -> None:
    """Let the actor's sandbox account work without faults again."""
    actor.require(permissions.FULFILMENT_OPERATE)
    await run_once(vendor.pool, _store.clear_faults(actor.tenant_id))
