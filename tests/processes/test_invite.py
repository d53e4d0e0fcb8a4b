from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.engine.unit_of_work import Meter
from chandlery.identity import invitations, permissions, resets
from chandlery.identity.errors import (
    InvitationClosed,
    InvitationUnfit,
    InvitationUnknown,
    InvitedAlready,
    MemberAlready,
    ParentInactive,
    RoleExceedsYours,
    TokenSpent,
)
from chandlery.identity.gate import Gate
from chandlery.identity.invitation import Invitation
from chandlery.identity.memberships import FindMemberships, find_memberships
from chandlery.identity.role import RoleRef
from chandlery.identity.roles import AddRole, add_role, remove_role
from chandlery.identity.sessions import SignIn, sign_in_user, sweep_identity
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Fault, PermissionMissing
from chandlery.kernel.ids import new_id
from chandlery.processes.invite import Posted, ask_for_reset, invite
from tests.builders import Tenant, allowed
from tests.conftest import NOW
from tests.identity.builders import PASSWORD, a_gate, a_user, at, everything, signed_in
from tests.surfaces.native.world import Owner

WEEK = timedelta(days=7)
PAGE = "https://shop.example.com/oauth/x"


@pytest.fixture
def gate(engine: Any) -> Gate:
    return a_gate(engine)


@pytest.fixture
def email() -> str:
    return f"{new_id().hex}@example.com"


async def invited(
    gate: Gate, actor: Actor, email: str, role: RoleRef = "reader", name: str = ""
) -> tuple[Invitation, str]:
    token = invitations.mint_token(gate)
    command = invitations.Invite(actor.organization_id, email, role, token.mac, NOW + WEEK, name)
    posted = Posted(command, f"{PAGE}?token={token.plain}")
    return (await gate.engine.perform(actor, invite, posted)).result, token.plain


async def accept(gate: Gate, token: str, name: str = "Ada Clerk") -> Any:
    found = await invitations.look_at(gate, token)
    newcomer = invitations.Newcomer(name, await gate.passwords.hash(PASSWORD))
    return await invitations.accept(gate, token, found, newcomer)


def letters(owner: Owner, email: str) -> list[tuple[str, str]]:
    rows = owner.execute(
        "SELECT subject, body FROM letters WHERE recipient = %s ORDER BY id", (email,)
    ).fetchall()
    return [(str(subject), str(body)) for subject, body in rows]


async def test_the_letter_goes_out_with_the_invitation_or_not_at_all(
    gate: Gate, tenant: Tenant, owner: Owner, email: str
) -> None:
    actor = everything(tenant.reseller)
    invitation, token = await invited(gate, actor, email, name="Ada")
    ((subject, body),) = letters(owner, email)
    assert subject == "Reseller invites you to Reseller"
    assert f"{PAGE}?token={token}" in body
    assert body.startswith("Hello Ada,")
    assert invitation.expires_at == NOW + WEEK
    with pytest.raises(InvitedAlready):
        await invited(gate, actor, email.upper())
    assert len(letters(owner, email)) == 1
    job = owner.execute(
        "SELECT count(*) FROM procrastinate_jobs WHERE task_name = 'send_letter' AND args->>'tenant_id' = %s",
        (str(tenant.id),),
    ).fetchone()
    assert job == (1,)


async def test_the_letter_names_the_person_who_invites(
    gate: Gate, tenant: Tenant, owner: Owner, email: str
) -> None:
    person = await signed_in(gate, await a_user(gate, tenant.operator, "owner"))
    await invited(gate, replace(person, permissions=permissions.EVERY), email)
    assert letters(owner, email)[0][0] == "A person invites you to Operator"


async def test_a_newcomer_has_the_role_and_nothing_else(gate: Gate, tenant: Tenant, email: str) -> None:
    actor = everything(tenant.reseller)
    invitation, token = await invited(gate, actor, email, "ordering")
    user_id = await accept(gate, token)
    assert (await sign_in_user(gate, SignIn(email, PASSWORD))).id == user_id
    held = await gate.engine.read(actor, find_memberships, FindMemberships(user_id=user_id))
    assert [(m.organization_id, m.role) for m in held.items] == [(actor.organization_id, "ordering")]
    found = await gate.engine.read(actor, invitations.get_invitation, invitation.id)
    assert (found.status, found.user_id) == ("accepted", user_id)


async def test_a_token_works_once_also_for_two_at_once(gate: Gate, tenant: Tenant, email: str) -> None:
    _, token = await invited(gate, everything(tenant.reseller), email)
    outcomes = await asyncio.gather(
        *(accept(gate, token, f"Twin {n}") for n in range(4)), return_exceptions=True
    )
    assert len([one for one in outcomes if not isinstance(one, BaseException)]) == 1
    assert {type(one) for one in outcomes if isinstance(one, BaseException)} == {TokenSpent}


@pytest.mark.parametrize("how", ["expired", "revoked", "resent", "made up"])
async def test_a_token_that_is_no_longer_good_lets_nobody_in(
    gate: Gate, tenant: Tenant, email: str, how: str
) -> None:
    actor = everything(tenant.reseller)
    invitation, token = await invited(gate, actor, email)
    if how == "expired":
        gate = a_gate(at(gate.engine, NOW + WEEK))
    elif how == "revoked":
        await gate.engine.perform(actor, invitations.revoke, invitation.id)
    elif how == "resent":
        renewed = invitations.mint_token(gate)
        again = Posted(invitations.Resend(invitation.id, renewed.mac, NOW + 2 * WEEK), f"{PAGE}?token=x")
        assert (await gate.engine.perform(actor, invite, again)).result.expires_at == NOW + 2 * WEEK
        await invitations.look_at(gate, renewed.plain)
    else:
        token = "chi_made-up"
    with pytest.raises(TokenSpent):
        await accept(gate, token)


async def test_an_invitation_found_before_it_was_revoked_is_not_accepted_after(
    gate: Gate, tenant: Tenant, email: str
) -> None:
    actor = everything(tenant.reseller)
    invitation, token = await invited(gate, actor, email)
    found = await invitations.look_at(gate, token)
    await gate.engine.perform(actor, invitations.revoke, invitation.id)
    newcomer = invitations.Newcomer("Ada", await gate.passwords.hash(PASSWORD))
    with pytest.raises(TokenSpent):
        await invitations.accept(gate, token, found, newcomer)


async def test_what_is_over_stays_over(gate: Gate, tenant: Tenant, email: str) -> None:
    actor = everything(tenant.reseller)
    invitation, token = await invited(gate, actor, email)
    await accept(gate, token)
    with pytest.raises(InvitationClosed):
        await gate.engine.perform(actor, invitations.revoke, invitation.id)
    with pytest.raises(MemberAlready):
        await invited(gate, actor, email)


async def test_nobody_invites_to_more_than_they_may(gate: Gate, tenant: Tenant, email: str) -> None:
    both = (permissions.USERS_WRITE, permissions.MEMBERSHIPS_WRITE)
    modest = allowed(tenant.reseller, *both, permissions.ORDERS_READ)
    with pytest.raises(RoleExceedsYours):
        await invited(gate, modest, email, "admin")
    for one in both:
        with pytest.raises(PermissionMissing):
            await invited(gate, allowed(tenant.reseller, one), email)
    invitation, _ = await invited(gate, everything(tenant.reseller), email, "admin")
    with pytest.raises(RoleExceedsYours):
        await gate.engine.perform(modest, invitations.revoke, invitation.id)
    with pytest.raises(InvitationUnknown):
        await gate.engine.perform(everything(tenant.customer), invitations.revoke, invitation.id)


async def test_an_invitation_goes_with_its_role_and_its_organisation(
    gate: Gate, tenant: Tenant, owner: Owner, email: str
) -> None:
    actor = everything(tenant.reseller)
    command = AddRole(actor.organization_id, "Auditors", frozenset({permissions.ORDERS_READ}))
    role = (await gate.engine.perform(actor, add_role, command)).result
    _, token = await invited(gate, actor, email, role.id)
    await gate.engine.perform(actor, remove_role, role.id)
    with pytest.raises(TokenSpent):
        await accept(gate, token)
    _, token = await invited(gate, everything(tenant.operator), email)
    owner.execute("UPDATE organizations SET status = 'suspended' WHERE id = %s", (tenant.id,))
    with pytest.raises(TokenSpent):
        await accept(gate, token)


async def test_nobody_is_invited_to_a_suspended_organisation(
    gate: Gate, tenant: Tenant, owner: Owner, email: str
) -> None:
    owner.execute(
        "UPDATE organizations SET status = 'suspended' WHERE id = %s", (tenant.reseller.organization_id,)
    )
    mac = invitations.mint_token(gate).mac
    command = invitations.Invite(tenant.reseller.organization_id, email, "reader", mac, NOW + WEEK)
    with pytest.raises(ParentInactive):
        await gate.engine.perform(everything(tenant.operator), invite, Posted(command, PAGE))


@pytest.mark.parametrize(
    ("email", "name", "field"),
    [
        ("nobody", "", "email"),
        ("a@b.example\nBcc: x@y.example", "", "email"),
        ("a@b.example", "x" * 201, "name"),
    ],
)
async def test_an_unfit_invitation_is_refused(
    gate: Gate, tenant: Tenant, email: str, name: str, field: str
) -> None:
    with pytest.raises(InvitationUnfit) as refused:
        await invited(gate, everything(tenant.reseller), email, name=name)
    assert [problem.field for problem in refused.value.problems] == [field]


async def reset_link(gate: Gate, owner: Owner, email: str) -> str:
    await ask_for_reset(gate, email, PAGE)
    found = re.search(r"\?token=(\S+)", letters(owner, email)[-1][1])
    assert found is not None
    return found[1]


async def test_a_reset_works_once_within_its_hour(gate: Gate, tenant: Tenant, owner: Owner) -> None:
    user = await a_user(gate, tenant.reseller)
    token = await reset_link(gate, owner, user.email)
    for seconds, good in ((3599, True), (3600, False)):
        later = a_gate(at(gate.engine, NOW + timedelta(seconds=seconds)))
        try:
            await resets.may_reset(later, token)
        except TokenSpent:
            assert not good
        else:
            assert good
    outcomes = await asyncio.gather(
        *(resets.reset_password(gate, token, f"a better horse {n}") for n in range(3)),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "TokenSpent", "TokenSpent"]
    with pytest.raises(Fault):
        await sign_in_user(gate, SignIn(user.email, PASSWORD))


async def test_a_reset_leaves_the_second_factor_and_ends_the_lock(
    gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user = await a_user(gate, tenant.reseller)
    owner.execute(
        "INSERT INTO second_factors (user_id, sealed, is_confirmed) VALUES (%s, 'x', true)", (user.id,)
    )
    await resets.reset_password(gate, await reset_link(gate, owner, user.email), "a better horse battery")
    assert owner.execute("SELECT count(*) FROM second_factors WHERE user_id = %s", (user.id,)).fetchone() == (
        1,
    )


async def test_asking_for_nobody_writes_nothing(
    gate: Gate, owner: Owner, email: str, meters: list[Meter]
) -> None:
    before = owner.execute("SELECT count(*) FROM letters").fetchone()
    count = len(meters)
    for name in (email, "nonsense", "", "a" * 10_000, "\0@example.com"):
        await ask_for_reset(gate, name, PAGE)
    assert owner.execute("SELECT count(*) FROM letters").fetchone() == before
    assert {meter.use_case for meter in meters[count:]} <= {"look_up"}


async def test_tokens_and_addresses_stay_out_of_events(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any], email: str
) -> None:
    _, token = await invited(gate, everything(tenant.reseller), email, name="Ada")
    await accept(gate, token)
    reset = await reset_link(gate, owner, email)
    await resets.reset_password(gate, reset, "a better horse battery")
    told = owner.execute("SELECT type, data::text FROM events WHERE tenant_id = %s", (tenant.id,)).fetchall()
    assert {
        "invitation.sent",
        "invitation.accepted",
        "user.password_reset_asked",
        "user.password_changed",
    } <= {kind for kind, _ in told}
    for _, data in told:
        assert not {word for word in (token, reset, email, "Ada") if word in data}
    macs = owner.execute("SELECT mac FROM invitations WHERE tenant_id = %s", (tenant.id,)).fetchall()
    assert all(token.encode() not in bytes(mac) for (mac,) in macs)


async def test_what_nobody_can_use_any_more_is_swept(gate: Gate, tenant: Tenant, owner: Owner) -> None:
    user = await a_user(gate, tenant.reseller)
    await reset_link(gate, owner, user.email)
    count = "SELECT count(*) FROM password_resets WHERE user_id = %s"
    for hours, left in ((1.9, 1), (2.1, 0)):
        await sweep_identity(at(gate.engine, NOW + timedelta(hours=hours)))
        assert owner.execute(count, (user.id,)).fetchone() == (left,)
