"""Builders: people and API clients that can sign in, and the engines and gates to do it with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from chandlery.engine.unit_of_work import Engine
from chandlery.identity import permissions
from chandlery.identity.client import ApiClient, TokenLifetimes
from chandlery.identity.clients import AddClient, add_client
from chandlery.identity.gate import Gate
from chandlery.identity.role import RoleRef
from chandlery.identity.secrets import MasterKey
from chandlery.identity.sessions import (
    IssueSession,
    SignIn,
    authenticate_client,
    issue_session,
    sign_in_user,
)
from chandlery.identity.user import User
from chandlery.identity.users import AddUser, add_user
from chandlery.kernel.actor import Actor
from chandlery.kernel.clock import FixedClock
from chandlery.kernel.ids import OrganizationId, new_id

ISSUER = "https://shop.example.com"
MASTER = MasterKey.from_text("a master key for tests, and tests only")
CALLBACK = "https://app.example.com/callback"
PASSWORD = "correct horse battery"


def a_gate(engine: Engine) -> Gate:
    return Gate.open(engine, MASTER, ISSUER)


def at(engine: Engine, moment: datetime) -> Engine:
    """The same database at another time."""
    return replace(engine, clock=FixedClock(moment))


def everything(actor: Actor) -> Actor:
    """The same actor with every permission there is."""
    return replace(actor, permissions=permissions.EVERY)


@dataclass(frozen=True, slots=True)
class Machine:
    """A client and its secret in clear."""

    client: ApiClient
    secret: str


async def a_client(
    gate: Gate,
    actor: Actor,
    role: RoleRef = "admin",
    grants: frozenset[str] = frozenset({"client_credentials"}),
    *,
    is_public: bool = False,
    lifetimes: TokenLifetimes = TokenLifetimes(),  # noqa: B008
) -> Machine:
    minted = gate.mint_client_secret()
    command = AddClient(
        actor.organization_id,
        "A machine",
        role,
        None if is_public else minted.mac,
        grants=grants,
        lifetimes=lifetimes,
        redirect_uris=(CALLBACK,) if "authorization_code" in grants else (),
    )
    return Machine((await gate.engine.perform(everything(actor), add_client, command)).result, minted.plain)


async def a_user(
    gate: Gate,
    actor: Actor,
    role: RoleRef = "admin",
    email: str | None = None,
    organization_id: OrganizationId | None = None,
) -> User:
    """A newcomer, with PASSWORD, in the actor's organisation unless another is named."""
    email = email or f"{new_id().hex}@example.com"
    command = AddUser(
        organization_id or actor.organization_id,
        email,
        "A person",
        role,
        password=await gate.passwords.hash(PASSWORD),
    )
    return (await gate.engine.perform(everything(actor), add_user, command)).result


async def signed_in(gate: Gate, user: User, password: str = PASSWORD) -> Actor:
    """The actor that the person's access token stands for."""
    known = await sign_in_user(gate, SignIn(user.email, password))
    issued = await issue_session(gate, IssueSession(user=known))
    return issued.actor


async def let_in(gate: Gate, machine: Machine) -> Actor:
    """The actor that the client's access token stands for."""
    known = await authenticate_client(gate, str(machine.client.id), machine.secret)
    issued = await issue_session(gate, IssueSession(client=known))
    return await gate.tokens.verify(await gate.tokens.sign(issued.actor, 3600), known.surface)
