"""How the token endpoint says no: RFC 6749 section 5.2, the same for all that hangs beside it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chandlery.identity.errors import (
    ClientCredentialsWrong,
    CredentialsWrong,
    GrantNotAllowed,
    RefreshTokenWrong,
    ScopeUnknown,
)
from chandlery.kernel.actor import Actor
from chandlery.kernel.errors import Fault, Invalid, Limited, Unauthenticated, Unavailable
from chandlery.surfaces.http.errors import CredentialsMissing, MethodNotAllowed, status_of
from chandlery.surfaces.http.head import Head
from chandlery.surfaces.http.route import Dialect, House, Reply
from chandlery.surfaces.oauth.rendering import PAGES, refusal

NEVER_STORED = (("cache-control", "no-store"), ("pragma", "no-cache"))


class GrantTypeUnknown(Invalid):
    """This grant_type is not supported here; see grant_types_supported in the server's metadata."""


class ClientOfOtherApi(Invalid):
    """This API client was made for another API of this server; use that API's token endpoint."""


class AuthorizationCodeWrong(Unauthenticated):
    """This authorization code is unknown, used, expired, or was asked for otherwise; start again."""


class ErrorBody(msgspec.Struct, kw_only=True):
    """What every refusal looks like (RFC 6749)."""

    error: str
    error_description: str


_ERRORS: Mapping[type[Fault], tuple[int, str]] = {
    ClientCredentialsWrong: (401, "invalid_client"),
    CredentialsMissing: (401, "invalid_client"),
    CredentialsWrong: (400, "invalid_grant"),
    RefreshTokenWrong: (400, "invalid_grant"),
    AuthorizationCodeWrong: (400, "invalid_grant"),
    GrantNotAllowed: (400, "unauthorized_client"),
    ClientOfOtherApi: (400, "unauthorized_client"),
    GrantTypeUnknown: (400, "unsupported_grant_type"),
    ScopeUnknown: (400, "invalid_scope"),
    Unauthenticated: (401, "invalid_client"),
    Limited: (429, "temporarily_unavailable"),
    Unavailable: (503, "temporarily_unavailable"),
}


def refuse(fault: Fault, head: Head) -> Reply:
    """As RFC 6749 has it, for programs; as a page, where somebody sits at a browser."""
    if head.path.startswith(PAGES):
        return refusal(fault)
    status, error = next((_ERRORS[kind] for kind in type(fault).__mro__ if kind in _ERRORS), (0, ""))
    if not status:
        status = status_of(type(fault))
        status, error = {422: 400}.get(status, status), "invalid_request" if status < 500 else "server_error"
    headers = list(NEVER_STORED)
    if status == 401:
        headers.append(("www-authenticate", 'Basic realm="chandlery"'))
    if fault.retry_after_seconds is not None:
        headers.append(("retry-after", str(fault.retry_after_seconds)))
    if isinstance(fault, MethodNotAllowed):
        headers.append(("allow", fault.facts["allow"]))
    details = [f"{problem.field}: {problem.message}" for problem in fault.problems[:5]]
    description = _printable(" ".join([fault.message(), *details]))
    return Reply(ErrorBody(error=error, error_description=description), status, tuple(headers))


async def nobody(_house: House, _head: Head) -> Actor:
    """No route here takes an access token: clients show their own credentials."""
    raise CredentialsMissing


def _printable(text: str) -> str:
    """The characters that RFC 6749 allows in an error_description."""
    return "".join(letter if " " <= letter <= "~" and letter not in '"\\' else "'" for letter in text)[:500]


OAUTH = Dialect(
    authenticate=nobody,
    refuse=refuse,
    refuses_unknown_parameters=False,
    error_body=ErrorBody,
)
