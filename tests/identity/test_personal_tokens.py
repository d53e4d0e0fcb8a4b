"""Personal tokens: a session of their own, with at most the rights they were made with, ended at any time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.errors import SessionEnded
from chandlery.identity import permissions
from chandlery.identity.credentials import SetPassword, set_password
from chandlery.identity.errors import PeopleOnly, PersonalTokenUnfit, PersonalTokenUnknown, TokenInvalid
from chandlery.identity.gate import Gate
from chandlery.identity.memberships import (
    ChangeMembership,
    FindMemberships,
    change_membership,
    find_memberships,
    remove_membership,
)
from chandlery.identity.organizations import get_organization
from chandlery.identity.personal_tokens import (
    FORMS,
    AddPersonalToken,
    PersonalToken,
    actor_of,
    add_personal_token,
    find_personal_tokens,
    form_for,
    new_matter,
    opaque,
    revoke_personal_token,
    verify_bearer,
)
from chandlery.identity.roles import BUILT_IN
from chandlery.identity.user import Membership
from chandlery.kernel.actor import Actor
from chandlery.kernel.page import PageRequest
from tests.builders import Tenant, allowed
from tests.conftest import NOW
from tests.identity.builders import a_client, a_user, everything, let_in, signed_in


async def a_token(
    gate: Gate, actor: Actor, surface: str = "native", name: str = "Nightly"
) -> tuple[PersonalToken, str]:
    matter = new_matter(gate, actor, 90)
    minted = opaque(gate, matter)
    command = AddPersonalToken(matter, surface, name, minted.mac, NOW)
    return (await gate.engine.perform(actor, add_personal_token, command)).result, minted.plain


async def a_person(gate: Gate, tenant: Tenant, role: str = "ordering") -> Actor:
    return await signed_in(gate, await a_user(gate, tenant.reseller, role))


async def membership_of(gate: Gate, tenant: Tenant, actor: Actor) -> Membership:
    command = FindMemberships(user_id=actor.user_id)
    return (await gate.engine.read(everything(tenant.operator), find_memberships, command)).items[0]


async def test_a_token_acts_as_the_person_who_made_it(gate: Gate, tenant: Tenant) -> None:
    person = await a_person(gate, tenant)
    token, plain = await a_token(gate, person)
    assert plain.startswith("cht_")
    actor = await verify_bearer(gate, plain, "native", "req-1")
    assert (actor.user_id, actor.client_id, actor.request_id) == (person.user_id, None, "req-1")
    assert (actor.organization_id, actor.permissions) == (person.organization_id, BUILT_IN["ordering"])
    await gate.engine.read(actor, get_organization, actor.organization_id)
    assert token.expires_at == NOW + timedelta(days=90)


async def test_an_access_token_is_still_one(gate: Gate, tenant: Tenant) -> None:
    person = await a_person(gate, tenant)
    access = await gate.tokens.sign(person, 60)
    assert await verify_bearer(gate, access, "native") == person


@pytest.mark.parametrize("how", ["revoked", "password", "membership"])
async def test_a_token_ends_with_what_it_stands_on(gate: Gate, tenant: Tenant, how: str) -> None:
    person = await a_person(gate, tenant)
    token, plain = await a_token(gate, person)
    actor = await verify_bearer(gate, plain, "native")
    assert person.user_id is not None
    if how == "revoked":
        await gate.engine.perform(person, revoke_personal_token, token.id)
    elif how == "password":
        new = await gate.passwords.hash("a better horse battery")
        await gate.engine.perform(tenant.system, set_password, SetPassword(person.user_id, new))
    else:
        membership = await membership_of(gate, tenant, person)
        await gate.engine.perform(everything(tenant.operator), remove_membership, membership.id)
    with pytest.raises(TokenInvalid):
        await verify_bearer(gate, plain, "native")
    with pytest.raises(SessionEnded):
        await gate.engine.read(actor, get_organization, actor.organization_id)


async def test_a_token_follows_the_role_down_and_never_up(gate: Gate, tenant: Tenant) -> None:
    person = await a_person(gate, tenant, "ordering")
    narrow = allowed(person, permissions.ACCOUNT_WRITE, permissions.ORDERS_READ, permissions.ORDERS_WRITE)
    _, plain = await a_token(gate, narrow)
    assert (await verify_bearer(gate, plain, "native")).permissions == narrow.permissions
    membership = await membership_of(gate, tenant, person)
    for role, held in (("reader", {permissions.ACCOUNT_WRITE, permissions.ORDERS_READ}), ("owner", None)):
        change = ChangeMembership(membership.id, role)
        await gate.engine.perform(everything(tenant.operator), change_membership, change)
        actor = await verify_bearer(gate, plain, "native")
        assert actor.permissions == (narrow.permissions if held is None else held)
        await gate.engine.read(allowed(actor, "organizations:read"), get_organization, actor.organization_id)


async def test_a_token_is_for_one_surface(gate: Gate, tenant: Tenant) -> None:
    person = await a_person(gate, tenant)
    _, plain = await a_token(gate, person, "ion")
    with pytest.raises(TokenInvalid):
        await verify_bearer(gate, plain, "native")
    assert (await actor_of(gate, plain, "ion")).surface == "ion"


async def test_what_there_is_no_form_for_is_refused_by_name(gate: Gate) -> None:
    assert form_for(FORMS, "native") is opaque
    with pytest.raises(PersonalTokenUnfit) as refused:
        form_for(FORMS, "teletype")
    assert refused.value.problems[0].message == "There are personal tokens for: native."


@pytest.mark.parametrize("days", [0, -1, 367])
async def test_a_token_lives_for_a_year_at_most(gate: Gate, tenant: Tenant, days: int) -> None:
    with pytest.raises(PersonalTokenUnfit):
        new_matter(gate, await a_person(gate, tenant), days)


async def test_machines_have_none(gate: Gate, tenant: Tenant) -> None:
    machine = await let_in(gate, await a_client(gate, tenant.reseller))
    with pytest.raises(PeopleOnly):
        new_matter(gate, machine, 1)
    with pytest.raises(PeopleOnly):
        await gate.engine.read(machine, find_personal_tokens, PageRequest())


async def test_people_see_and_revoke_their_own_only(gate: Gate, tenant: Tenant) -> None:
    mine, other = await a_person(gate, tenant), await a_person(gate, tenant, "admin")
    token, plain = await a_token(gate, mine)
    found = await gate.engine.read(mine, find_personal_tokens, PageRequest())
    assert list(found.items) == [token]
    assert list((await gate.engine.read(other, find_personal_tokens, PageRequest())).items) == []
    with pytest.raises(PersonalTokenUnknown):
        await gate.engine.perform(other, revoke_personal_token, token.id)
    await verify_bearer(gate, plain, "native")


async def test_a_session_that_ended_meanwhile_makes_none(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    person = await a_person(gate, tenant)
    owner.execute("UPDATE sessions SET ended_at = now() WHERE id = %s", (person.session_id,))
    with pytest.raises(SessionEnded):
        await a_token(gate, person)


@pytest.mark.parametrize("name", ["", " ", "x" * 101, "two\nlines"])
async def test_an_unfit_name_is_refused(gate: Gate, tenant: Tenant, name: str) -> None:
    with pytest.raises(PersonalTokenUnfit):
        await a_token(gate, await a_person(gate, tenant), name=name)
