"""Which providers there are, and how one is called: within a time-out, and never sent is an answer too.

Whatever else a provider raises, its caller takes for `Unknown`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from chandlery.engine.errors import DatabaseUnavailable
from chandlery.engine.outbound import HostUnreachable
from chandlery.engine.signatures import Sealer
from chandlery.fulfilment.port import Failed, Outcome, Provider, Request, Unknown
from chandlery.fulfilment.retries import RetryPolicy
from chandlery.fulfilment.setup import ProviderSetup
from chandlery.kernel.errors import Unavailable
from chandlery.kernel.ids import TenantId

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Providers:
    """Those that are built in by name, the keys with which they sign callbacks, and how patient we are with them.

    `kinds` makes one that an operator has set up, and `sealer` opens its secret.
    """

    by_name: Mapping[str, Provider]
    callback_keys: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    kinds: Mapping[str, Callable[[ProviderSetup], Provider]] = field(default_factory=dict)
    sealer: Sealer | None = None

    def with_setup(self, setup: ProviderSetup) -> Providers:
        """The same, with a provider that was set up, and the patience that it asks for."""
        make = self.kinds.get(setup.kind)
        made = {} if make is None else {setup.name: make(setup)}
        return replace(self, by_name={**self.by_name, **made}, policy=setup.policy(self.policy))

    async def send(self, name: str, action: str, request: Request) -> Outcome:
        """Have a provider create or change something."""
        provider = self.by_name.get(name)
        if provider is None:
            return Failed(f"No provider named {name} is set up here.")
        call = provider.change if action == "change" else provider.provision
        try:
            return await self._within_timeout(call(request))
        except NEVER_SENT as error:
            return Failed(error.detail)

    async def ask(self, name: str, account: TenantId, reference: str) -> Outcome | None:
        """Ask a provider what became of our reference; None when it has never seen it."""
        provider = self.by_name.get(name)
        if provider is None:
            return Unknown(f"No provider named {name} is set up here.")
        try:
            return await self._within_timeout(provider.query(account, reference))
        except NEVER_SENT as error:
            return Unknown(error.detail)  # the question was not put: that says nothing about the request

    async def _within_timeout(self, call: Awaitable[T]) -> T | Unknown:
        try:
            async with asyncio.timeout(self.policy.call_timeout.total_seconds()):
                return await call
        except TimeoutError:
            return Unknown("The vendor did not answer in time.")


class NotSent(Unavailable):
    """The vendor could not be reached; nothing was sent."""


NEVER_SENT = (NotSent, HostUnreachable, DatabaseUnavailable)
