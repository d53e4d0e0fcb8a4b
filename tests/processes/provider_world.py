"""A world with providers beside the sandbox: a simulated vendor over HTTP, people, and limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import psycopg

from chandlery.catalog.browsing import FindVendors, find_vendors
from chandlery.engine.outbound import Outbound
from chandlery.fulfilment.callbacks import ReceivedCallback, receive
from chandlery.fulfilment.http.vendor import HttpVendors
from chandlery.fulfilment.manual import Manual
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.provisioning import Provisioning
from chandlery.fulfilment.queries import FindWaiting, find_waiting
from chandlery.fulfilment.setting_up import AddProvider, ProviderView, SettingUp, get_provider
from chandlery.fulfilment.simulator import Simulator, simulated_vendor
from chandlery.ordering.order import Order
from chandlery.ordering.status import LineStatus, OrderStatus
from chandlery.processes.assign_provider import ChangeVendor, change_vendor
from tests.engine.receiver import Received, a_receiver, answer
from tests.fulfilment.subjects import SEAL, Network
from tests.processes.builders import KEY, World

Owner = psycopg.Connection[Any]

NAME = "harbour-cloud"


@dataclass(slots=True)
class VendorWorld:
    """`world` is the tenant's server; `vendor` is somebody else's, at the end of `network`."""

    world: World
    vendor: Simulator
    network: Network
    outbound: Outbound
    setup: ProviderView

    async def line(self, order: Order) -> tuple[OrderStatus, LineStatus, str | None]:
        found = await self.world.order(order)
        return found.status, found.lines[0].status, found.lines[0].reason

    async def provider(self) -> ProviderView:
        return await self.world.engine.read(self.world.tenant.system, get_provider, NAME)

    async def waiting(self, **wanted: Any) -> list[Provisioning]:
        page = await self.world.engine.read(self.world.tenant.system, find_waiting, FindWaiting(**wanted))
        return list(page.items)

    def told(self, owner: Owner) -> list[str]:
        """What has happened to the provider."""
        rows = owner.execute(
            "SELECT type FROM events WHERE tenant_id = %s AND subject = 'provider' ORDER BY id",
            (self.world.tenant.id,),
        ).fetchall()
        return [str(name).partition(".")[2] for (name,) in rows]


def with_all_kinds(world: World, outbound: Outbound) -> None:
    """Have the world know every provider that the app knows."""
    by_hand, sandbox = Manual(), world.vendor
    world.providers = Providers(
        {"sandbox": sandbox, "manual": by_hand},
        {"sandbox": KEY},
        world.providers.policy,
        {
            "http": HttpVendors(outbound, SEAL, world.clock),
            "manual": lambda _: by_hand,
            "sandbox": lambda _: sandbox,
        },
        SEAL,
    )


async def fulfilled_by(world: World, provider: str) -> None:
    """From now on whatever is ordered goes to this provider."""
    vendors = await world.engine.read(world.tenant.system, find_vendors, FindVendors())
    for vendor in vendors.items:
        command = ChangeVendor(vendor.id, provider=provider, built_in=world.providers.by_name)
        await world.engine.perform(world.tenant.system, change_vendor, command)


async def set_up(world: World, command: AddProvider, outbound: Outbound) -> ProviderView:
    setting_up = SettingUp(SEAL, outbound, world.clock)
    return (await world.engine.perform(world.tenant.system, setting_up.add, command)).result


@asynccontextmanager
async def a_vendor_world(world: World, **limits: Any) -> AsyncIterator[VendorWorld]:
    """Everything that is ordered is fulfilled by a simulated vendor over HTTP."""
    network = Network()
    outbound = Outbound(allow_private_addresses=True, resolve=network.resolve)
    with_all_kinds(world, outbound)
    async with simulated_vendor("whsec_", world.clock) as vendor:
        url = f"http://vendor.example:{vendor.port}/chandlery"
        setup = await set_up(world, AddProvider(NAME, url=url, **limits), outbound)
        vendor.secret = setup.secret or ""
        await fulfilled_by(world, NAME)
        try:
            yield VendorWorld(world, vendor, network, outbound, setup)
        finally:
            await outbound.close()


@asynccontextmanager
async def a_front_door(world: World) -> AsyncIterator[str]:
    """The route for callbacks, on a real connection; its base URL."""

    async def take(request: Received) -> bytes:
        provider = request.path.rpartition("/")[2]
        await receive(
            world.engine, world.providers, ReceivedCallback(provider, request.headers, request.body)
        )
        return answer(204)

    async with a_receiver() as receiver:
        receiver.reply = take
        yield f"http://127.0.0.1:{receiver.port}/v1/fulfilment/callbacks/"


def impatient(world: World, **said: Any) -> None:
    world.providers = replace(world.providers, policy=replace(world.providers.policy, **said))
