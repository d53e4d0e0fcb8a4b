"""The native API in one process on the test database, and a tenant in which there is one of everything to ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import httpx
import psycopg

from chandlery.billing.limits import SetLimit, set_limit
from chandlery.catalog.offers import PlanRef
from chandlery.engine.batches.batch import Operation
from chandlery.engine.batches.keeping import keep_batch
from chandlery.engine.event_stream.catalogue import EventCatalogue
from chandlery.engine.outbound import Outbound
from chandlery.engine.unit_of_work import Engine
from chandlery.engine.webhooks.endpoints import RegisterEndpoint, Webhooks
from chandlery.engine.webhooks.redelivery import Redelivery
from chandlery.fulfilment.manual import Manual
from chandlery.fulfilment.port import Provider
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox.vendor import NAME, Sandbox
from chandlery.fulfilment.setting_up import AddProvider as AddFulfilmentProvider
from chandlery.fulfilment.setting_up import SettingUp
from chandlery.identity import groups, permissions
from chandlery.identity.channels import AddChannel, add_channel
from chandlery.identity.clients import AddClient, add_client
from chandlery.identity.federation import AddProvider, ProviderFacts, add_provider
from chandlery.identity.gate import Gate
from chandlery.identity.invitations import Invite, invite
from chandlery.identity.memberships import FindMemberships, find_memberships
from chandlery.identity.passwords import Passwords
from chandlery.identity.personal_tokens import (
    FORMS,
    AddPersonalToken,
    TokenForm,
    TokenMatter,
    add_personal_token,
    verify_bearer,
)
from chandlery.identity.roles import AddRole, add_role
from chandlery.identity.secrets import Seal
from chandlery.identity.users import AddUser, add_user
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ClientId, LineId, OrderId, PersonalTokenId, PlanId, SessionId, UserId, new_id
from chandlery.kernel.page import PageRequest
from chandlery.ordering.approval import Approvers
from chandlery.ordering.approval_rules import RuleTerms, set_rule
from chandlery.ordering.custom_fields import DefineField, define_field
from chandlery.ordering.drafts import LineRequest, OpenDraft, open_draft
from chandlery.parties.addresses import AddAddress, Postal, add_address
from chandlery.parties.contacts import AddContact, Person, add_contact
from chandlery.processes.event_catalogue import CATALOGUE
from chandlery.subscriptions.activation import Activate, activate
from chandlery.surfaces.http.edge import asgi_app
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.route import House
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.native import surface
from tests.builders import Tenant, a_tenant
from tests.catalog.builders import a_catalog, a_rule
from tests.conftest import NOW
from tests.identity.builders import MASTER, PASSWORD, a_gate

Owner = psycopg.Connection[tuple[object, ...]]

DAY = timedelta(days=1)
CALLBACK_KEY = b"a key that sandbox and server share"


@dataclass(frozen=True, slots=True)
class Wiring:
    engine: Engine
    gate: Gate
    providers: Providers
    setting_up: SettingUp
    sandbox: Sandbox | None
    outbound: Outbound
    token_forms: Mapping[str, TokenForm]
    webhooks: Webhooks
    redelivery: Redelivery
    events: EventCatalogue = CATALOGUE


class NativeApi:
    """The app as `app` opens it, but for tokens: an opaque one stands for each actor that a test brings."""

    def __init__(self, engine: Engine, *, with_sandbox: bool = True) -> None:
        self.gate = a_gate(engine)
        vendor = Sandbox(engine.pool, engine.clock)
        by_name: dict[str, Provider] = {"manual": Manual()} | ({NAME: vendor} if with_sandbox else {})
        outbound, seal = Outbound(), Seal(MASTER, "provider-secrets")
        providers = Providers(by_name, {NAME: CALLBACK_KEY} if with_sandbox else {}, sealer=seal)
        setting_up = SettingUp(seal, outbound, engine.clock)
        self.seal = Seal(self.gate.master, "webhooks")
        self._actors: dict[str, Actor] = {}
        self.house = House(
            engine=engine,
            verify_token=self._verify,
            urls=PublicUrls("https://api.example"),
            seconds=count(0.0, 60.0).__next__,  # never fast enough to be limited
            wired=Wiring(
                engine,
                self.gate,
                providers,
                setting_up,
                vendor if with_sandbox else None,
                Outbound(),
                FORMS,
                webhooks_of(self.seal, engine),
                Redelivery(engine.clock),
            ),
        )
        self.edge = asgi_app(surface, self.house)

    def client(self, actor: Actor | None = None, token: str | None = None) -> httpx.AsyncClient:
        if actor is not None:
            token = f"token-{len(self._actors)}"
            self._actors[token] = actor
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self.edge),
            base_url="http://native",
            headers={"authorization": f"Bearer {token}"} if token else {},
        )

    async def _verify(self, token: str, head: Head) -> Actor:
        if token in self._actors:
            return replace(self._actors[token], request_id=head.request_id)
        return await verify_bearer(self.gate, token, "native", head.request_id)


def webhooks_of(seal: Seal, engine: Engine) -> Webhooks:
    return Webhooks(seal, Outbound(), engine.clock, CATALOGUE)


@dataclass(frozen=True, slots=True)
class World:
    """A tenant's people and things. `ids` names one of each by the name that path parameters and bodies use for it."""

    tenant: Tenant
    operator: Actor
    reseller: Actor
    customer: Actor
    plans: Mapping[str, PlanId]
    ids: dict[str, UUID] = field(default_factory=dict)

    @property
    def weak(self) -> Actor:
        """Somebody who may do nothing at all."""
        return replace(self.operator, permissions=frozenset())


def a_world(owner: Owner) -> World:
    """A tenant with a catalogue: the operator adds 10 percent, the reseller 50 percent on top of that."""
    tenant = a_tenant(owner, permissions.EVERY)
    ids = {
        "organization_id": tenant.reseller.organization_id,
        "parent_id": tenant.operator.organization_id,
        "recipient_id": tenant.reseller.organization_id,
        "customer_id": tenant.customer.organization_id,
        "price_rule_id": a_rule(
            owner, tenant, tenant.operator.organization_id, "10", tenant.reseller.organization_id
        ),
    }
    a_rule(owner, tenant, tenant.reseller.organization_id, "50")
    plans = a_catalog(owner, tenant)
    ids["plan_id"] = plans["suite-basic"]
    found = owner.execute("SELECT id FROM products WHERE tenant_id = %s LIMIT 1", (tenant.id,)).fetchone()
    assert found is not None
    ids["product_id"] = UUID(str(found[0]))
    found = owner.execute("SELECT id FROM vendors WHERE tenant_id = %s LIMIT 1", (tenant.id,)).fetchone()
    assert found is not None
    ids["vendor_id"] = UUID(str(found[0]))
    operator, reseller, customer = map(_machine, (tenant.operator, tenant.reseller, tenant.customer))
    return World(tenant, operator, reseller, customer, plans, ids)


def _machine(actor: Actor) -> Actor:
    """The same with a client's id of its own, by which keys are kept apart."""
    return replace(actor, client_id=ClientId(new_id()))


async def a_full_world(engine: Engine, owner: Owner) -> World:
    """The same with one of everything that a path can name."""
    world = a_world(owner)
    reseller_id = world.reseller.organization_id
    unique = new_id().hex
    user = await engine.perform(
        world.tenant.system,
        add_user,
        AddUser(reseller_id, f"{unique}@example.com", "A Person", "reader"),
    )
    world.ids["user_id"] = user.result.id
    members = await engine.read(
        world.tenant.system, find_memberships, FindMemberships(user_id=user.result.id, page=PageRequest())
    )
    world.ids["membership_id"] = members.items[0].id
    role = await engine.perform(
        world.tenant.system, add_role, AddRole(reseller_id, "Auditors", frozenset({"orders:read"}))
    )
    world.ids["role_id"] = role.result.id
    client = await engine.perform(
        world.tenant.system, add_client, AddClient(reseller_id, "Connector", "reader", b"m" * 32)
    )
    world.ids["client_id"] = client.result.id
    world = replace(world, operator=await _a_person(engine, world))
    await _ways_in(engine, world)
    lines = [LineRequest(PlanRef(sku="suite-basic"), 3)]
    draft = await engine.perform(
        world.reseller, open_draft, OpenDraft(world.customer.organization_id, lines=lines)
    )
    world.ids["order_id"], world.ids["line_id"] = draft.result.id, draft.result.lines[0].id
    await set_terms(engine, world)
    provider = AddFulfilmentProvider(str(new_id()), url="https://vendor.example.com/")
    setting_up = SettingUp(Seal(MASTER, "provider-secrets"), Outbound(), engine.clock)
    added = await engine.perform(world.tenant.system, setting_up.add, provider)
    world.ids["provider_name"] = UUID(added.result.setup.name)
    world.ids["subscription_id"] = (
        await engine.perform(world.tenant.system, activate, an_activation(world))
    ).result
    await _add_parties(engine, world)
    store = AddChannel(reseller_id, "Store")  # its default one, which cannot be closed
    await engine.perform(world.tenant.system, add_channel, store)
    phone = AddChannel(reseller_id, "Phone")
    world.ids["channel_id"] = (await engine.perform(world.tenant.system, add_channel, phone)).result.id
    await _add_webhook(engine, owner, world)
    batch = await engine.perform(world.operator, keep_batch, [Operation("POST", "/v1/nothing", b"")])
    world.ids["bulk_id"] = batch.result.id
    return world


async def _add_parties(engine: Engine, world: World) -> None:
    of = world.customer.organization_id
    postal = Postal(("Kaistrasse 7",), "Hamburg", "DE", "20457")
    address = await engine.perform(world.tenant.system, add_address, AddAddress(of, postal))
    world.ids["address_id"] = address.result.id
    contact = await engine.perform(
        world.tenant.system, add_contact, AddContact(of, Person(family_name="Clerk"))
    )
    world.ids["contact_id"] = contact.result.id


async def _add_webhook(engine: Engine, owner: Owner, world: World) -> None:
    """An endpoint, and the log of one delivery: that of its own registration."""
    webhooks = webhooks_of(Seal(a_gate(engine).master, "webhooks"), engine)
    command = RegisterEndpoint("https://shop.example.com/hooks", ("webhook.*",))
    endpoint = (await engine.perform(world.reseller, webhooks.register, command)).result.endpoint
    event = owner.execute(
        "INSERT INTO webhook_deliveries (endpoint_id, event_id, tenant_id, owner_id, owner_path, event_txid,"
        " event_type, subject_id, created_at)"
        " SELECT subject_id, id, tenant_id, owner_id, owner_path, txid, type, subject_id, now()"
        " FROM events WHERE tenant_id = %s AND type = 'webhook.added' RETURNING event_id",
        (world.tenant.id,),
    ).fetchone()
    assert event is not None
    world.ids["webhook_id"], world.ids["event_id"] = endpoint.id, UUID(str(event[0]))


async def _a_person(engine: Engine, world: World) -> Actor:
    """The operator's actor as somebody who can sign in, with PASSWORD."""
    hashed = await Passwords().hash(PASSWORD)
    command = AddUser(
        world.operator.organization_id, f"{new_id().hex}@example.com", "Op", "owner", password=hashed
    )
    person = (await engine.perform(world.tenant.system, add_user, command)).result
    return replace(world.operator, user_id=person.id)


async def _ways_in(engine: Engine, world: World) -> None:
    """An invitation, a group, an OpenID provider and a personal token."""
    reseller_id, server = world.reseller.organization_id, world.tenant.system
    invite_them = Invite(reseller_id, f"{new_id().hex}@example.com", "reader", new_id().bytes, NOW + DAY)
    world.ids["invitation_id"] = (await engine.perform(server, invite, invite_them)).result.id
    group = (await engine.perform(server, groups.add_group, groups.AddGroup(reseller_id, "Approvers"))).result
    world.ids["group_id"] = group.id
    member = groups.Membership(group.id, UserId(world.ids["user_id"]))
    await engine.perform(server, groups.add_member, member)
    facts = ProviderFacts("Accounts", "https://id.example.com", "us", None, (f"{new_id().hex}.example",))
    provider = await engine.perform(server, add_provider, AddProvider(reseller_id, facts))
    world.ids["provider_id"] = provider.result.id
    actor = world.operator
    assert actor.user_id is not None
    matter = TokenMatter(
        PersonalTokenId(new_id()), SessionId(new_id()), actor.user_id, actor.organization_id, NOW + DAY
    )
    token = AddPersonalToken(matter, "native", "Mine", new_id().bytes, NOW)
    world.ids["token_id"] = (await engine.perform(actor, add_personal_token, token)).result.id


async def set_terms(engine: Engine, world: World) -> None:
    """A custom field, an approval rule that is asleep, and a limit that nobody reaches."""
    field = DefineField("order", "project", "Project", "text")
    world.ids["custom_field_id"] = (await engine.perform(world.operator, define_field, field)).result.id
    asked = (Approvers(world.operator.organization_id),)
    rule = RuleTerms("Every order", asked, active=False)
    world.ids["approval_rule_id"] = (await engine.perform(world.operator, set_rule, rule)).result.id
    limit = SetLimit(world.reseller.organization_id, "USD", 10**12, "month")
    world.ids["credit_limit_id"] = (await engine.perform(world.operator, set_limit, limit)).result.id


def an_activation(world: World) -> Activate:
    return Activate(
        customer_id=world.customer.organization_id,
        order_id=OrderId(new_id()),
        line_id=LineId(new_id()),
        plan_id=world.plans["suite-basic"],
        plan_code="suite-basic:P1Y:monthly",
        name="Suite Basic",
        quantity=5,
        term="P1Y",
        billing_cycle="monthly",
        provider=NAME,
        vendor_reference="SBX-1",
    )
