"""Sign-in through an organisation's own OpenID provider: setting one up, and whom it means.

Whoever runs a provider can say anything, so it is believed only about the organisation that set it up and those below
it: about members there, by a verified address of a domain that it alone speaks for in the tenant, and about newcomers.
A person with an account elsewhere who is no member is not taken in: they are invited. The session that comes of it is
good in that subtree alone (`places_of_user`). The protocol itself is in `surfaces.oauth`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from chandlery.engine.unit_of_work import Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import federation as store
from chandlery.identity._store import organizations as organization_store
from chandlery.identity.errors import NobodyThere
from chandlery.identity.gate import Gate
from chandlery.identity.provider import IdentityProvider, LiveProvider, check
from chandlery.identity.role import RoleRef
from chandlery.identity.roles import refuse_more_than_held, role_for
from chandlery.identity.users import AddUser, add_user
from chandlery.kernel.actor import Actor, system
from chandlery.kernel.errors import VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ClientId, IdentityProviderId, OrganizationId, UserId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

PURPOSE: Final = "identity-provider"


@dataclass(frozen=True, slots=True)
class ProviderFacts:
    """Everything that can be said of one; of a change, what is None stays as it is."""

    name: str | None = None
    issuer: str | None = None
    client_id: str | None = None
    sealed_secret: bytes | None = field(default=None, repr=False)
    domains: tuple[str, ...] | None = None
    role: RoleRef | None = None
    admits_newcomers: bool | None = None
    """False: takes the role away."""
    is_active: bool | None = None


@dataclass(frozen=True, slots=True)
class AddProvider:
    organization_id: OrganizationId
    facts: ProviderFacts


@dataclass(frozen=True, slots=True)
class ChangeProvider:
    provider_id: IdentityProviderId
    facts: ProviderFacts
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class FindProviders:
    organization_id: OrganizationId | None = None
    page: PageRequest = field(default_factory=PageRequest)


@dataclass(frozen=True, slots=True)
class Claimed:
    """What a provider says of somebody; `email` only when it says that it verified it."""

    provider: LiveProvider
    subject: str
    email: str
    name: str


async def add_provider(unit: Unit, actor: Actor, command: AddProvider) -> IdentityProvider:
    actor.require(permissions.FEDERATION_WRITE)
    organization = await unit.fetch(organization_store.as_parent(command.organization_id))
    blank = IdentityProvider(
        IdentityProviderId(new_id()), organization.id, "", "", "", None, True, (), unit.now
    )
    provider = check(_with(blank, command.facts))
    if provider.role is not None:
        refuse_more_than_held(actor, await role_for(unit, provider.role, organization))
    unit.write(store.add(provider, organization.path, command.facts.sealed_secret))
    unit.write(*store.put_domains(provider))
    unit.emit(_event("added", provider))
    return provider


async def change_provider(unit: Unit, actor: Actor, command: ChangeProvider) -> IdentityProvider:
    actor.require(permissions.FEDERATION_WRITE)
    provider = await unit.fetch(store.for_change(command.provider_id))
    if command.expected_version not in (None, provider.version):
        raise VersionStale
    changed = replace(check(_with(provider, command.facts)), version=provider.version + 1)
    if changed.role is not None:
        organization = await unit.fetch(organization_store.organization_query(provider.organization_id))
        refuse_more_than_held(actor, await role_for(unit, changed.role, organization))
    unit.write(store.save(changed), *store.put_domains(changed))
    if changed.issuer != provider.issuer:  # whom the old one called by a name says nothing about the new one
        unit.write(store.forget_people(changed.id))
    if changed.issuer != provider.issuer or command.facts.sealed_secret is not None:
        unit.write(store.put_secret(changed.id, command.facts.sealed_secret))
    unit.emit(_event("changed", changed))
    return changed


async def remove_provider(unit: Unit, actor: Actor, provider_id: IdentityProviderId) -> None:
    """Who is signed in through it in a browser is out; tokens of apps go on."""
    actor.require(permissions.FEDERATION_WRITE)
    provider = await unit.fetch(store.for_change(provider_id))
    unit.write(store.remove(provider_id))
    unit.emit(_event("removed", provider))


async def get_provider(reader: Reader, actor: Actor, provider_id: IdentityProviderId) -> IdentityProvider:
    actor.require(permissions.FEDERATION_READ)
    return await reader.fetch(store.provider(provider_id))


async def find_providers(reader: Reader, actor: Actor, command: FindProviders) -> Page[IdentityProvider]:
    actor.require(permissions.FEDERATION_READ)
    rows = await reader.fetch(store.find(command.organization_id, command.page))
    return page_of(rows, command.page.limit, lambda found: (found.created_at, found.id))


async def provider_by_id(gate: Gate, provider_id: IdentityProviderId) -> LiveProvider | None:
    return await gate.engine.look_up(store.live(provider_id, None, None))


async def provider_for(gate: Gate, email: str, client_id: ClientId | None) -> LiveProvider | None:
    """The provider that speaks for an address, for somebody who comes through that client."""
    domain = email.strip().rpartition("@")[2].lower()[:200]
    return await gate.engine.look_up(store.live(None, domain, client_id)) if domain else None


def secret_of(gate: Gate, provider: LiveProvider) -> str | None:
    sealed = provider.sealed_secret
    return None if sealed is None else gate.master.open(PURPOSE, sealed).decode()


async def person_meant(gate: Gate, claimed: Claimed) -> UserId:
    """The person whom a provider vouches for; a newcomer becomes one."""
    provider = claimed.provider
    outcome, user_id = await gate.engine.look_up(store.find_user(provider.id, claimed.subject, claimed.email))
    if outcome == "newcomer":
        actor = system(provider.tenant_id, "federation")
        return (await gate.engine.perform(actor, take_in, claimed)).result
    if outcome != "known" or user_id is None:
        raise NobodyThere
    return user_id


async def take_in(unit: Unit, actor: Actor, claimed: Claimed) -> UserId:
    actor.require(permissions.USERS_WRITE)
    provider = claimed.provider
    assert provider.role is not None
    name = claimed.name.strip()[:200] or claimed.email.partition("@")[0]
    user = await add_user(unit, actor, AddUser(provider.organization_id, claimed.email, name, provider.role))
    await unit.fetch(store.link(provider.id, claimed.subject, user.id))
    return user.id


def _with(provider: IdentityProvider, facts: ProviderFacts) -> IdentityProvider:
    role = provider.role if facts.role is None else facts.role
    return replace(
        provider,
        name=provider.name if facts.name is None else facts.name.strip(),
        issuer=provider.issuer if facts.issuer is None else facts.issuer.strip(),
        client_id=provider.client_id if facts.client_id is None else facts.client_id.strip(),
        domains=provider.domains
        if facts.domains is None
        else tuple(dict.fromkeys(domain.strip().lower() for domain in facts.domains)),
        role=None if facts.admits_newcomers is False else role,
        is_active=provider.is_active if facts.is_active is None else facts.is_active,
    )


def _event(past: str, provider: IdentityProvider) -> Event:
    data = {"issuer": provider.issuer, "domains": list(provider.domains), "is_active": provider.is_active}
    return Event(f"identity_provider.{past}", provider.id, provider.organization_id, data)
