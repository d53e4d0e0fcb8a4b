"""People, their places in organisations, and what taking those away does."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

from chandlery.engine.errors import SessionEnded
from chandlery.engine.unit_of_work import Meter
from chandlery.identity import permissions
from chandlery.identity.credentials import ChangePassword, change_password
from chandlery.identity.errors import (
    CredentialsWrong,
    EmailTaken,
    MemberAlready,
    OwnMembership,
    PasswordUnfit,
    RoleExceedsYours,
    RoleUnknown,
    UserBelongsElsewhere,
    UsernameTaken,
    UserUnfit,
    UserUnknown,
)
from chandlery.identity.gate import Gate
from chandlery.identity.memberships import (
    AddMembership,
    ChangeMembership,
    FindMemberships,
    add_membership,
    change_membership,
    find_memberships,
    remove_membership,
)
from chandlery.identity.user import Membership, User
from chandlery.identity.users import (
    AddUser,
    FindUsers,
    RenameUser,
    add_user,
    find_users,
    get_user,
    remove_user,
    rename_user,
)
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import OrganizationId
from tests.builders import Tenant, a_tenant, allowed
from tests.identity.builders import PASSWORD, a_user, everything, signed_in


async def membership_of(gate: Gate, actor: Actor, user: User) -> Membership:
    found = await gate.engine.read(everything(actor), find_memberships, FindMemberships(user_id=user.id))
    (membership,) = found.items
    return membership


async def test_a_newcomer_is_added_with_a_place_and_signs_in(
    gate: Gate, tenant: Tenant, meters: list[Meter]
) -> None:
    user = await a_user(gate, tenant.reseller, "ordering")
    assert meters[-1].round_trips == 2
    actor = await signed_in(gate, user)
    assert (actor.user_id, actor.organization_id) == (user.id, tenant.reseller.organization_id)
    assert actor.may(permissions.ORDERS_CHECKOUT)
    assert not actor.may(permissions.USERS_WRITE)
    assert await gate.engine.read(actor, get_user, user.id) == user


async def test_addresses_and_names_are_unique_whatever_their_case(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller)
    with pytest.raises(EmailTaken):
        await a_user(gate, tenant.customer, email=user.email.upper())
    command = AddUser(tenant.customer.organization_id, "x" + user.email, "X", "reader", username=user.id.hex)
    await gate.engine.perform(everything(tenant.customer), add_user, command)
    again = AddUser(
        tenant.customer.organization_id, "y" + user.email, "X", "reader", username=user.id.hex.upper()
    )
    with pytest.raises(UsernameTaken):
        await gate.engine.perform(everything(tenant.customer), add_user, again)


async def test_every_problem_of_a_newcomer_is_named_at_once(gate: Gate, tenant: Tenant) -> None:
    command = AddUser(
        tenant.customer.organization_id, "nobody", " ", "reader", username="someone@else.example"
    )
    with pytest.raises(UserUnfit) as refused:
        await gate.engine.perform(everything(tenant.customer), add_user, command)
    assert [problem.field for problem in refused.value.problems] == ["email", "username", "name"]


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaa", "my-harbour-pass", "x" * 201])
async def test_an_easy_password_is_refused(gate: Gate, password: str) -> None:
    with pytest.raises(PasswordUnfit):
        await gate.passwords.hash(password, "harbour")


async def test_a_password_is_never_stored_in_clear(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    user = await a_user(gate, tenant.reseller)
    row = owner.execute("SELECT u::text FROM users u WHERE id = %s", (user.id,)).fetchone()
    assert row is not None
    assert PASSWORD not in row[0]
    assert "$argon2id$v=19$m=32768,t=2,p=1$" in row[0]


async def test_the_app_cannot_read_hashes_and_secrets(gate: Gate, tenant: Tenant) -> None:
    from chandlery.engine.statements import many
    from chandlery.engine.unit_of_work import Reader

    for sql in (
        "SELECT password_hash FROM users",
        "SELECT mac FROM client_secrets",
        "SELECT * FROM refresh_tokens",
        "SELECT * FROM signing_keys",
        "SELECT * FROM sign_in_failures",
    ):

        async def peek(reader: Reader, _actor: Actor, statement: str) -> list[Any]:
            return await reader.fetch(many(statement, (), lambda row: row))

        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await gate.engine.read(tenant.operator, peek, sql)


async def test_a_reseller_sees_the_people_of_its_subtree_only(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    above = await a_user(gate, tenant.operator)
    own, below = await a_user(gate, tenant.reseller), await a_user(gate, tenant.customer)
    reseller = everything(tenant.reseller)
    found = await gate.engine.read(reseller, find_users, FindUsers())
    assert {user.id for user in found.items} == {own.id, below.id}
    only = await gate.engine.read(reseller, find_users, FindUsers(tenant.customer.organization_id))
    assert list(only.items) == [below]
    for stranger in (everything(a_tenant(owner).operator), reseller):
        with pytest.raises(UserUnknown):
            await gate.engine.read(stranger, get_user, above.id)
    places = await gate.engine.read(reseller, find_memberships, FindMemberships())
    assert {place.user_id for place in places.items} == {own.id, below.id}


async def test_nobody_gives_rights_that_they_do_not_have(gate: Gate, tenant: Tenant) -> None:
    seller = allowed(
        tenant.reseller, permissions.USERS_WRITE, permissions.MEMBERSHIPS_WRITE, permissions.ORDERS_READ
    )
    command = AddUser(tenant.customer.organization_id, "a@example.com", "A", "admin")
    with pytest.raises(RoleExceedsYours):
        await gate.engine.perform(seller, add_user, command)


async def test_nobody_takes_rights_that_they_do_not_have(gate: Gate, tenant: Tenant) -> None:
    boss = await a_user(gate, tenant.reseller, "admin")
    place = await membership_of(gate, tenant.reseller, boss)
    clerk = allowed(tenant.reseller, permissions.MEMBERSHIPS_WRITE, permissions.USERS_WRITE)
    with pytest.raises(RoleExceedsYours):
        await gate.engine.perform(clerk, remove_membership, place.id)
    with pytest.raises(RoleExceedsYours):
        await gate.engine.perform(clerk, change_membership, ChangeMembership(place.id, "reader"))
    with pytest.raises(RoleExceedsYours):
        await gate.engine.perform(clerk, remove_user, boss.id)


async def test_what_reaches_the_whole_tenant_works_at_the_operator_alone(gate: Gate, tenant: Tenant) -> None:
    at_reseller = await signed_in(gate, await a_user(gate, tenant.reseller, "owner"))
    at_operator = await signed_in(gate, await a_user(gate, tenant.operator, "owner"))
    assert at_operator.permissions == permissions.EVERY
    assert permissions.EVERY - at_reseller.permissions == {
        permissions.TENANT_ADMIN,
        permissions.CATALOG_WRITE,
        permissions.PROVIDERS_WRITE,
    }


async def test_an_unknown_role_and_an_unknown_organisation_are_refused(gate: Gate, tenant: Tenant) -> None:
    with pytest.raises(RoleUnknown):
        await a_user(gate, tenant.reseller, "emperor")


async def test_a_second_place_in_the_same_organisation_is_refused(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller)
    reseller = everything(tenant.reseller)
    place = AddMembership(tenant.customer.organization_id, user.id, "reader")
    await gate.engine.perform(reseller, add_membership, place)
    with pytest.raises(MemberAlready):
        await gate.engine.perform(reseller, add_membership, place)


async def test_a_person_of_another_tenant_cannot_be_drawn_in(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    stranger = await a_user(gate, a_tenant(owner).reseller)
    with pytest.raises(UserUnknown):
        await gate.engine.perform(
            everything(tenant.operator),
            add_membership,
            AddMembership(tenant.operator.organization_id, stranger.id, "reader"),
        )


async def test_a_new_role_ends_the_present_token_at_once(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller, "ordering")
    actor = await signed_in(gate, user)
    place = await membership_of(gate, tenant.reseller, user)
    changed = await gate.engine.perform(
        everything(tenant.reseller), change_membership, ChangeMembership(place.id, "reader")
    )
    assert changed.result.version == 2
    with pytest.raises(SessionEnded):
        await gate.engine.read(actor, get_user, user.id)
    assert not (await signed_in(gate, user)).may(permissions.ORDERS_WRITE)


async def test_a_removed_place_ends_access_at_once(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.customer)
    actor = await signed_in(gate, user)
    place = await membership_of(gate, tenant.reseller, user)
    await gate.engine.perform(everything(tenant.reseller), remove_membership, place.id)
    with pytest.raises(SessionEnded):
        await gate.engine.read(actor, get_user, user.id)
    with pytest.raises(CredentialsWrong):
        await signed_in(gate, user)


async def test_a_removed_person_is_out_and_the_address_is_free(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.customer)
    actor = await signed_in(gate, user)
    await gate.engine.perform(everything(tenant.reseller), remove_user, user.id)
    with pytest.raises(SessionEnded):
        await gate.engine.read(actor, get_user, user.id)
    with pytest.raises(UserUnknown):
        await gate.engine.read(everything(tenant.reseller), get_user, user.id)
    with pytest.raises(CredentialsWrong):
        await signed_in(gate, user)
    await a_user(gate, tenant.customer, email=user.email)


async def test_a_person_who_also_belongs_elsewhere_cannot_be_removed(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    user = await a_user(gate, tenant.customer)
    await gate.engine.perform(
        everything(tenant.operator),
        add_membership,
        AddMembership(OrganizationId(tenant.id), user.id, "reader"),
    )
    actor = await signed_in(gate, user)
    with pytest.raises(UserBelongsElsewhere):
        await gate.engine.perform(everything(tenant.reseller), remove_user, user.id)
    assert await gate.engine.read(actor, get_user, user.id) == user
    await gate.engine.perform(everything(tenant.operator), remove_user, user.id)


async def test_nobody_changes_their_own_place(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller, "admin")
    actor = await signed_in(gate, user)
    place = await membership_of(gate, tenant.reseller, user)
    with pytest.raises(OwnMembership):
        await gate.engine.perform(actor, change_membership, ChangeMembership(place.id, "owner"))


async def test_people_rename_themselves_without_a_permission(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.customer, "fulfilment")
    actor = await signed_in(gate, user)
    renamed = (await gate.engine.perform(actor, rename_user, RenameUser(user.id, " New Name "))).result
    assert (renamed.name, renamed.version) == ("New Name", 2)


async def test_a_new_password_ends_every_other_session(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.customer)
    here, there = await signed_in(gate, user), await signed_in(gate, user)
    with pytest.raises(CredentialsWrong):
        await change_password(gate, here, ChangePassword("not this one", "another horse entirely"))
    await change_password(gate, here, ChangePassword(PASSWORD, "another horse entirely"))
    assert await gate.engine.read(here, get_user, user.id) == user
    with pytest.raises(SessionEnded):
        await gate.engine.read(there, get_user, user.id)
    with pytest.raises(CredentialsWrong):
        await signed_in(gate, user)
    assert (await signed_in(gate, user, "another horse entirely")).user_id == user.id
