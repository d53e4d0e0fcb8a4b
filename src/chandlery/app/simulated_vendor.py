"""`chandlery simulate-vendor`: a vendor over HTTP on this machine, to try providers on."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextlib import suppress

from chandlery.engine.outbound import Outbound
from chandlery.engine.signatures import key_of
from chandlery.fulfilment.simulator import Simulator, simulated_vendor
from chandlery.kernel.errors import Fault

_LATER_SECONDS = 5.0

Say = Callable[[str], None]


def run(secret: str, port: int, callback_url: str | None, say: Say) -> None:
    """Serve until Ctrl-C."""
    try:
        key_of(secret)
    except ValueError as error:
        sys.exit(f"chandlery: --secret: {error}; the server shows it when the provider is set up")
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve(secret, port, callback_url, say))


async def _serve(secret: str, port: int, callback_url: str | None, say: Say) -> None:
    outbound = Outbound(allow_private_addresses=True)
    async with simulated_vendor(secret, port=port) as vendor:
        say(f"The simulated vendor answers at {vendor.url}; stop it with Ctrl-C.")
        told = 0
        while True:
            await asyncio.sleep(_LATER_SECONDS)
            for entry in vendor.books[told:]:
                say(f"{entry.action} {entry.reference}: {entry.vendor_reference}")
            told = len(vendor.books)
            await _finish(vendor, outbound, callback_url, say)


async def _finish(vendor: Simulator, outbound: Outbound, callback_url: str | None, say: Say) -> None:
    """What was accepted is done a little later; the server is told, or finds out by asking."""
    for entry in [entry for entry in vendor.books if not entry.finished]:
        if callback_url is None:
            vendor.finish(entry.reference)
            continue
        try:
            status = await vendor.call_back(outbound, callback_url, entry.reference)
        except Fault as fault:
            say(f"callback for {entry.reference}: {fault.detail}")
        else:
            say(f"callback for {entry.reference}: answered {status}")
