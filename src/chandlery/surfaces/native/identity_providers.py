"""OpenID providers: an organisation's people sign in with the account that they have there."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import federation
from chandlery.identity.errors import IdentityProviderUnfit, IdentityProviderUnknown
from chandlery.identity.provider import IdentityProvider
from chandlery.identity.roles import parse_role
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import IdentityProviderId, OrganizationId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, RoleName
from chandlery.surfaces.native.wiring import wired

CALLBACK = "/oauth/federation/callback"

ProviderName = Annotated[str, Meta(examples=["Harbour accounts"])]
Issuer = Annotated[
    str, Meta(description="As its discovery document names it.", examples=["https://id.example.com"])
]
ClientAtProvider = Annotated[str, Meta(description="The client id that it gave you.", examples=["chandlery"])]
Secret = Annotated[str, Meta(description="From the provider; kept encrypted and never shown.")]
Domains = Annotated[
    list[str],
    Meta(description="Of the mail addresses that it speaks for.", examples=[["harbour.example"]]),
]
NewcomerRole = Annotated[
    str, Meta(description="What newcomers become; without one nobody new gets in.", examples=["reader"])
]


class IdentityProviderBody(msgspec.Struct, kw_only=True):
    """`redirect_uri` is what the provider has to know of us, `sign_in_url` where people may begin."""

    id: UUID
    organization_id: UUID
    name: str
    issuer: str
    client: str
    domains: list[str]
    role: RoleName | None
    active: bool
    redirect_uri: str
    sign_in_url: str
    created_at: datetime
    version: int


class NewIdentityProvider(Body):
    """Of your own organisation, unless another one is given; good for its people and those of all below it."""

    name: ProviderName
    issuer: Issuer
    client: ClientAtProvider
    domains: Domains
    client_secret: Secret | None = None
    role: NewcomerRole | None = None
    organization_id: Id | None = None


class IdentityProviderChange(Body):
    """What is left out stays; a new issuer needs its secret anew. `admits_newcomers` false takes the role away."""

    name: ProviderName | None = None
    issuer: Issuer | None = None
    client: ClientAtProvider | None = None
    domains: Domains | None = None
    client_secret: Secret | None = None
    role: NewcomerRole | None = None
    admits_newcomers: bool | None = None
    active: bool | None = None


class IdentityProviderQuery(PageQuery):
    organization_id: Id | None = None


async def list_identity_providers(call: Call) -> Reply:
    query: IdentityProviderQuery = call.query
    organization_id = OrganizationId(query.organization_id) if query.organization_id else None
    found = await call.read(
        federation.find_providers, federation.FindProviders(organization_id, query.page())
    )
    return page_reply(found, lambda provider: _body(call, provider))


async def add_identity_provider(call: Call, body: NewIdentityProvider) -> Reply:
    facts = federation.ProviderFacts(
        name=body.name,
        issuer=_callable(call, body.issuer),
        client_id=body.client,
        sealed_secret=_sealed(call, body.client_secret),
        domains=tuple(body.domains),
        role=None if body.role is None else parse_role(body.role),
    )
    command = federation.AddProvider(
        OrganizationId(body.organization_id or call.actor.organization_id), facts
    )

    def added(new: IdentityProvider) -> Reply:
        location = call.url(f"/v1/identity-providers/{new.id}")
        return Reply(_body(call, new), etag=new.version, location=location)

    return await call.perform(federation.add_provider, command, reply=added)


async def get_identity_provider(call: Call) -> Reply:
    return _reply(call, await call.read(federation.get_provider, _id(call)))


async def change_identity_provider(call: Call, body: IdentityProviderChange) -> Reply:
    facts = federation.ProviderFacts(
        name=body.name,
        issuer=None if body.issuer is None else _callable(call, body.issuer),
        client_id=body.client,
        sealed_secret=_sealed(call, body.client_secret),
        domains=None if body.domains is None else tuple(body.domains),
        role=None if body.role is None else parse_role(body.role),
        admits_newcomers=body.admits_newcomers,
        is_active=body.active,
    )
    command = federation.ChangeProvider(_id(call), facts, call.expected_version)
    return await call.perform(federation.change_provider, command, reply=lambda found: _reply(call, found))


async def remove_identity_provider(call: Call) -> Reply:
    return await call.perform(federation.remove_provider, _id(call), reply=lambda _: Reply())


def _callable(call: Call, issuer: str) -> str:
    problem = wired(call).outbound.problem_with(issuer)
    if problem is not None:
        raise IdentityProviderUnfit(Problem("issuer", problem, "form"))
    return issuer


def _sealed(call: Call, secret: str | None) -> bytes | None:
    if secret is None:
        return None
    return wired(call).gate.master.seal(federation.PURPOSE, secret.encode("utf-8", "replace"))


def _id(call: Call) -> IdentityProviderId:
    return IdentityProviderId(call.id("provider_id", missing=IdentityProviderUnknown))


def _reply(call: Call, provider: IdentityProvider) -> Reply:
    return Reply(_body(call, provider), etag=provider.version)


def _body(call: Call, provider: IdentityProvider) -> IdentityProviderBody:
    return IdentityProviderBody(
        id=provider.id,
        organization_id=provider.organization_id,
        name=provider.name,
        issuer=provider.issuer,
        client=provider.client_id,
        domains=list(provider.domains),
        role=None if provider.role is None else str(provider.role),
        active=provider.is_active,
        redirect_uri=call.url(CALLBACK),
        sign_in_url=call.url(f"/oauth/federation/{provider.id}"),
        created_at=provider.created_at,
        version=provider.version,
    )
