"""The sandbox vendor behind the provider port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from chandlery.engine.database import Pool
from chandlery.engine.standalone import run_once
from chandlery.fulfilment.port import Accepted, Done, Failed, Outcome, Refused, Request, Unknown
from chandlery.fulfilment.sandbox import _store
from chandlery.fulfilment.sandbox._store import Entry, Taken
from chandlery.kernel.clock import Clock
from chandlery.kernel.ids import TenantId

NAME = "sandbox"


@dataclass(frozen=True, slots=True)
class Sandbox:
    """`pool` may be the engine's: outside a unit of work each of its statements commits by itself."""

    pool: Pool
    clock: Clock

    async def provision(self, request: Request) -> Outcome:
        return await self._send("create", request)

    async def change(self, request: Request) -> Outcome:
        return await self._send("change", request)

    async def suspend(self, request: Request) -> Outcome:
        return await self._send("suspend", request)

    async def resume(self, request: Request) -> Outcome:
        return await self._send("resume", request)

    async def cancel(self, request: Request) -> Outcome:
        return await self._send("cancel", request)

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        found = await run_once(self.pool, _store.query(account, reference, self.clock.now()))
        if found.behaviour == "hang":
            return await _fault(found)
        if (
            found.behaviour is not None
        ):  # whatever it was: a question that fails says nothing about the request
            return Unknown(found.reason or "The vendor could not be asked.")
        if found.entry is None:
            return None
        name = vendor_reference(found.entry)
        return Done(name) if found.ready else Accepted(name)

    async def ledger(self, account: TenantId, limit: int = 200) -> Sequence[Entry]:
        """The vendor's books for one account, newest first: what it really did."""
        return await run_once(self.pool, _store.read_ledger(account, limit))

    async def _send(self, action: str, request: Request) -> Outcome:
        taken = await run_once(self.pool, _store.send(request, action, self.clock.now()))
        if taken.behaviour == "done" and taken.entry is not None:
            return Done(request.vendor_reference or vendor_reference(taken.entry))
        return await _fault(taken)


async def _fault(taken: Taken) -> Outcome:
    reason = taken.reason or "The sandbox was told to behave like this."
    seconds = timedelta(seconds=taken.seconds or 0)
    match taken.behaviour:
        case "fail":
            return Failed(reason, retry_after=seconds)
        case "refuse":
            return Refused(reason)
        case "accept" if taken.entry is not None:
            return Accepted(vendor_reference(taken.entry), poll_after=seconds + timedelta(minutes=1))
        case "hang":
            await asyncio.Event().wait()  # until the caller has had enough
    return Unknown(taken.reason or "The connection broke before the answer came.")


def vendor_reference(entry: int) -> str:
    return f"SBX-{entry:08d}"
