"""Opening the house: a pool, an engine with its triggers, the gate, the vendors, and the jobs' tasks, wired once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import cache, partial

from chandlery.app.checks import readiness
from chandlery.app.settings import Settings
from chandlery.engine.batches.batch import Answer, Operation
from chandlery.engine.batches.carrying import Carry
from chandlery.engine.couriers import courier_from
from chandlery.engine.database import PoolSize, open_pool
from chandlery.engine.event_stream.catalogue import EventCatalogue
from chandlery.engine.mail import letter_task
from chandlery.engine.outbound import Outbound
from chandlery.engine.tasks import Task
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.webhooks.dispatch import Dispatcher
from chandlery.engine.webhooks.endpoints import Webhooks
from chandlery.engine.webhooks.redelivery import Redelivery
from chandlery.engine.worker import Periodic
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox import vendor as sandbox_vendor
from chandlery.fulfilment.sandbox.callbacks import CallingBack, over_http
from chandlery.fulfilment.sandbox.vendor import Sandbox
from chandlery.identity.clients import origin_allowed
from chandlery.identity.gate import Gate
from chandlery.identity.secrets import MasterKey, Seal
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import SystemClock
from chandlery.processes import triggers
from chandlery.processes.event_catalogue import CATALOGUE
from chandlery.surfaces import native
from chandlery.surfaces.http.edge import asgi_app
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.route import House
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.native.bulk import carrier as native_carrier

CALLBACK_PURPOSE = "provider-callbacks"
WEBHOOK_SECRETS = "webhook-secrets"


@dataclass(frozen=True, slots=True)
class Wired:
    """What single surfaces reach through `House.wired`."""

    engine: Engine
    gate: Gate
    providers: Providers
    sandbox: Sandbox | None
    webhooks: Webhooks
    redelivery: Redelivery
    events: EventCatalogue


@dataclass(frozen=True, slots=True)
class OpenHouse:
    """The house, and what the worker runs in it."""

    engine: Engine
    gate: Gate
    providers: Providers
    house: House
    tasks: Mapping[str, Task]
    periodic: Sequence[Periodic]


@asynccontextmanager
async def open_house(settings: Settings, database_url: str) -> AsyncIterator[OpenHouse]:
    """Open on a migrated database; everything is closed again at the end."""
    async with open_pool(database_url, PoolSize(1, settings.pool_size)) as pool, AsyncExitStack() as closing:
        outbound = Outbound(settings.allow_private_addresses)
        closing.push_async_callback(outbound.close)
        engine = Engine(pool, SystemClock(), triggers.TRIGGERS)
        gate = Gate.open(engine, _master_key(settings), settings.base_url)
        await gate.tokens.keys.signer()  # makes the first key, and finds a wrong master key now and not later
        sandbox = Sandbox(pool, engine.clock)
        key = gate.master.derive(CALLBACK_PURPOSE)
        providers = Providers({sandbox_vendor.NAME: sandbox}, {sandbox_vendor.NAME: key})
        calling_back = CallingBack(sandbox, over_http(outbound, settings.base_url), key)
        seal = Seal(gate.master, WEBHOOK_SECRETS)
        dispatcher = Dispatcher(outbound, seal)
        closing.push_async_callback(dispatcher.close)
        courier = courier_from(settings.smtp_url, settings.letters_folder)

        async def verify(token: str, head: Head) -> Actor:
            return await gate.tokens.verify(token, "native", head.request_id)

        house = House(
            engine=engine,
            verify_token=verify,
            urls=PublicUrls(settings.base_url),
            allows_origin=partial(origin_allowed, engine),
            checks=readiness(engine),
            wired=Wired(
                engine,
                gate,
                providers,
                sandbox,
                Webhooks(seal, outbound, engine.clock, CATALOGUE),
                Redelivery(engine.clock),
                CATALOGUE,
            ),
        )
        yield OpenHouse(
            engine,
            gate,
            providers,
            house,
            triggers.tasks(providers, letter_task(courier, settings.mail_sender), _carry(house)),
            triggers.periodic(calling_back, dispatcher),
        )


def _carry(house: House) -> Carry:
    """Operations of a bulk go by the native table of routes; most processes never need it, so it is made late."""
    edge = cache(lambda: asgi_app(native.surface, house))

    async def carry(actor: Actor, operation: Operation) -> Answer:
        return await native_carrier(edge().within)(actor, operation)

    return carry


def _master_key(settings: Settings) -> MasterKey:
    if settings.secret_key is not None:
        return MasterKey.from_text(settings.secret_key)
    settings.data.mkdir(parents=True, exist_ok=True)
    return MasterKey.in_folder(settings.data)
