"""The noun: an OpenID provider by which the people of an organisation, and of those below it, may sign in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from chandlery.identity.errors import IdentityProviderUnfit
from chandlery.identity.role import RoleRef
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import IdentityProviderId, OrganizationId, TenantId
from chandlery.kernel.text import is_one_line

MAX_DOMAINS = 50
_DOMAIN: Final = re.compile(r"(?=.{3,189}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}")
_ISSUER: Final = re.compile(r"https?://[^\s?#@\\]{1,500}")


@dataclass(frozen=True, slots=True)
class IdentityProvider:
    """`role` is what newcomers of its `domains` become; without one, only those who are members already get in."""

    id: IdentityProviderId
    organization_id: OrganizationId
    name: str
    issuer: str
    client_id: str
    role: RoleRef | None
    is_active: bool
    domains: tuple[str, ...]
    created_at: datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class LiveProvider:
    """What it takes to send somebody to a provider and to believe what comes back."""

    id: IdentityProviderId
    tenant_id: TenantId
    organization_id: OrganizationId
    name: str
    issuer: str
    client_id: str
    sealed_secret: bytes | None = field(repr=False)
    role: RoleRef | None


def check(provider: IdentityProvider) -> IdentityProvider:
    """The same provider, or every problem with it at once. Whether its issuer can be called is not seen here."""
    problems = []
    if not (1 <= len(provider.name.strip()) <= 100 and is_one_line(provider.name)):
        problems.append(Problem("name", "Give a name of 1 to 100 characters.", "length"))
    if not _ISSUER.fullmatch(provider.issuer):
        problems.append(
            Problem("issuer", "Give the provider's issuer, such as https://id.example.com", "form")
        )
    if not re.fullmatch(r"[\x21-\x7e]{1,300}", provider.client_id):
        problems.append(Problem("client", "Give the client id that the provider gave you.", "form"))
    if not 1 <= len(provider.domains) <= MAX_DOMAINS:
        problems.append(Problem("domains", f"Give 1 to {MAX_DOMAINS} domains of mail addresses.", "length"))
    problems.extend(
        Problem(f"domains.{n}", "A domain looks like example.com", "form")
        for n, domain in enumerate(provider.domains[:MAX_DOMAINS])
        if not _DOMAIN.fullmatch(domain)
    )
    if problems:
        raise IdentityProviderUnfit(*problems)
    return provider
