"""How the sandbox vendor calls back: signed, over real HTTP, again and again until it is heard.

A sweep of the worker plays the vendor's own machine. Without a URL to call, the message takes the same way through
signature and decoding, only without the network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TypeAlias

import msgspec
import structlog

from chandlery.engine import signatures
from chandlery.engine.outbound import Outbound
from chandlery.engine.standalone import run_once
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.callbacks import Message, ReceivedCallback, receive
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox import _store
from chandlery.fulfilment.sandbox.vendor import NAME, Sandbox, vendor_reference
from chandlery.kernel.errors import Fault

log = structlog.get_logger(__name__)

CALLBACK_PATH = f"/v1/fulfilment/callbacks/{NAME}"
AGAIN = timedelta(seconds=5)
AT_ONCE = 50
TIMEOUT_SECONDS = 10.0
_JSON = {"content-type": "application/json"}

Deliver: TypeAlias = Callable[[Mapping[str, str], bytes], Awaitable[bool]]
"""Takes headers and body to us; whether they were received."""


@dataclass(frozen=True, slots=True)
class CallingBack:
    """The vendor's machine that calls back: whose, with which key it signs, and how a message travels."""

    vendor: Sandbox
    deliver: Deliver
    key: bytes = field(repr=False)

    async def deliver_due(self) -> int:
        """Deliver what is due; what is not received is tried again a little later. How many were received."""
        now = self.vendor.clock.now()
        due = await run_once(self.vendor.pool, _store.due_callbacks(now, now + AGAIN, AT_ONCE))
        received = 0
        for entry, reference in due:
            body = msgspec.json.encode(Message(reference, "done", vendor_reference(entry)))
            try:
                if not await self.deliver(signatures.sign([self.key], f"sbx-{entry}", now, body), body):
                    continue
            except Fault as error:
                log.warning("sandbox_callback_not_received", entry=entry, error=error.detail)
                continue
            await run_once(self.vendor.pool, _store.callback_delivered(entry))
            received += 1
        return received


def over_http(outbound: Outbound, base_url: str) -> Deliver:
    """To the callback route of the server at `base_url`."""
    url = base_url.rstrip("/") + CALLBACK_PATH

    async def deliver(headers: Mapping[str, str], body: bytes) -> bool:
        answer = await outbound.send("POST", url, {**_JSON, **headers}, body, TIMEOUT_SECONDS)
        if answer.status >= 300:
            log.warning("sandbox_callback_refused", status=answer.status)
        return answer.status < 300

    return deliver


def in_process(engine: Engine, providers: Providers) -> Deliver:
    """Without a network: signed, checked and decoded all the same."""

    async def deliver(headers: Mapping[str, str], body: bytes) -> bool:
        await receive(engine, providers, ReceivedCallback(NAME, headers, body))
        return True

    return deliver
