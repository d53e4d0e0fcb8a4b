"""API clients and roles: who may make them, what changes of theirs do to those who are in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.engine.errors import SessionEnded
from chandlery.identity import permissions
from chandlery.identity.client import TokenLifetimes
from chandlery.identity.clients import (
    AddClient,
    ChangeClient,
    FindClients,
    PutClient,
    RotateSecret,
    add_client,
    change_client,
    find_clients,
    get_client,
    origin_allowed,
    put_client,
    rotate_secret,
)
from chandlery.identity.errors import (
    ClientCredentialsWrong,
    ClientIsPublic,
    ClientUnfit,
    ClientUnknown,
    RoleExceedsYours,
    RoleInUse,
    RoleNameTaken,
    RoleUnfit,
    RoleUnknown,
)
from chandlery.identity.gate import Gate
from chandlery.identity.organizations import get_organization
from chandlery.identity.role import Role
from chandlery.identity.roles import (
    BUILT_IN,
    AddRole,
    ChangeRole,
    FindRoles,
    add_role,
    change_role,
    find_roles,
    get_role,
    remove_role,
)
from chandlery.identity.sessions import authenticate_client
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.page import PageRequest
from tests.builders import Tenant, a_tenant, allowed
from tests.identity.builders import a_client, a_user, everything, let_in, signed_in


async def refuse_entry(gate: Gate, actor: Actor) -> None:
    with pytest.raises(SessionEnded):
        await gate.engine.read(everything(actor), get_organization, actor.organization_id)


async def a_role(gate: Gate, actor: Actor, *names: str, called: str = "Night shift") -> Role:
    command = AddRole(actor.organization_id, called, frozenset(names))
    return (await gate.engine.perform(everything(actor), add_role, command)).result


async def test_every_problem_of_a_client_is_named_at_once(gate: Gate, tenant: Tenant) -> None:
    command = AddClient(
        tenant.reseller.organization_id,
        " ",
        "reader",
        None,
        surface="No Such",
        grants=frozenset({"client_credentials", "magic"}),
        lifetimes=TokenLifetimes(5, -1),
        origins=("https://ok.example", "https://not.ok/path", "*"),
    )
    with pytest.raises(ClientUnfit) as refused:
        await gate.engine.perform(everything(tenant.reseller), add_client, command)
    assert [problem.field for problem in refused.value.problems] == [
        "name",
        "surface",
        "grants",
        "grants",
        "access_seconds",
        "refresh_seconds",
        "origins.1",
        "origins.2",
    ]


async def test_whoever_has_fewer_rights_than_a_client_cannot_take_it_over(gate: Gate, tenant: Tenant) -> None:
    machine = await a_client(gate, tenant.reseller, "admin")
    clerk = allowed(tenant.reseller, permissions.CLIENTS_WRITE)
    mac = gate.mint_client_secret().mac
    for use_case, command in (
        (rotate_secret, RotateSecret(machine.client.id, mac)),
        (change_client, ChangeClient(machine.client.id, role="reader")),
        (put_client, PutClient(machine.client.id, "removed")),
        (add_client, AddClient(tenant.reseller.organization_id, "Mine", "admin", mac)),
    ):
        with pytest.raises(RoleExceedsYours):
            await gate.engine.perform(clerk, use_case, command)  # type: ignore[arg-type]


async def test_a_client_belongs_to_its_subtree(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    own, below = await a_client(gate, tenant.reseller), await a_client(gate, tenant.customer)
    above = await a_client(gate, tenant.operator)
    found = await gate.engine.read(everything(tenant.reseller), find_clients, FindClients())
    assert {client.id for client in found.items} == {own.client.id, below.client.id}
    only = FindClients(tenant.customer.organization_id, PageRequest(1))
    assert list((await gate.engine.read(everything(tenant.reseller), find_clients, only)).items) == [
        below.client
    ]
    for stranger in (tenant.reseller, a_tenant(owner).operator):
        with pytest.raises(ClientUnknown):
            await gate.engine.read(everything(stranger), get_client, above.client.id)
        with pytest.raises(ClientUnknown):
            await gate.engine.perform(everything(stranger), put_client, PutClient(above.client.id, "removed"))


async def test_an_old_secret_goes_on_for_the_overlap(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    machine = await a_client(gate, tenant.reseller)
    new = gate.mint_client_secret()
    await gate.engine.perform(
        everything(tenant.reseller), rotate_secret, RotateSecret(machine.client.id, new.mac, 3600)
    )
    await let_in(gate, machine)
    await let_in(gate, replace(machine, secret=new.plain))
    owner.execute(
        "UPDATE client_secrets SET expires_at = now() WHERE client_id = %s AND expires_at IS NOT NULL",
        (machine.client.id,),
    )
    with pytest.raises(ClientCredentialsWrong):
        await let_in(gate, machine)
    await let_in(gate, replace(machine, secret=new.plain))


async def test_a_leaked_secret_ends_at_once_with_all_it_opened(gate: Gate, tenant: Tenant) -> None:
    machine = await a_client(gate, tenant.reseller)
    actor = await let_in(gate, machine)
    new = gate.mint_client_secret()
    await gate.engine.perform(
        everything(tenant.reseller), rotate_secret, RotateSecret(machine.client.id, new.mac, 0)
    )
    await refuse_entry(gate, actor)
    with pytest.raises(ClientCredentialsWrong):
        await let_in(gate, machine)


@pytest.mark.parametrize("status", ["disabled", "removed"])
async def test_a_disabled_client_is_out_at_once(gate: Gate, tenant: Tenant, status: Any) -> None:
    machine = await a_client(gate, tenant.reseller)
    actor = await let_in(gate, machine)
    reseller = everything(tenant.reseller)
    await gate.engine.perform(reseller, put_client, PutClient(machine.client.id, status))
    await refuse_entry(gate, actor)
    with pytest.raises(ClientCredentialsWrong):
        await let_in(gate, machine)
    if status == "removed":
        with pytest.raises(ClientUnknown):
            await gate.engine.perform(reseller, put_client, PutClient(machine.client.id, "active"))
    else:
        await gate.engine.perform(reseller, put_client, PutClient(machine.client.id, "active"))
        await let_in(gate, machine)


async def test_a_clients_new_role_ends_the_present_token_at_once(gate: Gate, tenant: Tenant) -> None:
    machine = await a_client(gate, tenant.reseller, "ordering")
    actor = await let_in(gate, machine)
    command = ChangeClient(
        machine.client.id, role="reader", origins=("https://a.example",), expected_version=1
    )
    changed = (await gate.engine.perform(everything(tenant.reseller), change_client, command)).result
    assert (changed.role, changed.origins, changed.version) == ("reader", ("https://a.example",), 2)
    await refuse_entry(gate, actor)
    assert (await let_in(gate, machine)).permissions == BUILT_IN["reader"]
    with pytest.raises(VersionStale):
        await gate.engine.perform(everything(tenant.reseller), change_client, command)


async def test_a_public_client_needs_no_secret_and_has_none(gate: Gate, tenant: Tenant) -> None:
    machine = await a_client(gate, tenant.reseller, grants=frozenset({"authorization_code"}), is_public=True)
    known = await authenticate_client(gate, str(machine.client.id), None)
    assert (known.is_public, known.proof) == (True, None)
    command = RotateSecret(machine.client.id, gate.mint_client_secret().mac)
    with pytest.raises(ClientIsPublic):
        await gate.engine.perform(everything(tenant.reseller), rotate_secret, command)


async def test_a_browsers_origin_is_allowed_by_any_active_client(gate: Gate, tenant: Tenant) -> None:
    origin = f"https://{tenant.id}.example"
    machine = await a_client(gate, tenant.reseller)
    assert not await origin_allowed(gate.engine, origin)
    reseller = everything(tenant.reseller)
    await gate.engine.perform(reseller, change_client, ChangeClient(machine.client.id, origins=(origin,)))
    assert await origin_allowed(gate.engine, origin)
    await gate.engine.perform(reseller, put_client, PutClient(machine.client.id, "disabled"))
    assert not await origin_allowed(gate.engine, origin)


async def test_a_role_of_ones_own_is_given_like_a_built_in_one(gate: Gate, tenant: Tenant) -> None:
    role = await a_role(gate, tenant.reseller, permissions.ORDERS_READ, permissions.ORGANIZATIONS_READ)
    actor = await let_in(gate, await a_client(gate, tenant.reseller, role.id))
    assert actor.permissions == role.permissions
    assert (
        await signed_in(
            gate,
            await a_user(gate, tenant.reseller, role.id, organization_id=tenant.customer.organization_id),
        )
    ).permissions == role.permissions
    assert await gate.engine.read(everything(tenant.reseller), get_role, role.id) == role
    listed = FindRoles(tenant.reseller.organization_id, PageRequest())
    assert list((await gate.engine.read(everything(tenant.reseller), find_roles, listed)).items) == [role]


async def test_a_role_is_not_given_above_where_it_is_defined(gate: Gate, tenant: Tenant) -> None:
    role = await a_role(gate, tenant.customer, permissions.ORDERS_READ)
    with pytest.raises(RoleUnknown):
        await a_client(gate, tenant.reseller, role.id)
    with pytest.raises(RoleUnknown):
        await gate.engine.read(
            everything(tenant.customer), get_role, (await a_role(gate, tenant.reseller)).id
        )


async def test_a_changed_role_reaches_everyone_who_has_it_at_once(gate: Gate, tenant: Tenant) -> None:
    role = await a_role(gate, tenant.reseller, permissions.ORDERS_READ)
    user, machine = (
        await a_user(gate, tenant.reseller, role.id, organization_id=tenant.customer.organization_id),
        await a_client(gate, tenant.reseller, role.id),
    )
    bystander = await let_in(gate, await a_client(gate, tenant.reseller, "reader"))
    person, client = await signed_in(gate, user), await let_in(gate, machine)
    command = ChangeRole(role.id, permissions=frozenset({permissions.CATALOG_READ}))
    await gate.engine.perform(everything(tenant.reseller), change_role, command)
    for actor in (person, client):
        await refuse_entry(gate, actor)
    await gate.engine.read(everything(bystander), get_organization, bystander.organization_id)
    assert (await let_in(gate, machine)).permissions == {permissions.CATALOG_READ}
    assert (await signed_in(gate, user)).permissions == {permissions.CATALOG_READ}


async def test_a_role_that_somebody_has_stays(gate: Gate, tenant: Tenant) -> None:
    role = await a_role(gate, tenant.reseller, permissions.ORDERS_READ)
    machine = await a_client(gate, tenant.reseller, role.id)
    reseller = everything(tenant.reseller)
    with pytest.raises(RoleInUse):
        await gate.engine.perform(reseller, remove_role, role.id)
    await gate.engine.perform(reseller, change_client, ChangeClient(machine.client.id, role="reader"))
    await gate.engine.perform(reseller, remove_role, role.id)
    with pytest.raises(RoleUnknown):
        await gate.engine.read(reseller, get_role, role.id)


async def test_roles_have_names_of_their_own_and_known_permissions(gate: Gate, tenant: Tenant) -> None:
    await a_role(gate, tenant.reseller)
    with pytest.raises(RoleNameTaken):
        await a_role(gate, tenant.reseller, called="NIGHT SHIFT")
    with pytest.raises(RoleUnfit) as refused:
        await a_role(gate, tenant.reseller, "orders:devour", called="Owner")
    assert [problem.field for problem in refused.value.problems] == ["name", "permissions"]


async def test_a_role_cannot_hold_more_than_its_author(gate: Gate, tenant: Tenant) -> None:
    author = allowed(tenant.reseller, permissions.ROLES_WRITE)
    command = AddRole(tenant.reseller.organization_id, "More", frozenset({permissions.ORDERS_READ}))
    with pytest.raises(RoleExceedsYours):
        await gate.engine.perform(author, add_role, command)
