"""What can be done with API clients: add, change, rotate the secret, disable, remove, read.

A secret is minted by the gate, shown once by the surface, and stored as a MAC; use cases see the MAC alone. Whoever
can take over a client has its rights, so all of this asks for every right that the client has.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from chandlery.engine.unit_of_work import Engine, Reader, Unit
from chandlery.identity import permissions
from chandlery.identity._store import clients as store
from chandlery.identity._store import organizations as organization_store
from chandlery.identity.client import ApiClient, ClientStatus, TokenLifetimes, check
from chandlery.identity.errors import ClientIsPublic, ClientUnfit
from chandlery.identity.role import RoleRef
from chandlery.identity.roles import refuse_more_than_held, resolve, role_for
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Problem, VersionStale
from chandlery.kernel.events import Event
from chandlery.kernel.ids import ClientId, OrganizationId, new_id
from chandlery.kernel.page import Page, PageRequest, page_of

MAX_OVERLAP_SECONDS = 90 * 86_400


@dataclass(frozen=True, slots=True)
class AddClient:
    """`secret_mac` is the MAC of a secret that the gate minted; a public client has none."""

    organization_id: OrganizationId
    name: str
    role: RoleRef
    secret_mac: bytes | None = field(repr=False)
    surface: str = "native"
    grants: frozenset[str] = frozenset({"client_credentials"})
    lifetimes: TokenLifetimes = field(default_factory=TokenLifetimes)
    origins: tuple[str, ...] = ()
    redirect_uris: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeClient:
    """What is None stays as it is."""

    client_id: ClientId
    name: str | None = None
    role: RoleRef | None = None
    grants: frozenset[str] | None = None
    lifetimes: TokenLifetimes | None = None
    origins: tuple[str, ...] | None = None
    redirect_uris: tuple[str, ...] | None = None
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class RotateSecret:
    """The old secret goes on for `overlap_seconds`. With 0 it has leaked: its sessions end, too."""

    client_id: ClientId
    secret_mac: bytes = field(repr=False)
    overlap_seconds: int = 86_400


@dataclass(frozen=True, slots=True)
class PutClient:
    """Disable (sessions end at once), enable again, or remove for good."""

    client_id: ClientId
    status: ClientStatus


@dataclass(frozen=True, slots=True)
class FindClients:
    organization_id: OrganizationId | None = None
    page: PageRequest = field(default_factory=PageRequest)


async def add_client(unit: Unit, actor: Actor, command: AddClient) -> ApiClient:
    actor.require(permissions.CLIENTS_WRITE)
    organization = await unit.fetch(organization_store.as_parent(command.organization_id))
    refuse_more_than_held(actor, await role_for(unit, command.role, organization))
    client = check(
        ApiClient(
            id=ClientId(new_id()),
            organization_id=organization.id,
            name=command.name.strip(),
            surface=command.surface,
            grants=command.grants,
            role=command.role,
            is_public=command.secret_mac is None,
            status="active",
            lifetimes=command.lifetimes,
            origins=command.origins,
            created_at=unit.now,
            redirect_uris=command.redirect_uris,
        )
    )
    unit.write(store.add(client, organization.path))
    if command.secret_mac is not None:
        unit.write(store.add_secret(client.id, command.secret_mac))
    unit.emit(Event("client.added", client.id, organization.id, _data(client)))
    return client


async def change_client(unit: Unit, actor: Actor, command: ChangeClient) -> ApiClient:
    actor.require(permissions.CLIENTS_WRITE)
    client = await _load(unit, actor, command.client_id)
    if command.expected_version is not None and command.expected_version != client.version:
        raise VersionStale
    changed = check(
        replace(
            client,
            name=client.name if command.name is None else command.name.strip(),
            role=client.role if command.role is None else command.role,
            grants=client.grants if command.grants is None else command.grants,
            lifetimes=client.lifetimes if command.lifetimes is None else command.lifetimes,
            origins=client.origins if command.origins is None else command.origins,
            redirect_uris=client.redirect_uris if command.redirect_uris is None else command.redirect_uris,
            version=client.version + 1,
        )
    )
    if (
        changed.role != client.role
    ):  # asked about before it is stored: the table takes no role that is not there
        organization = await unit.fetch(organization_store.organization_query(client.organization_id))
        refuse_more_than_held(actor, await role_for(unit, changed.role, organization))
        unit.write(*store.move_epoch(client.id))
    unit.write(store.save(changed))
    unit.emit(Event("client.changed", client.id, client.organization_id, _data(changed)))
    return changed


async def rotate_secret(unit: Unit, actor: Actor, command: RotateSecret) -> ApiClient:
    actor.require(permissions.CLIENTS_WRITE)
    if not 0 <= command.overlap_seconds <= MAX_OVERLAP_SECONDS:
        raise ClientUnfit(Problem("overlap_seconds", "Use 0 seconds to 90 days.", "range"))
    client = await _load(unit, actor, command.client_id)
    if client.is_public:
        raise ClientIsPublic
    unit.write(*store.retire_secrets(client.id, command.overlap_seconds))
    unit.write(store.add_secret(client.id, command.secret_mac))
    if command.overlap_seconds == 0:
        unit.write(*store.end_sessions(client.id))
    unit.emit(
        Event(
            "client.secret_rotated",
            client.id,
            client.organization_id,
            {"overlap_seconds": command.overlap_seconds},
        )
    )
    return client


async def put_client(unit: Unit, actor: Actor, command: PutClient) -> ApiClient:
    actor.require(permissions.CLIENTS_WRITE)
    client = await _load(unit, actor, command.client_id)
    if client.status == command.status:
        return client
    changed = replace(client, status=command.status, version=client.version + 1)
    unit.write(store.save(changed))
    if changed.status != "active":
        unit.write(*store.end_sessions(client.id))
    past = {"active": "enabled", "disabled": "disabled", "removed": "removed"}[changed.status]
    unit.emit(Event(f"client.{past}", client.id, client.organization_id, _data(changed)))
    return changed


async def get_client(reader: Reader, actor: Actor, client_id: ClientId) -> ApiClient:
    actor.require(permissions.CLIENTS_READ)
    return await reader.fetch(store.client(client_id))


async def find_clients(reader: Reader, actor: Actor, command: FindClients) -> Page[ApiClient]:
    actor.require(permissions.CLIENTS_READ)
    rows = await reader.fetch(store.find(command.organization_id, command.page))
    return page_of(rows, command.page.limit, lambda client: (client.created_at, client.id))


async def origin_allowed(engine: Engine, origin: str) -> bool:
    """Whether any client allows this browser origin; a preflight names no client. Cache the answer for a while."""
    return len(origin) <= 300 and await engine.look_up(store.origin_allowed(origin))


async def _load(unit: Unit, actor: Actor, client_id: ClientId) -> ApiClient:
    """One that the actor may decide about: of rights that it has itself."""
    client, custom = await unit.fetch(store.for_change(client_id))
    role = client.role if isinstance(client.role, str) else None
    refuse_more_than_held(actor, resolve(role, custom, client.organization_id, actor.tenant_id))
    return client


def _data(client: ApiClient) -> dict[str, object]:
    return {
        "name": client.name,
        "surface": client.surface,
        "role": str(client.role),
        "grants": sorted(client.grants),
    }
