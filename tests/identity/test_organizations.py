"""The tree of organisations: what may stand where, who sees what, and what closing a door does."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from tests.builders import Tenant, a_tenant, allowed, an_actor

from chandlery.engine.errors import SessionEnded
from chandlery.engine.unit_of_work import Engine, Meter
from chandlery.identity import permissions
from chandlery.identity.errors import (
    OrganizationClosed,
    OrganizationUnfit,
    OrganizationUnknown,
    OwnOrganization,
    ParentInactive,
    ParentUnfit,
)
from chandlery.identity.founding import FoundTenant, found_tenant
from chandlery.identity.organization import Kind
from chandlery.identity.organizations import (
    AddOrganization,
    ChangeOrganization,
    FindOrganizations,
    Organization,
    OrganizationFilter,
    PutOrganization,
    add_organization,
    change_organization,
    find_organizations,
    get_organization,
    put_organization,
)
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.errors import PermissionMissing, VersionStale
from chandlery.kernel.page import PageRequest, decode_cursor
from tests.conftest import NOW


def admin(actor: Actor) -> Actor:
    return allowed(actor, permissions.ORGANIZATIONS_READ, permissions.ORGANIZATIONS_WRITE)


async def add(engine: Engine, actor: Actor, kind: Kind, name: str = "New") -> Organization:
    command = AddOrganization(actor.organization_id, kind, name)
    return (await engine.perform(admin(actor), add_organization, command)).result


async def test_founding_makes_a_tenant_whose_id_is_its_operators(
    engine: Engine, owner: psycopg.Connection[Any]
) -> None:
    operator = await found_tenant(engine, FoundTenant("  Harbour Supplies "))
    assert (operator.tenant_id, operator.kind, operator.name) == (operator.id, "operator", "Harbour Supplies")
    assert operator.path == f"{operator.id.hex[-8:]}."
    actor = system(operator.tenant_id, "test")
    assert await engine.read(actor, get_organization, operator.id) == operator
    events = owner.execute("SELECT type FROM events WHERE tenant_id = %s", (operator.id,)).fetchall()
    assert events == [("organization.added",)]


async def test_no_use_case_can_found_a_tenant(engine: Engine, tenant: Tenant) -> None:
    from chandlery.engine.statements import Write
    from chandlery.engine.unit_of_work import Unit

    async def found_from_inside(unit: Unit, _actor: Actor, _command: None) -> None:
        unit.write(
            Write(
                "SELECT found_tenant(gen_random_uuid(), 'x', NULL, 'x.', now(), false, 'x')",
                (),
            )
        )

    with pytest.raises(psycopg.errors.RaiseException):
        await engine.perform(tenant.operator, found_from_inside, None)


async def test_an_organisation_is_added_below_with_its_path(
    engine: Engine, tenant: Tenant, meters: list[Meter]
) -> None:
    new = await add(engine, tenant.reseller, "customer", " Lighthouse ")
    assert meters[-1].round_trips == 2
    parent = await engine.read(admin(tenant.operator), get_organization, tenant.reseller.organization_id)
    assert (new.parent_id, new.name, new.status, new.created_at) == (parent.id, "Lighthouse", "active", NOW)
    assert new.path == f"{parent.path}{new.id.hex[-8:]}."
    assert await engine.read(admin(tenant.reseller), get_organization, new.id) == new
    assert meters[-1].round_trips == 1


@pytest.mark.parametrize(
    ("above", "kind", "fits"),
    [
        ("operator", "reseller", True),
        ("operator", "customer", True),
        ("operator", "supplier", True),
        ("operator", "operator", False),
        ("reseller", "reseller", True),
        ("reseller", "customer", True),
        ("reseller", "supplier", False),
        ("reseller", "operator", False),
        ("customer", "customer", False),
        ("customer", "reseller", False),
    ],
)
async def test_which_kind_may_stand_below_which(
    engine: Engine, tenant: Tenant, above: str, kind: Kind, fits: bool
) -> None:
    actor: Actor = getattr(tenant, above)
    if fits:
        assert (await add(engine, actor, kind)).kind == kind
    else:
        with pytest.raises(ParentUnfit):
            await add(engine, actor, kind)


async def test_a_supplier_has_nothing_below(engine: Engine, tenant: Tenant) -> None:
    supplier = await add(engine, tenant.operator, "supplier")
    command = AddOrganization(supplier.id, "customer", "x")
    with pytest.raises(ParentUnfit):
        await engine.perform(admin(tenant.operator), add_organization, command)


async def test_every_problem_is_named_at_once(engine: Engine, tenant: Tenant) -> None:
    command = AddOrganization(tenant.operator.organization_id, "reseller", " ", "gold")  # type: ignore[arg-type]
    with pytest.raises(OrganizationUnfit) as refused:
        await engine.perform(admin(tenant.operator), add_organization, command)
    assert [problem.field for problem in refused.value.problems] == ["name", "edition"]


async def test_without_the_permission_nothing_is_read_or_written(engine: Engine, tenant: Tenant) -> None:
    with pytest.raises(PermissionMissing):
        await engine.read(tenant.operator, get_organization, tenant.operator.organization_id)
    with pytest.raises(PermissionMissing):
        await engine.perform(
            allowed(tenant.operator, permissions.ORGANIZATIONS_READ),
            add_organization,
            AddOrganization(tenant.operator.organization_id, "customer", "x"),
        )


async def test_another_tenants_organisation_does_not_exist(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    foreign = admin(a_tenant(owner).operator)
    with pytest.raises(OrganizationUnknown):
        await engine.read(foreign, get_organization, tenant.customer.organization_id)
    with pytest.raises(OrganizationUnknown):
        await engine.perform(
            foreign, change_organization, ChangeOrganization(tenant.customer.organization_id, "Mine")
        )
    with pytest.raises(OrganizationUnknown):
        await engine.perform(
            foreign, add_organization, AddOrganization(tenant.reseller.organization_id, "customer", "x")
        )


async def test_a_reseller_sees_its_subtree_only(engine: Engine, tenant: Tenant) -> None:
    sibling = await add(engine, tenant.operator, "reseller")
    seen = await engine.read(admin(tenant.reseller), find_organizations, FindOrganizations())
    assert {o.id for o in seen.items} == {tenant.reseller.organization_id, tenant.customer.organization_id}
    for hidden in (sibling.id, tenant.operator.organization_id):
        with pytest.raises(OrganizationUnknown):
            await engine.read(admin(tenant.reseller), get_organization, hidden)


async def test_a_list_is_filtered_and_paged(engine: Engine, tenant: Tenant) -> None:
    added = [await add(engine, tenant.reseller, "customer", f"C{n}") for n in range(3)]
    wanted = OrganizationFilter(kind="customer", parent_id=tenant.reseller.organization_id, status="active")
    seen: list[Organization] = []
    cursor = None
    while True:
        page = PageRequest(2, decode_cursor(cursor) if cursor else None)
        found = await engine.read(admin(tenant.operator), find_organizations, FindOrganizations(wanted, page))
        seen.extend(found.items)
        if (cursor := found.next_cursor) is None:
            break
    assert len(seen) == 4
    assert {o.id for o in added} < {o.id for o in seen}
    suspended = FindOrganizations(OrganizationFilter(status="suspended"))
    assert (await engine.read(admin(tenant.operator), find_organizations, suspended)).items == []


async def test_a_change_moves_the_version_and_a_stale_one_is_refused(engine: Engine, tenant: Tenant) -> None:
    customer = tenant.customer.organization_id
    command = ChangeOrganization(customer, "Renamed", "standard", {"erp": "7"}, expected_version=1)
    changed = (await engine.perform(admin(tenant.reseller), change_organization, command)).result
    assert (changed.name, changed.edition, changed.attributes, changed.version) == (
        "Renamed",
        "standard",
        {"erp": "7"},
        2,
    )
    assert await engine.read(admin(tenant.reseller), get_organization, customer) == changed
    with pytest.raises(VersionStale):
        await engine.perform(admin(tenant.reseller), change_organization, command)


async def test_nobody_promotes_or_revives_themselves(engine: Engine, tenant: Tenant) -> None:
    own = tenant.reseller.organization_id
    with pytest.raises(OwnOrganization):
        await engine.perform(
            admin(tenant.reseller), change_organization, ChangeOrganization(own, edition="standard")
        )
    with pytest.raises(OwnOrganization):
        await engine.perform(admin(tenant.reseller), put_organization, PutOrganization(own, "suspended"))
    renamed = await engine.perform(
        admin(tenant.reseller), change_organization, ChangeOrganization(own, "Own name")
    )
    assert renamed.result.name == "Own name"


@pytest.mark.parametrize("status", ["suspended", "closed"])
async def test_whoever_acts_below_a_closed_door_is_out_at_once(
    engine: Engine, tenant: Tenant, owner: psycopg.Connection[Any], status: Any
) -> None:
    sibling = await add(engine, tenant.operator, "reseller")
    bystander = admin(an_actor(owner, tenant.id, sibling.id))
    await engine.perform(
        admin(tenant.operator), put_organization, PutOrganization(tenant.reseller.organization_id, status)
    )
    for out in (tenant.reseller, tenant.customer):
        with pytest.raises(SessionEnded):
            await engine.read(admin(out), find_organizations, FindOrganizations())
    assert len((await engine.read(bystander, find_organizations, FindOrganizations())).items) == 1


async def test_a_suspended_organisation_comes_back_and_a_closed_one_does_not(
    engine: Engine, tenant: Tenant
) -> None:
    reseller = tenant.reseller.organization_id

    async def put(status: Any) -> Organization:
        command = PutOrganization(reseller, status)
        return (await engine.perform(admin(tenant.operator), put_organization, command)).result

    await put("suspended")
    with pytest.raises(ParentInactive):
        await engine.perform(
            admin(tenant.operator), add_organization, AddOrganization(reseller, "customer", "x")
        )
    assert (await put("active")).version == 3
    assert (await put("active")).version == 3
    await put("closed")
    with pytest.raises(OrganizationClosed):
        await put("active")
