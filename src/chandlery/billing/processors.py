"""The port: what a payment processor can be asked, the five ways in which it answers, and how it is called.

A processor never raises to say something: whatever it raises counts as `Unknown`, for the call may have arrived. Then
it is asked by our reference, and nothing is sent again before the processor has said that it does not have it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal, Protocol, TypeAlias, TypeVar

from chandlery.billing.errors import ProcessorUnknown
from chandlery.engine.errors import DatabaseUnavailable
from chandlery.engine.outbound import HostUnreachable
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import TenantId
from chandlery.kernel.money import Money

T = TypeVar("T")

OperationKind = Literal["authorize", "capture", "void", "refund"]
MANUAL: Final = "manual"


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted. `reference` is ours and the same in every attempt; `account` is whose deal it is under."""

    reference: str
    account: TenantId
    kind: OperationKind
    amount: Money
    token: str = field(repr=False)
    authorization: str | None = None
    """What the processor calls the authorisation that is captured, voided or refunded; None for a new one."""


@dataclass(frozen=True, slots=True)
class Done:
    """It was done, under this name of the processor's."""

    processor_reference: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """It was taken on; what became of it is asked after `poll_after`."""

    processor_reference: str
    poll_after: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Refused:
    """The processor has said no: a decline. Asking again changes nothing."""

    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It was certainly not done; it may be sent again."""

    reason: str
    retry_after: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Unknown:
    """It may have been done."""

    reason: str


Outcome: TypeAlias = Done | Accepted | Refused | Failed | Unknown


class Processor(Protocol):
    """A payment processor, as we wish it were. Every call may run twice and ends within its caller's time-out."""

    async def send(self, request: Request) -> Outcome: ...

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        """What became of the request with our reference; None when the processor has never seen it."""
        ...


class Manual:
    """Nobody but people: cash, a transfer seen on a bank statement. What they write down has happened."""

    async def send(self, request: Request) -> Outcome:
        return Done(f"{MANUAL} {request.reference}")

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        return Done(f"{MANUAL} {reference}")


@dataclass(frozen=True, slots=True)
class Processors:
    """The processors by name, and how long we wait for one."""

    by_name: Mapping[str, Processor]
    call_timeout: timedelta = timedelta(seconds=20)

    def known(self, name: str) -> str:
        """The name of a processor that is set up here."""
        if name not in self.by_name:
            raise ProcessorUnknown(Problem("processor", ProcessorUnknown.message(), "choice"), given=name)
        return name

    async def send(self, name: str, request: Request) -> Outcome:
        processor = self.by_name.get(name)
        if processor is None:
            return Failed(f"No payment processor named {name} is set up here.")
        return await self._within_timeout(processor.send(request))

    async def ask(self, name: str, account: TenantId, reference: str) -> Outcome | None:
        processor = self.by_name.get(name)
        if processor is None:
            return Unknown(f"No payment processor named {name} is set up here.")
        return await self._within_timeout(processor.query(account, reference))

    async def _within_timeout(self, call: Awaitable[T]) -> T | Failed | Unknown:
        try:
            async with asyncio.timeout(self.call_timeout.total_seconds()):
                return await call
        except TimeoutError:
            return Unknown("The payment processor did not answer in time.")
        except (HostUnreachable, DatabaseUnavailable) as error:  # it was certainly not sent
            return Failed(error.detail)
