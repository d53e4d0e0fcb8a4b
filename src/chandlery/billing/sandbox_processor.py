"""A payment processor in miniature, with books of its own. It declines, delays and breaks off as a method's token says.

A token is any text; one such as `capture.decline` or `authorize.delay=5` tells what happens to that operation:

    decline         refused
    delay=seconds   taken on, done after so long
    fail=times      not done, said so; then it works
    lose_answer     done, but the answer is lost the first time
    lose_request    not done, and the answer is lost the first time
    hang            done, and then no answer until the caller gives up, the first time
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chandlery.billing._store import sandbox_processor as store
from chandlery.billing._store.sandbox_processor import Entry
from chandlery.billing.processors import Accepted, Done, Failed, Outcome, Refused, Request, Unknown
from chandlery.engine.database import Pool
from chandlery.engine.standalone import run_once
from chandlery.kernel.clock import Clock
from chandlery.kernel.ids import TenantId

NAME: Final = "sandbox"
_TOKEN = re.compile(
    r"(authorize|capture|void|refund)\.(decline|delay|fail|lose_answer|lose_request|hang)(?:=(\d{1,4}))?"
)


@dataclass(frozen=True, slots=True)
class SandboxProcessor:
    """`pool` may be the engine's: outside a unit of work each of its statements commits by itself."""

    pool: Pool
    clock: Clock

    async def send(self, request: Request) -> Outcome:
        told = _TOKEN.fullmatch(request.token)
        applies = told is not None and told[1] == request.kind
        behaviour = told[2] if told is not None and applies else "done"
        number = int(told[3] or 1) if told is not None and applies else 1
        took = await run_once(self.pool, store.send(request, behaviour, number, self.clock.now()))
        match took:
            case "done", int(entry):
                return Done(_reference(entry))
            case "delay", int(entry):
                return Accepted(_reference(entry), timedelta(seconds=number))
            case "decline", _:
                return Refused("The card was declined.")
            case "fail", _:
                return Failed("The processor is out of order.")
            case "hang", _:
                await asyncio.Event().wait()  # until the caller has had enough
        return Unknown("The connection broke before the answer came.")

    async def query(self, account: TenantId, reference: str) -> Outcome | None:
        found = await run_once(self.pool, store.query(account, reference, self.clock.now()))
        if not found:
            return None
        entry, ready = found[0]
        return Done(_reference(entry)) if ready else Accepted(_reference(entry))

    async def ledger(self, account: TenantId, limit: int = 200) -> Sequence[Entry]:
        """The processor's books for one account, newest first: what it really did."""
        return await run_once(self.pool, store.read_ledger(account, limit))


def _reference(entry: int) -> str:
    return f"SBP-{entry:08d}"
