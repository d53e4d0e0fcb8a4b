"""Signing in and out: passwords and lockout, client credentials, refresh with reuse detection, revocation."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from argon2 import PasswordHasher

from chandlery.engine.errors import SessionEnded
from chandlery.engine.unit_of_work import Meter
from chandlery.identity import permissions
from chandlery.identity.clients import PutClient, put_client
from chandlery.identity.errors import (
    ClientCredentialsWrong,
    CredentialsWrong,
    RefreshTokenReused,
    RefreshTokenWrong,
    ScopeUnknown,
    SignInLocked,
)
from chandlery.identity.gate import Gate
from chandlery.identity.organizations import (
    PutOrganization,
    get_organization,
    put_organization,
)
from chandlery.identity.passwords import Passwords
from chandlery.identity.session import Issued, KnownClient
from chandlery.identity.sessions import (
    IssueSession,
    RefreshSession,
    SignIn,
    authenticate_client,
    introspect,
    issue_session,
    refresh_session,
    revoke,
    sign_in_user,
    sweep_identity,
)
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Fault
from tests.builders import Tenant, a_tenant
from tests.conftest import NOW
from tests.identity.builders import (
    PASSWORD,
    Machine,
    a_client,
    a_gate,
    a_user,
    at,
    everything,
    let_in,
    signed_in,
)

BOTH = frozenset({"client_credentials", "refresh_token"})


async def known(gate: Gate, machine: Machine) -> KnownClient:
    return await authenticate_client(gate, str(machine.client.id), machine.secret)


async def with_refresh(gate: Gate, tenant: Tenant) -> tuple[KnownClient, Issued]:
    """A person signed in through a client, with a refresh token."""
    client = await known(gate, await a_client(gate, tenant.reseller, "admin", BOTH))
    user = await a_user(gate, tenant.reseller, "ordering")
    person = await sign_in_user(gate, SignIn(user.username, PASSWORD, client.id))
    return client, await issue_session(gate, IssueSession(client=client, user=person, with_refresh=True))


async def works(gate: Gate, actor: Actor) -> bool:
    try:
        await gate.engine.read(actor, get_organization, actor.organization_id)
    except SessionEnded:
        return False
    return True


async def test_a_client_acts_with_all_its_rights_in_its_own_organisation(gate: Gate, tenant: Tenant) -> None:
    machine = await a_client(gate, tenant.reseller, "ordering")
    actor = await let_in(gate, machine)
    assert (actor.tenant_id, actor.organization_id) == (tenant.id, tenant.reseller.organization_id)
    assert (actor.client_id, actor.user_id, actor.surface) == (machine.client.id, None, "native")
    assert permissions.ORDERS_CHECKOUT in actor.permissions
    assert await works(gate, actor)


async def test_issuing_costs_two_look_ups_and_verifying_none(
    gate: Gate, tenant: Tenant, meters: list[Meter]
) -> None:
    machine = await a_client(gate, tenant.reseller)
    token = await gate.tokens.sign((await let_in(gate, machine)), 60)
    before = len(meters)
    client = await known(gate, machine)
    await issue_session(gate, IssueSession(client=client))
    assert [meter.use_case for meter in meters[before:]] == ["look_up"] * 2
    await gate.tokens.verify(token, "native")
    await gate.tokens.verify(token, "native")
    assert len(meters) == before + 2


async def test_a_narrower_scope_gives_fewer_permissions(gate: Gate, tenant: Tenant) -> None:
    client = await known(gate, await a_client(gate, tenant.reseller, "ordering"))
    scope = frozenset({permissions.ORDERS_READ})
    issued = await issue_session(gate, IssueSession(client=client, scope=scope))
    assert issued.actor.permissions == scope
    assert issued.scope == "orders:read"


@pytest.mark.parametrize("asked", ["orders:devour", permissions.USERS_WRITE])
async def test_a_scope_beyond_the_client_is_refused(gate: Gate, tenant: Tenant, asked: str) -> None:
    client = await known(gate, await a_client(gate, tenant.reseller, "ordering"))
    with pytest.raises(ScopeUnknown):
        await issue_session(gate, IssueSession(client=client, scope=frozenset({asked})))
    silent = IssueSession(client=client, scope=frozenset({asked}), strict_scope=False)
    assert (await issue_session(gate, silent)).actor.permissions == frozenset()


async def test_wrong_and_unknown_clients_answer_alike(gate: Gate, tenant: Tenant) -> None:
    machine = await a_client(gate, tenant.reseller)
    answers = set()
    for client_id, secret in (
        (str(machine.client.id), "chs_wrong"),
        (str(machine.client.id), None),
        (str(machine.client.id), ""),
        (str(tenant.id), machine.secret),
        ("no uuid", machine.secret),
        (str(machine.client.id), "\ud800"),
    ):
        with pytest.raises(ClientCredentialsWrong) as refused:
            await authenticate_client(gate, client_id, secret)
        answers.add(str(refused.value))
    assert len(answers) == 1


async def test_a_person_does_through_a_client_what_both_may(gate: Gate, tenant: Tenant) -> None:
    client = await known(gate, await a_client(gate, tenant.reseller, "reader"))
    user = await a_user(gate, tenant.customer, "ordering")
    person = await sign_in_user(gate, SignIn(user.email, PASSWORD, client.id))
    actor = (await issue_session(gate, IssueSession(client=client, user=person))).actor
    assert actor.organization_id == tenant.customer.organization_id
    assert permissions.ORDERS_READ in actor.permissions
    assert permissions.ORDERS_WRITE not in actor.permissions  # the client only reads
    assert permissions.USERS_READ not in actor.permissions  # the person does not


async def test_a_client_signs_in_people_of_its_own_subtree_only(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    client = await a_client(gate, tenant.reseller)
    for stranger in (tenant.operator, a_tenant(owner).reseller):
        user = await a_user(gate, stranger)
        with pytest.raises(CredentialsWrong):
            await sign_in_user(gate, SignIn(user.email, PASSWORD, client.client.id))


async def test_unknown_names_and_wrong_passwords_answer_and_lock_alike(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller)

    async def guess(login: str) -> tuple[type[Fault], str, int | None]:
        with pytest.raises(Fault) as refused:
            await sign_in_user(gate, SignIn(login, "wrong password"))
        fault = refused.value
        return type(fault), str(fault), fault.retry_after_seconds

    real = [await guess(user.email) for _ in range(6)]
    imaginary = [await guess(f"nobody-{user.id}@example.com") for _ in range(6)]
    assert real == imaginary
    assert [kind for kind, _text, _wait in real] == [CredentialsWrong] * 4 + [SignInLocked] * 2
    assert [wait for _kind, _text, wait in real[4:]] == [30, 30]


async def test_a_lock_holds_against_the_right_password_and_doubles(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller)

    async def attempt(seconds: int, password: str) -> int | None:
        later = a_gate(at(gate.engine, NOW + timedelta(seconds=seconds)))
        try:
            await sign_in_user(later, SignIn(user.email, password))
        except SignInLocked as locked:
            return locked.retry_after_seconds
        except CredentialsWrong:
            return 0
        return None

    assert [await attempt(0, "wrong password") for _ in range(5)] == [0, 0, 0, 0, 30]
    assert await attempt(29, PASSWORD) == 1
    assert await attempt(31, "wrong password") == 60
    assert await attempt(95, PASSWORD) is None
    assert await attempt(96, "wrong password") == 0


async def test_a_burst_of_guesses_is_counted_like_a_trickle(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller)
    guesses = [sign_in_user(gate, SignIn(user.email, f"guess number {n}")) for n in range(10)]
    refused = await asyncio.gather(*guesses, return_exceptions=True)
    assert sum(isinstance(fault, SignInLocked) for fault in refused) == 6


async def test_an_older_hash_is_renewed_by_the_next_sign_in(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    user = await a_user(gate, tenant.reseller)
    cheap = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    owner.execute("UPDATE users SET password_hash = %s WHERE id = %s", (cheap, user.id))
    await signed_in(gate, user)
    row = owner.execute("SELECT password_hash FROM users WHERE id = %s", (user.id,)).fetchone()
    assert row is not None
    assert not Passwords().hasher.check_needs_rehash(row[0])
    assert (await signed_in(gate, user)).user_id == user.id


async def test_a_password_changed_between_proof_and_session_opens_nothing(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    user = await a_user(gate, tenant.reseller)
    person = await sign_in_user(gate, SignIn(user.email, PASSWORD))
    owner.execute("UPDATE users SET password_hash = 'another' WHERE id = %s", (user.id,))
    with pytest.raises(CredentialsWrong):
        await issue_session(gate, IssueSession(user=person))


async def test_nobody_signs_in_below_a_suspended_organisation(gate: Gate, tenant: Tenant) -> None:
    machine, user = await a_client(gate, tenant.customer), await a_user(gate, tenant.customer)
    client = await known(gate, machine)
    command = PutOrganization(tenant.reseller.organization_id, "suspended")
    await gate.engine.perform(everything(tenant.operator), put_organization, command)
    with pytest.raises(ClientCredentialsWrong):
        await known(gate, machine)
    with pytest.raises(ClientCredentialsWrong):
        await issue_session(gate, IssueSession(client=client))
    with pytest.raises(CredentialsWrong):
        await signed_in(gate, user)
    await gate.engine.perform(
        everything(tenant.operator), put_organization, replace(command, status="active")
    )
    assert await works(gate, await let_in(gate, machine))


async def test_a_refresh_token_is_good_for_one_successor(gate: Gate, tenant: Tenant) -> None:
    client, first = await with_refresh(gate, tenant)
    assert first.refresh_token
    second = await refresh_session(gate, RefreshSession(client, first.refresh_token))
    assert second.refresh_token
    assert second.actor == first.actor
    third = await refresh_session(gate, RefreshSession(client, second.refresh_token))
    assert await works(gate, third.actor)
    narrow = RefreshSession(client, third.refresh_token or "", frozenset({permissions.ORDERS_READ}))
    fourth = await refresh_session(gate, narrow)
    assert fourth.actor.permissions == {permissions.ORDERS_READ}
    fifth = await refresh_session(gate, RefreshSession(client, fourth.refresh_token or ""))
    assert fifth.actor.permissions == first.actor.permissions


async def test_reuse_of_a_refresh_token_ends_the_family(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    client, first = await with_refresh(gate, tenant)
    second = await refresh_session(gate, RefreshSession(client, first.refresh_token or ""))
    with pytest.raises(RefreshTokenReused):
        await refresh_session(gate, RefreshSession(client, first.refresh_token or ""))
    assert not await works(gate, second.actor)
    with pytest.raises(RefreshTokenWrong):
        await refresh_session(gate, RefreshSession(client, second.refresh_token or ""))
    events = owner.execute(
        "SELECT type FROM events WHERE subject_id = %s", (first.actor.session_id,)
    ).fetchall()
    assert events == [("session.refresh_token_reused",)]


async def test_of_a_hundred_refreshes_at_once_exactly_one_succeeds(gate: Gate, tenant: Tenant) -> None:
    client, first = await with_refresh(gate, tenant)
    command = RefreshSession(client, first.refresh_token or "")
    outcomes = await asyncio.gather(
        *(refresh_session(gate, command) for _ in range(100)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Issued) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, RefreshTokenWrong) for outcome in outcomes) == 99


async def test_a_refresh_token_serves_the_client_it_was_given_to(gate: Gate, tenant: Tenant) -> None:
    client, first = await with_refresh(gate, tenant)
    thief = await known(gate, await a_client(gate, tenant.reseller, "admin", BOTH))
    with pytest.raises(RefreshTokenWrong):
        await refresh_session(gate, RefreshSession(thief, first.refresh_token or ""))
    await refresh_session(gate, RefreshSession(client, first.refresh_token or ""))


async def test_secrets_and_refresh_tokens_are_never_stored_in_clear(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    machine = await a_client(gate, tenant.reseller, "admin", BOTH)
    client = await known(gate, machine)
    issued = await issue_session(gate, IssueSession(client=client, with_refresh=True))
    assert issued.refresh_token
    tables = owner.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    ).fetchall()
    for (table,) in tables:
        for secret in (machine.secret, issued.refresh_token):
            forms = [secret, secret.encode().hex()]
            found = owner.execute(
                f"SELECT 1 FROM {table} t WHERE t::text LIKE ANY (%s)", ([f"%{form}%" for form in forms],)
            ).fetchone()
            assert found is None, table
    stored = owner.execute("SELECT mac FROM client_secrets WHERE client_id = %s", (client.id,)).fetchone()
    assert stored is not None
    assert len(stored[0]) == 32


async def test_a_revoked_token_ends_its_session_for_its_own_client_only(gate: Gate, tenant: Tenant) -> None:
    client, issued = await with_refresh(gate, tenant)
    stranger = await known(gate, await a_client(gate, tenant.reseller))
    token = await gate.tokens.sign(issued.actor, 60)
    for given in (token, issued.refresh_token or "", "rubbish"):
        await revoke(gate, stranger, given)
    assert await works(gate, issued.actor)
    await revoke(gate, client, issued.refresh_token or "")
    assert not await works(gate, issued.actor)

    client, issued = await with_refresh(gate, tenant)
    await revoke(gate, client, await gate.tokens.sign(issued.actor, 60))
    assert not await works(gate, issued.actor)


async def test_a_token_can_be_asked_about_from_its_organisation_and_above(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    client, issued = await with_refresh(gate, tenant)
    token = await gate.tokens.sign(issued.actor, 60)
    above = await known(gate, await a_client(gate, tenant.operator))
    for asker in (client, above):
        answer = await introspect(gate, asker, token)
        assert answer is not None
        session, access = answer
        assert (session.id, session.client_id) == (issued.actor.session_id, client.id)
        assert access is not None
        assert access.actor.permissions == issued.actor.permissions
        assert await introspect(gate, asker, issued.refresh_token or "") is not None
    for outsider in (tenant.customer, a_tenant(owner).operator):
        asker = await known(gate, await a_client(gate, outsider))
        assert await introspect(gate, asker, token) is None
        assert await introspect(gate, asker, issued.refresh_token or "") is None
    assert await introspect(gate, client, "rubbish") is None
    await revoke(gate, client, token)
    assert await introspect(gate, client, token) is None


async def test_long_expired_sessions_are_swept(
    gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    _client, issued = await with_refresh(gate, tenant)
    _client, kept = await with_refresh(gate, tenant)
    owner.execute(
        "UPDATE sessions SET expires_at = now() - interval '2 days' WHERE id = %s", (issued.actor.session_id,)
    )
    await sweep_identity(gate.engine)
    left = owner.execute(
        "SELECT id FROM sessions WHERE id = ANY (%s)", ([issued.actor.session_id, kept.actor.session_id],)
    ).fetchall()
    assert left == [(kept.actor.session_id,)]


async def test_no_session_slips_through_while_its_client_is_disabled(gate: Gate, tenant: Tenant) -> None:
    machine = await a_client(gate, tenant.reseller)
    disable = gate.engine.perform(
        everything(tenant.reseller), put_client, PutClient(machine.client.id, "disabled")
    )
    outcomes = await asyncio.gather(
        *(let_in(gate, machine) for _ in range(30)),
        disable,
        *(let_in(gate, machine) for _ in range(30)),
        return_exceptions=True,
    )
    actors = [outcome for outcome in outcomes if isinstance(outcome, Actor)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert all(isinstance(fault, ClientCredentialsWrong) for fault in refused)
    assert [await works(gate, actor) for actor in actors] == [False] * len(actors)
    with pytest.raises(ClientCredentialsWrong):
        await let_in(gate, machine)
