"""Signing in and out: the grants, free of any dialect.

    authenticate_client   who the machine is                          1 round trip
    sign_in_user          who the person is                           1; 1 more to note a failure, or the end of some
    issue_session         a session for either, with its rights       1
    refresh_session       the next token of the same session          1
    revoke, introspect    give back, ask about                        1

A surface puts these together and says the result in its own words. None of them is a use case of `perform`: they run
before there is an actor, each as one call of a database function that decides and writes in one transaction.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from dataclasses import dataclass, field

from chandlery.engine.statements import Query
from chandlery.engine.unit_of_work import Engine
from chandlery.identity import permissions
from chandlery.identity._store import sessions as store
from chandlery.identity._store.sessions import LiveSession
from chandlery.identity.client import TokenLifetimes
from chandlery.identity.errors import (
    ClientCredentialsWrong,
    CredentialsWrong,
    GrantNotAllowed,
    RefreshTokenReused,
    RefreshTokenWrong,
    ScopeUnknown,
    SecondFactorNeeded,
    SignInLocked,
    TokenInvalid,
)
from chandlery.identity.gate import CLIENT_SECRET, REFRESH_TOKEN, Gate
from chandlery.identity.roles import resolve
from chandlery.identity.session import Issued, KnownClient, KnownUser, Rights
from chandlery.identity.tokens import Access
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import ClientId, OrganizationId, SessionId, UserId, new_id, parse_id

_SLACK_SECONDS = 60
"""A session outlives its last access token by this much: clocks differ."""
SWEEP_LIMIT = 1000


@dataclass(frozen=True, slots=True)
class SignIn:
    """A person's e-mail address or user name, and password; through which client, if any."""

    login: str
    password: str = field(repr=False)
    client_id: ClientId | None = None


@dataclass(frozen=True, slots=True)
class IssueSession:
    """For a client on its own, or for a person (through it).

    `scope` None asks for all rights. A client on its own is refused what it does not hold; a person gets what they
    hold of it, and so does a client of a dialect that narrows silently (`strict_scope=False`). Without
    `organization_id` a person acts for the likeliest of theirs; `surface` and `lifetimes` are the client's.
    """

    client: KnownClient | None = None
    user: KnownUser | None = None
    organization_id: OrganizationId | None = None
    scope: frozenset[str] | None = None
    strict_scope: bool = True
    surface: str = "native"
    lifetimes: TokenLifetimes = field(default_factory=TokenLifetimes)
    with_refresh: bool = False


@dataclass(frozen=True, slots=True)
class RefreshSession:
    """`scope` may narrow this one access token, never the session."""

    client: KnownClient
    refresh_token: str = field(repr=False)
    scope: frozenset[str] | None = None


async def authenticate_client(gate: Gate, client_id: str, secret: str | None) -> KnownClient:
    """A public client shows no secret, any other one a live one; unknown, disabled and wrong answer alike."""
    mac = gate.master.mac(CLIENT_SECRET, secret or "")
    found = parse_id(client_id)
    client = await gate.engine.look_up(store.find_client(found)) if found else None
    if client is None:
        raise ClientCredentialsWrong
    matches = [hmac.compare_digest(mac, live) for live in client.macs]
    if not client.is_public and not any(matches):
        raise ClientCredentialsWrong
    return _known(client, None if client.is_public else mac.hex())


async def find_known_client(gate: Gate, client_id: str) -> KnownClient | None:
    """A client by its id alone, as it stands in a link: it has shown nothing."""
    found = parse_id(client_id)
    client = await gate.engine.look_up(store.find_client(found)) if found else None
    return None if client is None else _known(client, None)


def _known(client: store.StoredClient, proof: str | None) -> KnownClient:
    return KnownClient(
        client.id,
        client.organization_id,
        client.surface,
        client.grants,
        client.is_public,
        client.lifetimes,
        resolve(client.role, client.permissions, client.organization_id, client.tenant_id),
        proof,
        client.name,
        client.redirect_uris,
    )


async def sign_in_user(gate: Gate, command: SignIn) -> KnownUser:
    """By password alone, so not for those who have a second factor: it would be none if it could be left out."""
    known = await check_password(gate, command)
    if known.second_factor:
        raise SecondFactorNeeded
    if not known.organizations:
        raise CredentialsWrong
    return known


async def check_password(gate: Gate, command: SignIn) -> KnownUser:
    """The first step. Unknown names and wrong passwords answer alike, take as long, and are locked out alike.

    They may belong nowhere yet: somebody who accepts an invitation does not.
    """
    login = command.login.strip()[:300]
    if "\0" in login:
        raise CredentialsWrong
    async with gate.queue(login.lower()):
        return await _check_password(gate, store.find_login(login, None, command.client_id), command.password)


async def confirm_password(gate: Gate, user_id: UserId, password: str) -> KnownUser:
    """The person who is signed in already shows the password again, for instance to change it."""
    async with gate.queue(str(user_id)):
        return await _check_password(gate, store.find_login("", user_id, None), password)


async def _check_password(gate: Gate, query: Query[store.StoredLogin], password: str) -> KnownUser:
    engine = gate.engine
    found = await engine.look_up(query)
    now = engine.clock.now()
    if found.locked_until is not None and found.locked_until > now:
        raise locked_for((found.locked_until - now).total_seconds())
    if not await gate.passwords.verify(found.password_hash, password):
        locked_until = await engine.look_up(store.count_failure(found.key, now))
        raise CredentialsWrong if locked_until is None else locked_for((locked_until - now).total_seconds())
    assert found.user_id is not None
    assert found.password_hash is not None
    renewed = await gate.passwords.renewed(found.password_hash, password)
    if found.failures or renewed:
        await engine.look_up(store.note_sign_in(found, renewed))
    return KnownUser(found.user_id, found.organizations, renewed or found.password_hash, found.second_factor)


def locked_for(seconds: float) -> SignInLocked:
    locked = SignInLocked()
    locked.retry_after_seconds = max(1, round(seconds))
    return locked


async def issue_session(gate: Gate, command: IssueSession) -> Issued:
    """A session with the rights of this moment, if what was shown at the gate is still good."""
    client, user = command.client, command.user
    organization_id = _acts_for(command)
    if command.scope is not None and command.strict_scope:
        _refuse_unknown(command.scope - permissions.EVERY)
        if client is not None and user is None:
            _refuse_unknown(command.scope - client.permissions)
    lifetimes = client.lifetimes if client else command.lifetimes
    refresh = gate.mint_refresh_token() if command.with_refresh and lifetimes.refresh_seconds else None
    known = user or client
    new = store.NewSession(
        id=SessionId(new_id()),
        organization_id=organization_id,
        user_id=user.id if user else None,
        client_id=client.id if client else None,
        surface=client.surface if client else command.surface,
        scope=command.scope,
        seconds=session_seconds(lifetimes, refresh is not None),
        proof=known.proof if known else None,
        refresh_mac=refresh.mac if refresh else None,
    )
    rights = await gate.engine.look_up(store.open_session(new, gate.engine.clock.now()))
    if rights is None:
        raise CredentialsWrong if user else ClientCredentialsWrong
    actor = Actor(
        tenant_id=rights.tenant_id,
        organization_id=organization_id,
        permissions=permissions_held(rights, new.user_id, organization_id, command.scope),
        surface=new.surface,
        session_id=new.id,
        epoch=1,
        user_id=new.user_id,
        client_id=new.client_id,
    )
    return Issued(actor, lifetimes, refresh.plain if refresh else None)


async def refresh_session(gate: Gate, command: RefreshSession) -> Issued:
    """The rights of this moment for a refresh token and its successor; one that comes again ends the session."""
    client = command.client
    successor = gate.mint_refresh_token()
    rotated = await gate.engine.look_up(
        store.rotate(
            gate.master.mac(REFRESH_TOKEN, command.refresh_token),
            client.id,
            successor.mac,
            session_seconds(client.lifetimes, True),
            gate.engine.clock.now(),
        )
    )
    if rotated.outcome != "fresh":
        raise RefreshTokenReused if rotated.outcome == "reused" else RefreshTokenWrong
    held = permissions_held(rotated.rights, rotated.user_id, rotated.organization_id, rotated.scope)
    actor = Actor(
        tenant_id=rotated.rights.tenant_id,
        organization_id=rotated.organization_id,
        permissions=held if command.scope is None else held & command.scope,
        surface=client.surface,
        session_id=rotated.session_id,
        epoch=rotated.epoch,
        user_id=rotated.user_id,
        client_id=client.id,
    )
    return Issued(actor, client.lifetimes, successor.plain)


async def revoke(gate: Gate, client: KnownClient, token: str) -> None:
    """End the session of a token that this client was given; any other token is no concern of its, and no error."""
    session_id = None
    with suppress(TokenInvalid):
        session_id = (await gate.tokens.read(token)).actor.session_id
    await gate.engine.look_up(store.revoke(session_id, gate.master.mac(REFRESH_TOKEN, token), client.id))


async def introspect(gate: Gate, client: KnownClient, token: str) -> tuple[LiveSession, Access | None] | None:
    """The live session of a token (and, for an access token, what it says); None for one that is not for its eyes."""
    access = None
    with suppress(TokenInvalid):
        access = await gate.tokens.read(token)
    session = await gate.engine.look_up(
        store.standing(
            access.actor.session_id if access else None,
            access.actor.epoch if access else None,
            None if access else gate.master.mac(REFRESH_TOKEN, token),
            client.id,
        )
    )
    return None if session is None else (session, access)


def require_grant(client: KnownClient, grant: str) -> None:
    if grant not in client.grants:
        raise GrantNotAllowed(given=grant)


async def sweep_identity(engine: Engine) -> None:
    """Periodic: forget sessions, failures, codes, letters' tokens and keys that have long expired."""
    while await engine.look_up(store.sweep(SWEEP_LIMIT)) == SWEEP_LIMIT:
        pass
    while await engine.look_up(store.sweep_sign_in(engine.clock.now(), SWEEP_LIMIT)) == SWEEP_LIMIT:
        pass


def _acts_for(command: IssueSession) -> OrganizationId:
    user, client = command.user, command.client
    if user is None:
        assert client is not None, "somebody has to have been recognised"
        return client.organization_id
    chosen = command.organization_id or user.organizations[0]
    if chosen not in user.organizations:
        raise CredentialsWrong
    return chosen


def session_seconds(lifetimes: TokenLifetimes, with_refresh: bool) -> int:
    longest = max(lifetimes.access_seconds, lifetimes.refresh_seconds if with_refresh else 0)
    return longest + _SLACK_SECONDS


def permissions_held(
    rights: Rights,
    user_id: UserId | None,
    organization_id: OrganizationId,
    scope: frozenset[str] | None,
) -> frozenset[str]:
    """A person's own rights, but never more than the client's; of those, what the session was opened for."""
    tenant_id = rights.tenant_id
    through = rights.client_role is not None or rights.client_permissions is not None
    held = resolve(rights.client_role, rights.client_permissions, organization_id, tenant_id)
    if user_id is not None:
        own = resolve(rights.user_role, rights.user_permissions, organization_id, tenant_id)
        held = own & held if through else own
    return held if scope is None else held & scope


def _refuse_unknown(names: frozenset[str]) -> None:
    if names:
        raise ScopeUnknown(
            *(Problem("scope", f"'{name[:100]}' is not available.", "unknown") for name in sorted(names)[:20])
        )
