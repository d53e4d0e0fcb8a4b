"""OpenID providers of organisations. Their secrets go in sealed; a function gives them to whoever signs in."""

from __future__ import annotations

from chandlery.engine.statements import Query, Row, Write, maybe, one, refusals
from chandlery.identity._store.select import listed, select
from chandlery.identity.errors import DomainTaken, IdentityProviderUnknown
from chandlery.identity.provider import IdentityProvider, LiveProvider
from chandlery.identity.role import RoleRef, columns, from_columns
from chandlery.kernel.ids import ClientId, IdentityProviderId, OrganizationId, UserId
from chandlery.kernel.page import PageRequest

_COLUMNS = (
    "p.id, p.organization_id, p.name, p.issuer, p.client_id, p.role, p.role_id, p.is_active,"
    " ARRAY(SELECT d.domain FROM identity_provider_domains d WHERE d.provider_id = p.id ORDER BY 1),"
    " p.created_at, p.version"
)
_SUBTREE = (
    "FROM identity_providers p WHERE p.tenant_id = scope_tenant() AND p.owner_path >= scope_path()"
    " AND p.owner_path < scope_path_end()"
)


def _role(role: str | None, role_id: object) -> RoleRef | None:
    return None if role is None and role_id is None else from_columns(role, role_id)  # type: ignore[arg-type]  # a row


def _columns(role: RoleRef | None) -> tuple[object, object]:
    return (None, None) if role is None else columns(role)


def _decode(row: Row) -> IdentityProvider:
    role, domains = _role(row[5], row[6]), tuple(row[8])
    return IdentityProvider(row[0], row[1], row[2], row[3], row[4], role, row[7], domains, row[9], row[10])


def provider(provider_id: IdentityProviderId) -> Query[IdentityProvider]:
    return one(
        select(_COLUMNS, "FROM identity_providers p WHERE p.id = %s"),
        (provider_id,),
        _decode,
        IdentityProviderUnknown,
    )


def for_change(provider_id: IdentityProviderId) -> Query[IdentityProvider]:
    return one(
        select(_COLUMNS, "FROM identity_providers p WHERE p.id = %s FOR NO KEY UPDATE OF p"),
        (provider_id,),
        _decode,
        IdentityProviderUnknown,
    )


def find(organization_id: OrganizationId | None, page: PageRequest) -> Query[list[IdentityProvider]]:
    return listed(
        select(_COLUMNS, _SUBTREE),
        (("p.organization_id = %s", organization_id),),
        page,
        "p.created_at, p.id",
        _decode,
    )


def add(new: IdentityProvider, path: str, sealed: bytes | None) -> Write:
    return Write(
        "INSERT INTO identity_providers (id, tenant_id, organization_id, owner_path, name, issuer, client_id,"
        " sealed_secret, role, role_id, is_active, created_at) VALUES (%s, scope_tenant(), %s, %s::text, %s::text,"
        " %s::text, %s::text, %s::bytea, %s::text, %s::uuid, %s::boolean, %s)",
        (
            new.id,
            new.organization_id,
            path,
            new.name,
            new.issuer,
            new.client_id,
            sealed,
            *_columns(new.role),
            new.is_active,
            new.created_at,
        ),
    )


def save(changed: IdentityProvider) -> Write:
    return Write(
        "UPDATE identity_providers SET name = %s::text, issuer = %s::text, client_id = %s::text, role = %s::text,"
        " role_id = %s::uuid, is_active = %s::boolean, version = %s WHERE id = %s",
        (
            changed.name,
            changed.issuer,
            changed.client_id,
            *_columns(changed.role),
            changed.is_active,
            changed.version,
            changed.id,
        ),
    )


def put_secret(provider_id: IdentityProviderId, sealed: bytes | None) -> Write:
    return Write(
        "UPDATE identity_providers SET sealed_secret = %s::bytea WHERE id = %s", (sealed, provider_id)
    )


def put_domains(provider: IdentityProvider) -> tuple[Write, Write]:
    return (
        Write("DELETE FROM identity_provider_domains WHERE provider_id = %s", (provider.id,)),
        Write(
            "INSERT INTO identity_provider_domains (tenant_id, domain, provider_id)"
            " SELECT scope_tenant(), unnest(%s::text[]), %s",
            (list(provider.domains), provider.id),
            refusals(identity_provider_domains_taken=DomainTaken),
        ),
    )


def forget_people(provider_id: IdentityProviderId) -> Write:
    return Write("SELECT forget_federated_identities(%s)", (provider_id,))


def remove(provider_id: IdentityProviderId) -> Write:
    return Write("DELETE FROM identity_providers WHERE id = %s", (provider_id,))


def live(
    provider_id: IdentityProviderId | None, domain: str | None, client_id: ClientId | None
) -> Query[LiveProvider | None]:
    return maybe(
        "SELECT id, tenant, organization_id, name, issuer, client_id, sealed_secret, role, role_id"
        " FROM find_identity_provider(%s::uuid, %s::text, %s::uuid)",
        (provider_id, domain, client_id),
        lambda r: LiveProvider(r[0], r[1], r[2], r[3], r[4], r[5], r[6] and bytes(r[6]), _role(r[7], r[8])),
    )


def find_user(provider_id: IdentityProviderId, subject: str, email: str) -> Query[tuple[str, UserId | None]]:
    return one(
        "SELECT outcome, user_id FROM find_federated_user(%s, %s::text, %s::text)",
        (provider_id, subject, email),
        lambda row: (row[0], row[1]),
        IdentityProviderUnknown,
    )


def link(provider_id: IdentityProviderId, subject: str, user_id: UserId) -> Query[None]:
    return maybe(
        "SELECT link_federated_identity(%s, %s::text, %s)",
        (provider_id, subject, user_id),
        lambda _row: None,
    )
