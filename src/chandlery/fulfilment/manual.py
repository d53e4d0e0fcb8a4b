"""A provider without a machine: a person does what is wanted, and says so.

Nothing is sent anywhere. The provisioning itself is the task: it stands in the list of what waits
(`/v1/fulfilment/waiting?provider=manual`) until somebody completes or refuses its line.
"""

from __future__ import annotations

from chandlery.fulfilment.port import Accepted, Outcome, Request
from chandlery.kernel.ids import TenantId

NAME = "manual"
_A_TASK = Accepted("", poll_after=None)


class Manual:
    async def provision(self, request: Request) -> Outcome:
        return _A_TASK

    async def change(self, request: Request) -> Outcome:
        return _A_TASK

    async def suspend(self, request: Request) -> Outcome:
        return _A_TASK

    async def resume(self, request: Request) -> Outcome:
        return _A_TASK

    async def cancel(self, request: Request) -> Outcome:
        return _A_TASK

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        """Whatever bears our reference is still a task: only what is done or refused is none any more."""
        return _A_TASK
