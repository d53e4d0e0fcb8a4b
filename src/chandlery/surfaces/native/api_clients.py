"""API clients: machines that may act for an organisation. A secret is shown once, when it is made."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from chandlery.identity import clients
from chandlery.identity.client import ApiClient, ClientStatus, Grant, TokenLifetimes
from chandlery.identity.errors import ClientUnknown
from chandlery.identity.roles import parse_role
from chandlery.kernel.ids import ClientId, OrganizationId
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.decoding import Body
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.native.dialect import PageQuery, page_reply
from chandlery.surfaces.native.fields import Id, RoleName
from chandlery.surfaces.native.wiring import wired

Grants = Annotated[list[Grant], Meta(examples=[["client_credentials"]])]
Origins = Annotated[
    list[str], Meta(description="Browser origins that may use it.", examples=[["https://shop.example.com"]])
]
RedirectUris = Annotated[
    list[str],
    Meta(
        description="Where authorization codes may be sent, exactly.",
        examples=[["https://app.example.com/callback"]],
    ),
]
ClientName = Annotated[str, Meta(examples=["Warehouse connector"])]


class Lifetimes(Body):
    """How long tokens live; a refresh lifetime of 0 means no refresh tokens."""

    access_seconds: int = 3600
    refresh_seconds: int = 30 * 86_400


class ApiClientBody(msgspec.Struct, kw_only=True):
    id: UUID
    organization_id: UUID
    name: str
    surface: str
    grants: list[str]
    role: RoleName
    public: bool
    status: ClientStatus
    lifetimes: Lifetimes
    origins: list[str]
    redirect_uris: list[str]
    created_at: datetime
    version: int


class ApiClientWithSecret(ApiClientBody, kw_only=True):
    """`client_secret` is shown here and nowhere else; a public client has none."""

    client_secret: str | None


class NewApiClient(Body):
    """A client of your own organisation, unless another one is given, for one of the APIs."""

    name: ClientName
    role: RoleName
    organization_id: Id | None = None
    surface: Annotated[str, Meta(description="The API it is for.", examples=["native"])] = "native"
    grants: Grants = msgspec.field(default_factory=lambda: ["client_credentials"])
    lifetimes: Lifetimes = msgspec.field(default_factory=Lifetimes)
    origins: Origins = msgspec.field(default_factory=list)
    redirect_uris: RedirectUris = msgspec.field(default_factory=list)
    public: Annotated[bool, Meta(description="Cannot keep a secret, as in a browser or an app.")] = False


class ApiClientChange(Body):
    """What is left out stays; lists and lifetimes are replaced as a whole."""

    name: ClientName | None = None
    role: RoleName | None = None
    grants: Grants | None = None
    lifetimes: Lifetimes | None = None
    origins: Origins | None = None
    redirect_uris: RedirectUris | None = None


class SecretRotation(Body):
    """For how long the old secret goes on; with 0 it ends now, and every session opened with it."""

    overlap_seconds: Annotated[int, Meta(examples=[86400])] = 86_400


class ApiClientQuery(PageQuery):
    organization_id: Id | None = None


async def list_api_clients(call: Call) -> Reply:
    query: ApiClientQuery = call.query
    organization_id = OrganizationId(query.organization_id) if query.organization_id else None
    found = await call.read(clients.find_clients, clients.FindClients(organization_id, query.page()))
    return page_reply(found, _body)


async def add_api_client(call: Call, body: NewApiClient) -> Reply:
    secret = None if body.public else wired(call).gate.mint_client_secret()
    command = clients.AddClient(
        OrganizationId(body.organization_id or call.actor.organization_id),
        body.name,
        parse_role(body.role),
        None if secret is None else secret.mac,
        body.surface,
        frozenset(body.grants),
        _lifetimes(body.lifetimes),
        tuple(body.origins),
        tuple(body.redirect_uris),
    )

    def added(new: ApiClient) -> Reply:
        location = call.url(f"/v1/api-clients/{new.id}")
        return Reply(
            _with_secret(new, None if secret is None else secret.plain), etag=new.version, location=location
        )

    return await call.perform(clients.add_client, command, reply=added)


async def get_api_client(call: Call) -> Reply:
    return _reply(await call.read(clients.get_client, _id(call)))


async def change_api_client(call: Call, body: ApiClientChange) -> Reply:
    command = clients.ChangeClient(
        _id(call),
        body.name,
        None if body.role is None else parse_role(body.role),
        None if body.grants is None else frozenset(body.grants),
        None if body.lifetimes is None else _lifetimes(body.lifetimes),
        None if body.origins is None else tuple(body.origins),
        None if body.redirect_uris is None else tuple(body.redirect_uris),
        call.expected_version,
    )
    return await call.perform(clients.change_client, command, reply=_reply)


async def rotate_client_secret(call: Call, body: SecretRotation) -> Reply:
    secret = wired(call).gate.mint_client_secret()
    command = clients.RotateSecret(_id(call), secret.mac, body.overlap_seconds)
    return await call.perform(
        clients.rotate_secret, command, reply=lambda client: Reply(_with_secret(client, secret.plain))
    )


async def disable_api_client(call: Call) -> Reply:
    return await call.perform(clients.put_client, clients.PutClient(_id(call), "disabled"), reply=_reply)


async def enable_api_client(call: Call) -> Reply:
    return await call.perform(clients.put_client, clients.PutClient(_id(call), "active"), reply=_reply)


async def remove_api_client(call: Call) -> Reply:
    return await call.perform(
        clients.put_client, clients.PutClient(_id(call), "removed"), reply=lambda _: Reply()
    )


def _id(call: Call) -> ClientId:
    return ClientId(call.id("client_id", missing=ClientUnknown))


def _lifetimes(given: Lifetimes) -> TokenLifetimes:
    return TokenLifetimes(given.access_seconds, given.refresh_seconds)


def _reply(client: ApiClient) -> Reply:
    return Reply(_body(client), etag=client.version)


def _body(client: ApiClient) -> ApiClientBody:
    return ApiClientBody(
        id=client.id,
        organization_id=client.organization_id,
        name=client.name,
        surface=client.surface,
        grants=sorted(client.grants),
        role=str(client.role),
        public=client.is_public,
        status=client.status,
        lifetimes=Lifetimes(
            access_seconds=client.lifetimes.access_seconds, refresh_seconds=client.lifetimes.refresh_seconds
        ),
        origins=list(client.origins),
        redirect_uris=list(client.redirect_uris),
        created_at=client.created_at,
        version=client.version,
    )


def _with_secret(client: ApiClient, secret: str | None) -> ApiClientWithSecret:
    return ApiClientWithSecret(**msgspec.structs.asdict(_body(client)), client_secret=secret)
