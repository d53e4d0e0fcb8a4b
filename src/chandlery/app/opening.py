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
from chandlery.fulfilment import manual
from chandlery.fulfilment.http.vendor import HttpVendors
from chandlery.fulfilment.manual import Manual
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox import vendor as sandbox_vendor
from chandlery.fulfilment.sandbox.callbacks import CallingBack, over_http
from chandlery.fulfilment.sandbox.vendor import Sandbox
from chandlery.fulfilment.setting_up import SettingUp
from chandlery.identity.clients import origin_allowed
from chandlery.identity.gate import Gate
from chandlery.identity.personal_tokens import FORMS, TokenForm, verify_bearer
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
from chandlery.surfaces.oauth.openid import OpenId
from chandlery.surfaces.oauth.wiring import Wiring

CALLBACK_PURPOSE = "provider-callbacks"
PROVIDER_SECRETS = "provider-secrets"
WEBHOOK_SECRETS = "webhook-secrets"


@dataclass(frozen=True, slots=True)
class Wired:
    """What single surfaces reach through `House.wired`."""

    engine: Engine
    gate: Gate
    providers: Providers
    setting_up: SettingUp
    sandbox: Sandbox | None
    outbound: Outbound
    token_forms: Mapping[str, TokenForm]
    webhooks: Webhooks
    redelivery: Redelivery
    events: EventCatalogue


@dataclass(frozen=True, slots=True)
class OpenHouse:
    """The house, and what the worker runs in it."""

    engine: Engine
    gate: Gate
    providers: Providers
    signing_in: Wiring
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
        seal = Seal(gate.master, PROVIDER_SECRETS)
        providers = _providers(sandbox, key, HttpVendors(outbound, seal, engine.clock))
        calling_back = CallingBack(sandbox, over_http(outbound, settings.base_url), key)
        webhook_seal = Seal(gate.master, WEBHOOK_SECRETS)
        dispatcher = Dispatcher(outbound, webhook_seal)
        closing.push_async_callback(dispatcher.close)
        courier = courier_from(settings.smtp_url, settings.letters_folder)

        async def verify(token: str, head: Head) -> Actor:
            return await verify_bearer(gate, token, "native", head.request_id)

        signing_in = Wiring(gate, OpenId(outbound, engine.clock))
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
                SettingUp(seal, outbound, engine.clock),
                sandbox,
                outbound,
                FORMS,
                Webhooks(webhook_seal, outbound, engine.clock, CATALOGUE),
                Redelivery(engine.clock),
                CATALOGUE,
            ),
        )
        yield OpenHouse(
            engine,
            gate,
            providers,
            signing_in,
            house,
            triggers.tasks(providers, letter_task(courier, settings.mail_from), _carry(house)),
            triggers.periodic(calling_back, dispatcher),
        )


def _carry(house: House) -> Carry:
    """Operations of a bulk go by the native table of routes; most processes never need it, so it is made late."""
    edge = cache(lambda: asgi_app(native.surface, house))

    async def carry(actor: Actor, operation: Operation) -> Answer:
        return await native_carrier(edge().within)(actor, operation)

    return carry


def _providers(sandbox: Sandbox, callback_key: bytes, http: HttpVendors) -> Providers:
    """Those that are there without being set up, and how the others are made."""
    by_hand = Manual()
    return Providers(
        {sandbox_vendor.NAME: sandbox, manual.NAME: by_hand},
        {sandbox_vendor.NAME: callback_key},
        kinds={"http": http, "manual": lambda _: by_hand, "sandbox": lambda _: sandbox},
        sealer=http.sealer,
    )


def _master_key(settings: Settings) -> MasterKey:
    if settings.secret_key is not None:
        return MasterKey.from_text(settings.secret_key)
    settings.data.mkdir(parents=True, exist_ok=True)
    return MasterKey.in_folder(settings.data)
