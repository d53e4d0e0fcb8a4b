"""Personal tokens: what people make for their own programs, one API each, shown once, ended at any time.

A token stands on a session of its own, for the organisation that the person acted for and with at most the rights they
acted with. It ends with that session: when it is revoked, the password changes, or the membership goes. What a token
looks like is the surface's business: `TokenForm` mints it, and `app` hands in one form for each surface that has one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import personal_tokens as store
from chandlery.identity._store.personal_tokens import PersonalToken
from chandlery.identity.errors import PersonalTokenUnfit, TokenInvalid
from chandlery.identity.gate import Gate
from chandlery.identity.second_factor import person
from chandlery.identity.secrets import MintedSecret, mint
from chandlery.identity.sessions import permissions_held
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem
from chandlery.kernel.events import Event
from chandlery.kernel.ids import OrganizationId, PersonalTokenId, SessionId, UserId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of
from chandlery.kernel.text import is_one_line

__all__ = ["PersonalToken"]

PURPOSE: Final = "personal-token"
PREFIX: Final = "cht_"
MAX_DAYS = 366
DEFAULT_DAYS = 90


@dataclass(frozen=True, slots=True)
class TokenMatter:
    """What a form may put into a token; its MAC, as `token_mac` makes it, is how the token is found again."""

    id: PersonalTokenId
    session_id: SessionId
    user_id: UserId
    organization_id: OrganizationId
    expires_at: datetime


TokenForm: TypeAlias = Callable[[Gate, TokenMatter], MintedSecret]


def opaque(gate: Gate, _matter: TokenMatter) -> MintedSecret:
    """A random secret that is sent as it is: a bearer token."""
    return mint(gate.master, PURPOSE, PREFIX)


FORMS: Final[Mapping[str, TokenForm]] = {"native": opaque}
"""By surface; others add theirs where the house is wired."""


@dataclass(frozen=True, slots=True)
class AddPersonalToken:
    matter: TokenMatter
    surface: str
    name: str
    mac: bytes = field(repr=False)
    now: datetime


def new_matter(gate: Gate, actor: Actor, days: int) -> TokenMatter:
    if not 1 <= days <= MAX_DAYS:
        raise PersonalTokenUnfit(Problem("expires_in_days", f"Use 1 to {MAX_DAYS} days.", "range"))
    return TokenMatter(
        PersonalTokenId(new_id()),
        SessionId(new_id()),
        person(actor),
        actor.organization_id,
        gate.engine.clock.now() + timedelta(days=days),
    )


def form_for(forms: Mapping[str, TokenForm], surface: str) -> TokenForm:
    if surface not in forms:
        known = ", ".join(sorted(forms))
        raise PersonalTokenUnfit(Problem("surface", f"There are personal tokens for: {known}.", "unknown"))
    return forms[surface]


async def add_personal_token(unit: Unit, actor: Actor, command: AddPersonalToken) -> PersonalToken:
    actor.require(permissions.ACCOUNT_WRITE)
    matter, name = command.matter, command.name.strip()
    if not (1 <= len(name) <= 100 and is_one_line(name)):
        raise PersonalTokenUnfit(Problem("name", "Give a name of 1 to 100 characters.", "length"))
    assert matter.user_id == person(actor)
    token = PersonalToken(
        matter.id,
        matter.session_id,
        matter.organization_id,
        command.surface,
        name,
        command.now,
        matter.expires_at,
    )
    added = await unit.fetch(store.add(token, actor, command.mac))
    if not added:
        raise TokenInvalid
    data = {"user_id": str(matter.user_id), "surface": token.surface, "name": name}
    unit.emit(Event("personal_token.added", token.id, actor.organization_id, data))
    return token


async def revoke_personal_token(unit: Unit, actor: Actor, token_id: PersonalTokenId) -> None:
    actor.require(permissions.ACCOUNT_WRITE)
    token = await unit.fetch(store.token(token_id, person(actor)))
    unit.write(*store.remove(token))
    data = {"user_id": str(actor.user_id), "surface": token.surface, "name": token.name}
    unit.emit(Event("personal_token.revoked", token.id, token.organization_id, data))


async def find_personal_tokens(reader: Reader, actor: Actor, page: PageRequest) -> Page[PersonalToken]:
    """One's own, in the organisation that one acts for and those below it."""
    actor.require(permissions.ACCOUNT_WRITE)
    rows = await reader.fetch(store.find(person(actor), page))
    return page_of(rows, page.limit, lambda token: (token.created_at, token.id))


async def verify_bearer(gate: Gate, token: str, surface: str, request_id: str = "") -> Actor:
    """The actor of an access token, or of an opaque personal token; the latter costs one round trip."""
    if token.startswith(PREFIX):
        return await actor_of(gate, token, surface, request_id)
    return await gate.tokens.verify(token, surface, request_id)


async def actor_of(gate: Gate, token: str, surface: str, request_id: str = "") -> Actor:
    """The actor of a personal token of any form, for the surface that it was made for."""
    found = await gate.engine.look_up(store.by_token(gate.master.mac(PURPOSE, token[:8192]), surface))
    if found is None:
        raise TokenInvalid
    return Actor(
        tenant_id=found.rights.tenant_id,
        organization_id=found.organization_id,
        permissions=permissions_held(found.rights, found.user_id, found.organization_id, found.scope),
        surface=surface,
        session_id=found.session_id,
        epoch=found.epoch,
        user_id=found.user_id,
        request_id=request_id,
    )
