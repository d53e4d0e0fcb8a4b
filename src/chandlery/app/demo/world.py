"""The demo world: one distributor, two resellers, customers, both price lists, orders that were fulfilled.

Loaded once per data directory, through the same use cases as everything else; secrets are made up here, at run time,
and stand in `demo.json` beside the database, for its owner's eyes only.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import msgspec

from chandlery.app.opening import OpenHouse
from chandlery.app.settings import Settings
from chandlery.catalog.importing import import_prices
from chandlery.catalog.offers import PlanRef
from chandlery.catalog.rules import SetRule, set_rule
from chandlery.engine.queue import open_jobs_pool, run_until_idle
from chandlery.identity import clients, users
from chandlery.identity.channels import AddChannel, add_channel
from chandlery.identity.founding import FoundTenant, found_tenant
from chandlery.identity.organizations import AddOrganization, Organization, add_organization
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.ids import OrganizationId, TenantId
from chandlery.ordering.checkout import Submit
from chandlery.ordering.drafts import LineRequest, OpenDraft, open_draft
from chandlery.processes.checkout import checkout

FILE = "demo.json"
SHEETS = ("microsoft-nce-price-sheet.csv", "multi-vendor-price-list.csv")
SKUS = (
    "gws-business-starter",
    "gws-business-standard",
    "chrome-enterprise-upgrade",
    "dock-usb-c",
    "headset-uc",
)
_ORDERS = (
    ("PO-1001", (("gws-business-starter", 12), ("dock-usb-c", 4))),
    ("PO-1002", (("CFQ7TTC0LH18:0001:P1Y:monthly", 8),)),
    ("PO-1003", (("chrome-enterprise-upgrade", 6), ("headset-uc", 6))),
)


class Native(msgspec.Struct, frozen=True):
    """What a client of the native API needs."""

    base_url: str
    client_id: str
    client_secret: str
    username: str
    password: str
    reseller_id: str
    customer_id: str
    skus: tuple[str, ...]


class Credentials(msgspec.Struct, frozen=True):
    """The content of `demo.json`, and of `chandlery credentials --json`."""

    base_url: str
    native: Native


@dataclass(frozen=True, slots=True)
class _World:
    """The loader: the open house, and the tenant's system actor once it is founded."""

    opened: OpenHouse
    actor: Actor

    async def do(self, use_case: Any, command: Any, actor: Actor | None = None) -> Any:
        return (await self.opened.engine.perform(actor or self.actor, use_case, command)).result

    async def organization(
        self, parent: Organization, kind: Any, name: str, edition: Any = None
    ) -> Organization:
        made: Organization = await self.do(add_organization, AddOrganization(parent.id, kind, name, edition))
        return made

    def acting_for(self, organization: Organization) -> Actor:
        """The server itself, at work for an organisation of the tenant."""
        return Actor(self.actor.tenant_id, organization.id, frozenset(), surface="demo", is_system=True)


async def load(opened: OpenHouse, settings: Settings, database_url: str) -> Credentials:
    """Load the world, unless this data directory has it; either way its file names where the server is now."""
    path = settings.data / FILE
    known = read(path)
    if known is None:
        known = await _load(opened, settings, database_url)
    known = msgspec.structs.replace(
        known,
        base_url=settings.base_url,
        native=msgspec.structs.replace(known.native, base_url=settings.base_url),
    )
    _keep(path, known)
    return known


def read(path: Path) -> Credentials | None:
    """The world's credentials, None where none was loaded."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Credentials)
    except FileNotFoundError:
        return None


async def _load(opened: OpenHouse, settings: Settings, database_url: str) -> Credentials:
    operator = await found_tenant(
        opened.engine, FoundTenant("Harbour Distribution", is_sandbox=True, by="demo")
    )
    world = _World(opened, system(TenantId(operator.tenant_id), "demo"))
    reseller = await world.organization(operator, "reseller", "Quayside Cloud", "standard")
    await world.organization(operator, "reseller", "Pier Nine Systems", "free")
    bakery = await world.organization(reseller, "customer", "Lighthouse Bakery")
    studio = await world.organization(reseller, "customer", "Breakwater Studio")
    await world.do(add_channel, AddChannel(reseller.id, "Quayside Store"))
    await _stock(world, operator, reseller)
    await _fulfilled_orders(world, reseller, (bakery, studio), database_url)
    return Credentials(settings.base_url, await _native(world, settings, reseller, bakery.id))


async def _stock(world: _World, operator: Organization, reseller: Organization) -> None:
    for name in SHEETS:
        with as_file(files("chandlery.app") / "demo_data" / name) as file, file.open("rb") as sheet:
            await import_prices(world.opened.engine, world.actor, sheet, strict=True)
    for issuer, percent in ((operator, "4"), (reseller, "15")):
        await world.do(set_rule, SetRule("percent", Decimal(percent)), world.acting_for(issuer))


async def _fulfilled_orders(
    world: _World, reseller: Organization, customers: tuple[Organization, ...], database_url: str
) -> None:
    for number, (po_number, lines) in enumerate(_ORDERS):
        customer = customers[number % len(customers)]
        wanted = tuple(LineRequest(PlanRef(sku=sku), quantity) for sku, quantity in lines)
        draft = OpenDraft(customer.id, "USD", po_number, wanted)
        order = await world.do(open_draft, draft, world.acting_for(reseller))
        await world.do(checkout, Submit(order.id), world.acting_for(reseller))
    async with open_jobs_pool(database_url) as pool:
        await run_until_idle(world.opened.engine, pool, world.opened.tasks)


async def _native(
    world: _World, settings: Settings, reseller: Organization, customer_id: OrganizationId
) -> Native:
    gate = world.opened.gate
    secret = gate.mint_client_secret()
    client = await world.do(
        clients.add_client, clients.AddClient(reseller.id, "Order desk", "owner", secret.mac)
    )
    username, password = "desk@quayside.example", f"{secrets.token_urlsafe(12)}-7"
    hashed = await gate.passwords.hash(password)
    await world.do(
        users.add_user, users.AddUser(reseller.id, username, "Order desk", "owner", password=hashed)
    )
    return Native(
        base_url=settings.base_url,
        client_id=str(client.id),
        client_secret=secret.plain,
        username=username,
        password=password,
        reseller_id=str(reseller.id),
        customer_id=str(customer_id),
        skus=SKUS,
    )


def _keep(path: Path, credentials: Credentials) -> None:
    """Whole or not at all, and for the owner alone."""
    draft = path.with_suffix(".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(credentials)))
    draft.replace(path)
