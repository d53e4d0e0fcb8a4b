"""Which providers there are, and how one is called: within a time-out, and never sent is an answer too.

Whatever else a provider raises, its caller takes for `Unknown`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from chandlery.engine.errors import DatabaseUnavailable
from chandlery.engine.outbound import HostUnreachable
from chandlery.fulfilment.port import Failed, Outcome, Provider, Request, Unknown
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.kernel.errors import Unavailable
from chandlery.kernel.ids import TenantId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Providers:
    """The providers by name, the keys with which they sign callbacks, and how patient we are with them."""

    by_name: Mapping[str, Provider]
    callback_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    policy: RetryPolicy = field(default_factory=RetryPolicy)

    async def send(self, name: str, action: str, request: Request) -> Outcome:
        """Have a provider create or change something."""
        provider = self.by_name.get(name)
        if provider is None:
            return Failed(f"No provider named {name} is set up here.")
        call = provider.change if action == "change" else provider.provision
        return await self._within_timeout(name, call(request))

    async def ask(self, name: str, account: TenantId, reference: str) -> Outcome | None:
        """Ask a provider what became of our reference; None when it has never seen it."""
        provider = self.by_name.get(name)
        if provider is None:
            return Unknown(f"No provider named {name} is set up here.")
        return await self._within_timeout(name, provider.query(account, reference))

    async def _within_timeout(self, name: str, call: Awaitable[T]) -> T | Failed | Unknown:
        try:
            async with asyncio.timeout(self.policy.call_timeout.total_seconds()):
                return await call
        except TimeoutError:
            return Unknown("The vendor did not answer in time.")
        except (NotSent, HostUnreachable, DatabaseUnavailable) as error:
            return Failed(error.detail)


class NotSent(Unavailable):
    """The vendor could not be reached; nothing was sent."""
