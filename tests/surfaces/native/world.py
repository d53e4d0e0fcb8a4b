"""The native API in one process on the test database, and a tenant in which there is one of everything to ask for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import count
from uuid import UUID

import httpx
import psycopg

from chandlery.billing.document import File
from chandlery.billing.documents import KeepDocument, upload_document
from chandlery.billing.limits import SetLimit, set_limit
from chandlery.billing.payment_methods import AddMethod, add_method
from chandlery.billing.processors import MANUAL, Processors
from chandlery.billing.processors import Manual as ByHand
from chandlery.billing.tax_rules import SetTaxRule, set_tax_rule
from chandlery.catalog.offers import PlanRef
from chandlery.engine.outbound import Outbound
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.manual import Manual
from chandlery.fulfilment.port import Provider
from chandlery.fulfilment.providers import Providers
from chandlery.fulfilment.sandbox.vendor import NAME, Sandbox
from chandlery.fulfilment.setting_up import AddProvider as AddFulfilmentProvider
from chandlery.fulfilment.setting_up import SettingUp
from chandlery.identity import groups, permissions
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
from chandlery.kernel.ids import (
    ClientId,
    LineId,
    OrderId,
    PersonalTokenId,
    PlanId,
    SessionId,
    ShipmentId,
    UserId,
    new_id,
)
from chandlery.kernel.page import PageRequest
from chandlery.ordering.approval import Approvers
from chandlery.ordering.approval_rules import RuleTerms, set_rule
from chandlery.ordering.custom_fields import DefineField, define_field
from chandlery.ordering.drafts import LineRequest, OpenDraft, open_draft
from chandlery.ordering.order import Order
from chandlery.ordering.progress import LineProgress, record
from chandlery.ordering.return_request import ReturnItem, ReturnReason
from chandlery.ordering.returns import RequestReturn, request_return
from chandlery.ordering.shipment import ShipmentItem
from chandlery.ordering.shipments import PlanShipment, plan_shipment
from chandlery.ordering.status import LineStatus
from chandlery.processes.checkout import Submit, checkout
from chandlery.processes.invoice_orders import InvoiceOrder, invoice_order
from chandlery.processes.order_charges import AddCharge, add_charge, find_charges
from chandlery.processes.pay import Pay, pay
from chandlery.processes.settle_payment import settle_payment
from chandlery.processes.ship_lines import DispatchShipment, dispatch
from chandlery.subscriptions.activation import Activate, activate
from chandlery.subscriptions.assets import FindAssets, find_assets
from chandlery.surfaces.http.edge import asgi_app
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.route import House
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.native import surface
from tests.builders import Tenant, a_tenant
from tests.catalog.builders import a_catalog, a_rule, a_shipped_plan, a_stock
from tests.conftest import NOW
from tests.identity.builders import MASTER, PASSWORD, a_gate
from tests.ordering.builders import an_organization

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
    processors: Processors


class NativeApi:
    """The app as `app` opens it, but for tokens: an opaque one stands for each actor that a test brings."""

    def __init__(self, engine: Engine, *, with_sandbox: bool = True) -> None:
        self.gate = a_gate(engine)
        vendor = Sandbox(engine.pool, engine.clock)
        by_name: dict[str, Provider] = {"manual": Manual()} | ({NAME: vendor} if with_sandbox else {})
        outbound, seal = Outbound(), Seal(MASTER, "provider-secrets")
        providers = Providers(by_name, {NAME: CALLBACK_KEY} if with_sandbox else {}, sealer=seal)
        setting_up = SettingUp(seal, outbound, engine.clock)
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
                Processors({MANUAL: ByHand()}),
            ),
        )
        self._app = asgi_app(surface, self.house)

    def client(self, actor: Actor | None = None, token: str | None = None) -> httpx.AsyncClient:
        if actor is not None:
            token = f"token-{len(self._actors)}"
            self._actors[token] = actor
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(self._app),
            base_url="http://native",
            headers={"authorization": f"Bearer {token}"} if token else {},
        )

    async def _verify(self, token: str, head: Head) -> Actor:
        if token in self._actors:
            return replace(self._actors[token], request_id=head.request_id)
        return await verify_bearer(self.gate, token, "native", head.request_id)


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
    await _money(engine, world)
    world.ids["subscription_id"] = (
        await engine.perform(world.tenant.system, activate, an_activation(world))
    ).result
    await _goods(engine, owner, world)
    return world


async def _goods(engine: Engine, owner: Owner, world: World) -> None:
    """Three pieces sold: two shipped, one of those asked to be sent back, the third planned; stock, and an asset."""
    a_shipped_plan(owner, world.tenant)
    supplier = an_organization(owner, world.tenant.operator, "supplier")
    world.ids["supplier_id"] = supplier.organization_id
    world.ids["stock_id"] = a_stock(owner, world.tenant, "scanner", 40)
    sold = await _sold(engine, world, 3)
    world.ids["sold_order_id"], world.ids["sold_line_id"] = sold.id, sold.lines[0].id
    await _left(engine, world, await _packed(engine, world, sold, 2))
    world.ids["shipment_id"] = await _packed(engine, world, sold)
    back = RequestReturn(sold.id, [ReturnItem(sold.lines[0].id, 1, ReturnReason.DEFECT)])
    world.ids["return_id"] = (await engine.perform(world.customer, request_return, back)).result.id
    owned = await _sold(engine, world, 1)
    await _left(engine, world, await _packed(engine, world, owned))
    assets = await engine.read(world.customer, find_assets, FindAssets(order_id=owned.id))
    world.ids["asset_id"] = assets.items[0].id


async def _sold(engine: Engine, world: World, quantity: int) -> Order:
    wanted = OpenDraft(world.customer.organization_id, lines=[LineRequest(PlanRef(sku="scanner"), quantity)])
    draft = (await engine.perform(world.reseller, open_draft, wanted)).result
    return (await engine.perform(world.reseller, checkout, Submit(draft.id))).result


async def _packed(engine: Engine, world: World, order: Order, quantity: int = 1) -> ShipmentId:
    plan = PlanShipment(order.customer_id, [ShipmentItem(order.id, order.lines[0].id, quantity)])
    return (await engine.perform(world.reseller, plan_shipment, plan)).result.id


async def _left(engine: Engine, world: World, shipment_id: ShipmentId) -> None:
    await engine.perform(world.reseller, dispatch, DispatchShipment(shipment_id))


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


async def _money(engine: Engine, world: World) -> None:
    """A charge and a tax rule; an invoice of the operator to its reseller, and a payment that is authorised for it."""
    system, operator, reseller = world.tenant.system, world.operator, world.reseller
    order_id = OrderId(world.ids["order_id"])
    await engine.perform(operator, add_charge, AddCharge(order_id, "delivery", "Courier", amount_minor=990))
    world.ids["charge_id"] = (await engine.read(operator, find_charges, order_id))[0].id
    lines = [LineRequest(PlanRef(sku="suite-basic"), 3)]
    draft = await engine.perform(reseller, open_draft, OpenDraft(world.customer.organization_id, lines=lines))
    placed = (await engine.perform(reseller, checkout, Submit(draft.result.id))).result
    for status in (LineStatus.IN_PROGRESS, LineStatus.COMPLETED):
        await engine.perform(system, record, LineProgress(placed.id, placed.lines[0].id, status))
    invoice = (await engine.perform(operator, invoice_order, InvoiceOrder(placed.id))).result
    command = AddMethod(reseller.organization_id, MANUAL, "bank_transfer", "Transfer")
    method = (await engine.perform(reseller, add_method, command)).result
    asked = Pay(method.id, invoice_id=invoice.id, captures_itself=False)
    payment = (await engine.perform(operator, pay, asked)).result.payment
    await settle_payment(engine, Processors({MANUAL: ByHand()}), world.tenant.id, payment.id)
    rule = (await engine.perform(operator, set_tax_rule, SetTaxRule("zero", country="CH"))).result
    own = operator.organization_id
    keep = KeepDocument(own, File("a.pdf", "application/pdf", b"%PDF-1.7"), "organization", own)
    document = (await engine.perform(operator, upload_document, keep)).result
    world.ids.update(
        {
            "invoice_id": invoice.id,
            "payment_id": payment.id,
            "payment_method_id": method.id,
            "method_id": method.id,
            "tax_rule_id": rule.id,
            "document_id": document.id,
        }
    )


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
