"""The noun: an API client, a machine that may act for an organisation through one surface."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from chandlery.identity.errors import ClientUnfit
from chandlery.identity.role import RoleRef
from chandlery.kernel.errors import Problem
from chandlery.kernel.ids import ClientId, OrganizationId

Grant = Literal["client_credentials", "refresh_token", "password", "authorization_code"]
ClientStatus = Literal["active", "disabled", "removed"]

GRANTS: Final = ("client_credentials", "refresh_token", "password", "authorization_code")
MAX_ACCESS_SECONDS: Final = 86_400
MAX_REFRESH_SECONDS: Final = 31_622_400
MAX_ORIGINS = 50
MAX_REDIRECTS = 20
_LOOPBACK = ("localhost", "127.0.0.1", "::1")
_ORIGIN = re.compile(r"https?://[a-z0-9.\-]{1,253}(:\d{1,5})?|https?://\[[0-9a-f:]{2,39}\](:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class TokenLifetimes:
    """How long what a client is given may be used; a refresh lifetime of 0 means no refresh tokens."""

    access_seconds: int = 3600
    refresh_seconds: int = 30 * 86_400


@dataclass(frozen=True, slots=True)
class ApiClient:
    """`role` is what it may do on its own, and the most that a person may do through it."""

    id: ClientId
    organization_id: OrganizationId
    name: str
    surface: str
    grants: frozenset[str]
    role: RoleRef
    is_public: bool
    status: ClientStatus
    lifetimes: TokenLifetimes
    origins: tuple[str, ...]
    created_at: datetime
    version: int = 1
    redirect_uris: tuple[str, ...] = ()
    """Where authorization codes may be sent: exactly these, to the last character."""


def check(client: ApiClient) -> ApiClient:
    """The same client, or every problem with it at once."""
    problems = []
    if not 1 <= len(client.name.strip()) <= 200:
        problems.append(Problem("name", "Give a name of 1 to 200 characters.", "length"))
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,49}", client.surface):
        problems.append(Problem("surface", "Name the API that it is for, such as native.", "form"))
    problems.extend(
        Problem("grants", f"There is no grant '{grant[:50]}'.", "unknown")
        for grant in sorted(client.grants.difference(GRANTS))[:20]
    )
    if not client.grants:
        problems.append(Problem("grants", "Allow at least one grant.", "required"))
    if client.is_public and "client_credentials" in client.grants:
        problems.append(Problem("grants", "A public client has no credentials of its own.", "public"))
    if not 60 <= client.lifetimes.access_seconds <= MAX_ACCESS_SECONDS:
        problems.append(Problem("access_seconds", "Use 60 seconds to a day.", "range"))
    if not 0 <= client.lifetimes.refresh_seconds <= MAX_REFRESH_SECONDS:
        problems.append(Problem("refresh_seconds", "Use 0 (none) to 366 days.", "range"))
    problems += _problems_with_addresses(client)
    if problems:
        raise ClientUnfit(*problems)
    return client


def _problems_with_addresses(client: ApiClient) -> list[Problem]:
    problems = []
    if len(client.origins) > MAX_ORIGINS:
        problems.append(Problem("origins", f"Give at most {MAX_ORIGINS}.", "length"))
    problems.extend(
        Problem(f"origins.{n}", "An origin looks like https://app.example.com.", "form")
        for n, origin in enumerate(client.origins[:MAX_ORIGINS])
        if not _ORIGIN.fullmatch(origin)
    )
    problems.extend(
        Problem(
            f"redirect_uris.{n}", "Use https://, a loopback http:// or an app's own com.example.app:/", "form"
        )
        for n, uri in enumerate(client.redirect_uris[:MAX_REDIRECTS])
        if not _is_redirect(uri)
    )
    if len(client.redirect_uris) > MAX_REDIRECTS:
        problems.append(Problem("redirect_uris", f"Give at most {MAX_REDIRECTS}.", "length"))
    if "authorization_code" in client.grants and not client.redirect_uris:
        problems.append(Problem("redirect_uris", "Say where authorization codes may be sent.", "required"))
    return problems


def _is_redirect(uri: str) -> bool:
    """Absolute, without a fragment, and nothing that could be read in two ways."""
    if len(uri) > 500 or not re.fullmatch(r"[\x21-\x7e]+", uri) or re.search(r"[#\\<>\"{}|^`]", uri):
        return False
    try:
        parts = urlsplit(uri)
        host = parts.hostname or ""
        if parts.port == 0:
            return False
    except ValueError:
        return False
    if parts.scheme in ("https", "http"):
        return bool(host) and "@" not in parts.netloc and (parts.scheme == "https" or host in _LOOPBACK)
    return "." in parts.scheme and parts.path.startswith("/")
