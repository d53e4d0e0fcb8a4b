from __future__ import annotations

from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chandlery.identity import permissions
from chandlery.identity.errors import RoleExceedsYours, UserBelongsElsewhere, UserUnknown
from chandlery.identity.gate import Gate
from chandlery.identity.organizations import ChangeOrganization, change_organization
from chandlery.identity.sessions import SignIn, sign_in_user
from chandlery.identity.user import User
from chandlery.identity.users import get_user, remove_user
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Fault, PermissionMissing
from chandlery.parties.contact import Person
from chandlery.parties.contacts import AddContact, add_contact
from chandlery.processes.invite import ask_for_reset
from chandlery.processes.personal_data import erase_person, export_person
from tests.builders import Tenant, a_tenant, allowed
from tests.identity.builders import PASSWORD, a_gate, a_user, everything, signed_in

Owner = psycopg.Connection[Any]


@pytest.fixture
def gate(engine: Any) -> Gate:
    return a_gate(engine)


async def a_life(gate: Gate, tenant: Tenant) -> tuple[User, Actor]:
    """Somebody at the reseller who signed in, did something, got a letter, and is somebody's contact."""
    user = await a_user(gate, tenant.reseller, "admin")
    actor = await signed_in(gate, user)
    change = ChangeOrganization(tenant.customer.organization_id, name="Renamed")
    await gate.engine.perform(actor, change_organization, change)
    await ask_for_reset(gate, user.email, "https://shop.example.com/x")
    contact = AddContact(
        tenant.reseller.organization_id, Person("Clerk", email=user.email), ("billing",), user_id=user.id
    )
    await gate.engine.perform(everything(tenant.reseller), add_contact, contact)
    return user, actor


def traces(owner: Owner, *words: str) -> set[str]:
    """The tables in which any of these words stands."""
    tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
    found = set()
    for (table,) in tables:
        for word in words:
            row = owner.execute(
                f"SELECT EXISTS (SELECT FROM {table} t WHERE t::text ILIKE %s)".encode(), (f"%{word}%",)
            ).fetchone()
            if row is not None and row[0]:
                found.add(table)
    return found


async def test_what_is_held_on_somebody_is_told_in_one_answer(gate: Gate, tenant: Tenant) -> None:
    user, actor = await a_life(gate, tenant)
    for asking in (actor, everything(tenant.operator)):
        held = await gate.engine.read(asking, export_person, user.id)
        assert (held["user"]["email"], held["user"]["second_factor"]) == (user.email, False)
        assert [(m["organization"], m["role"]) for m in held["memberships"]] == [("Reseller", "admin")]
        assert [s["id"] for s in held["sessions"]] == [str(actor.session_id)]
        assert [c["person"]["email"] for c in held["contacts"]] == [user.email]
        assert [letter["subject"] for letter in held["letters"]] == ["Your new password at Chandlery"]
        assert [e["type"] for e in held["events"]] == ["organization.changed"]
        assert held["truncated"] == []
        assert "password_hash" not in str(held)
        assert "token=" not in str(held)


async def test_nobody_sees_more_of_somebody_than_their_own_organisations_hold(
    gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user, _ = await a_life(gate, tenant)
    for stranger in (tenant.customer, a_tenant(owner).operator):
        with pytest.raises(UserUnknown):
            await gate.engine.read(everything(stranger), export_person, user.id)
        with pytest.raises(UserUnknown):
            await gate.engine.perform(everything(stranger), erase_person, user.id)
    with pytest.raises(PermissionMissing):
        await gate.engine.read(allowed(tenant.operator, permissions.USERS_READ), export_person, user.id)


async def test_an_erased_person_is_out_and_nowhere_to_be_found(
    gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user, actor = await a_life(gate, tenant)
    before = owner.execute(
        "SELECT id, type, principal, data FROM events WHERE tenant_id = %s AND principal = %s",
        (tenant.id, f"user:{user.id}"),
    ).fetchall()
    assert "users" in traces(owner, user.email)
    await gate.engine.perform(everything(tenant.operator), erase_person, user.id)
    assert traces(owner, user.email) == set()
    with pytest.raises(Fault):
        await gate.engine.read(actor, get_user, user.id)
    with pytest.raises(Fault):
        await sign_in_user(gate, SignIn(user.email, PASSWORD))
    after = owner.execute(
        "SELECT id, type, principal, data FROM events WHERE tenant_id = %s AND principal = %s",
        (tenant.id, f"user:{user.id}"),
    ).fetchall()
    assert after == before != []
    told = owner.execute(
        "SELECT owner_id, data::text FROM events WHERE tenant_id = %s AND type = 'user.erased'", (tenant.id,)
    ).fetchall()
    assert told == [(tenant.reseller.organization_id, "{}")]
    letter = owner.execute("SELECT state, body FROM letters WHERE tenant_id = %s", (tenant.id,)).fetchall()
    assert letter == [("failed", "")]


async def test_the_address_of_an_erased_person_is_free_for_another(gate: Gate, tenant: Tenant) -> None:
    user, _ = await a_life(gate, tenant)
    await gate.engine.perform(everything(tenant.operator), erase_person, user.id)
    again = await a_user(gate, tenant.reseller, email=user.email)
    assert again.id != user.id
    held = await gate.engine.read(everything(tenant.operator), export_person, again.id)
    assert held["letters"] == held["events"] == held["contacts"] == []


async def test_somebody_who_was_removed_before_can_still_be_erased(
    gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user, _ = await a_life(gate, tenant)
    await gate.engine.perform(everything(tenant.operator), remove_user, user.id)
    held = await gate.engine.read(everything(tenant.operator), export_person, user.id)
    assert held["user"]["status"] == "removed"
    with pytest.raises(UserUnknown):
        await gate.engine.perform(everything(a_tenant(owner).operator), erase_person, user.id)
    await gate.engine.perform(everything(tenant.operator), erase_person, user.id)
    assert traces(owner, user.email) == set()


async def test_who_belongs_elsewhere_too_or_has_more_rights_is_not_erased_from_here(
    gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user, _ = await a_life(gate, tenant)
    modest = allowed(tenant.operator, permissions.USERS_WRITE)
    with pytest.raises(RoleExceedsYours):
        await gate.engine.perform(modest, erase_person, user.id)
    elsewhere = a_tenant(owner)
    owner.execute(
        "INSERT INTO memberships (id, tenant_id, organization_id, owner_path, user_id, role, created_at)"
        " SELECT gen_random_uuid(), o.tenant_id, o.id, o.path, %s, 'reader', now()"
        " FROM organizations o WHERE o.id = %s",
        (user.id, elsewhere.id),
    )
    with pytest.raises(UserBelongsElsewhere):
        await gate.engine.perform(everything(tenant.operator), erase_person, user.id)


async def test_a_dry_run_erases_nothing(gate: Gate, tenant: Tenant, owner: Owner) -> None:
    user, _ = await a_life(gate, tenant)
    await gate.engine.perform(replace(everything(tenant.operator)), erase_person, user.id, dry_run=True)
    assert "users" in traces(owner, user.email)
