"""What a provider can be asked, and the five ways in which it answers.

A provider never raises to say something: whatever it raises counts as `Unknown`, for the call may have arrived.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeAlias

from chandlery.kernel.ids import OrganizationId, TenantId


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted. `reference` is ours and the same in every attempt; `account` is whose deal it is under."""

    reference: str
    account: TenantId
    customer_id: OrganizationId
    plan_code: str
    sku_code: str
    quantity: int
    characteristics: Mapping[str, Any] = field(default_factory=dict)
    vendor_reference: str | None = None
    """What the vendor calls the thing to be changed; None for a new one."""


@dataclass(frozen=True, slots=True)
class Done:
    """It exists, under this name of the vendor's."""

    vendor_reference: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The vendor has taken it and will call back; should it not, it is asked after `poll_after`.

    None: there is nobody to ask. A person does it, and will say so.
    """

    vendor_reference: str
    poll_after: timedelta | None = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Refused:
    """The vendor has said no; asking again changes nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It was certainly not done; it may be sent again, not before `retry_after` if the vendor named one."""

    reason: str
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done: never to be sent again before the vendor has said that it was not.

    `may_repeat`: unless the vendor recognises our reference when it comes again, so that sending is asking.
    """

    reason: str
    may_repeat: bool = False


Outcome: TypeAlias = Done | Accepted | Refused | Failed | Unknown


class Provider(Protocol):
    """A vendor's system, as we wish it were. Every call may run twice and ends within its caller's time-out."""

    async def provision(self, request: Request) -> Outcome: ...
    async def change(self, request: Request) -> Outcome: ...
    async def suspend(self, request: Request) -> Outcome: ...
    async def resume(self, request: Request) -> Outcome: ...
    async def cancel(self, request: Request) -> Outcome: ...

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        """What became of the request with our reference; None when the vendor has never seen it.

        `Failed` here says that the request has failed; a question that could not be put is `Unknown`.
        """
        ...
