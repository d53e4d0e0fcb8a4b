"""Getting, giving back and asking about tokens: RFC 6749, RFC 7009 and RFC 7662 in front of `identity.sessions`."""

from __future__ import annotations

import re
from urllib.parse import unquote_plus

import msgspec

from chandlery.identity import permissions
from chandlery.identity.errors import ClientCredentialsWrong, ScopeUnknown
from chandlery.identity.gate import Gate
from chandlery.identity.session import Issued, KnownClient
from chandlery.identity.sessions import (
    IssueSession,
    RefreshSession,
    authenticate_client,
    introspect,
    issue_session,
    refresh_session,
    require_grant,
    revoke,
)
from chandlery.kernel.errors import Problem
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.errors import FieldsRefused
from chandlery.surfaces.http.head import Head, basic_credentials
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.oauth.browsers import Redemption, redeem_code
from chandlery.surfaces.oauth.dialect import NEVER_STORED, ClientOfOtherApi, GrantTypeUnknown
from chandlery.surfaces.oauth.wiring import wired

SURFACE = "native"
GRANT_TYPES = ("authorization_code", "client_credentials", "refresh_token")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class Credentials(msgspec.Struct, kw_only=True):
    """How a client shows who it is, unless it does so in an Authorization header (Basic). What we do not know
    is ignored, as RFC 6749 wants it."""

    client_id: str = ""
    client_secret: str = ""


class TokenForm(Credentials):
    """What a client asks for; a parameter without a value counts as left out."""

    grant_type: str
    scope: str = ""
    refresh_token: str = ""
    code: str = ""
    code_verifier: str = ""
    redirect_uri: str = ""


class TokenAsked(Credentials):
    """A token to be given back or asked about."""

    token: str
    token_type_hint: str = ""


class TokenBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An access token; `scope` says what it may do."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    refresh_token: str | None = None


class StandingBody(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Whether a token is good, and if so, for whom and what."""

    active: bool
    scope: str | None = None
    client_id: str | None = None
    username: str | None = None
    token_type: str | None = None
    exp: int | None = None
    iat: int | None = None
    sub: str | None = None
    aud: str | None = None
    iss: str | None = None
    organization_id: str | None = None


async def create_token(call: Call, form: TokenForm) -> Reply:
    gate = wired(call).gate
    if form.grant_type not in GRANT_TYPES:
        raise GrantTypeUnknown
    client = await _client(gate, call.head, form)
    if client.surface != SURFACE:
        raise ClientOfOtherApi
    require_grant(client, form.grant_type)
    scope = frozenset(form.scope.split()) or None
    if form.grant_type == "client_credentials":
        issued = await issue_session(
            gate, IssueSession(client=client, scope=scope, with_refresh="refresh_token" in client.grants)
        )
    elif form.grant_type == "authorization_code":
        issued = await redeem_code(gate, client, _redemption(form))
    else:
        if not form.refresh_token:
            raise FieldsRefused(Problem("refresh_token", "Send the refresh token.", "required"))
        if scope is not None and not scope <= permissions.EVERY:
            raise ScopeUnknown
        issued = await refresh_session(gate, RefreshSession(client, form.refresh_token, scope))
    return Reply(await _token(gate, issued), headers=NEVER_STORED)


async def revoke_token(call: Call, form: TokenAsked) -> Reply:
    gate = wired(call).gate
    await revoke(gate, await _client(gate, call.head, form), form.token)
    return Reply(headers=NEVER_STORED)


async def introspect_token(call: Call, form: TokenAsked) -> Reply:
    gate = wired(call).gate
    client = await _client(gate, call.head, form)
    if client.is_public:
        raise ClientCredentialsWrong
    found = await introspect(gate, client, form.token)
    if found is None:
        return Reply(StandingBody(active=False), headers=NEVER_STORED)
    session, access = found
    scope = access.actor.permissions if access else session.scope
    body = StandingBody(
        active=True,
        scope=None if scope is None else " ".join(sorted(scope)),
        client_id=str(session.client_id) if session.client_id else None,
        username=session.username,
        token_type="Bearer" if access else "refresh_token",
        exp=access.expires_at if access else int(session.expires_at.timestamp()),
        iat=access.issued_at if access else int(session.created_at.timestamp()),
        sub=str(session.user_id or session.client_id),
        aud=session.surface,
        iss=gate.tokens.issuer,
        organization_id=str(session.organization_id),
    )
    return Reply(body, headers=NEVER_STORED)


async def _client(gate: Gate, head: Head, form: Credentials) -> KnownClient:
    """By Basic or in the body, never both."""
    if head.header("authorization") is None:
        return await authenticate_client(gate, form.client_id, form.client_secret or None)
    client_id, secret = (unquote_plus(part) for part in basic_credentials(head))
    if form.client_secret or form.client_id not in ("", client_id):
        raise FieldsRefused(Problem("client_id", "Show credentials in the header or in the body.", "twice"))
    return await authenticate_client(gate, client_id, secret)


def _redemption(form: TokenForm) -> Redemption:
    problems = []
    if not form.code:
        problems.append(Problem("code", "Send the authorization code.", "required"))
    if not _VERIFIER.fullmatch(form.code_verifier):
        problems.append(
            Problem("code_verifier", "Send the 43 to 128 characters behind the challenge.", "form")
        )
    if problems:
        raise FieldsRefused(*problems)
    return Redemption(form.code, form.code_verifier, form.redirect_uri or None)


async def _token(gate: Gate, issued: Issued) -> TokenBody:
    seconds = issued.lifetimes.access_seconds
    return TokenBody(
        access_token=await gate.tokens.sign(issued.actor, seconds),
        token_type="Bearer",  # noqa: S106 - the kind of it
        expires_in=seconds,
        scope=issued.scope,
        refresh_token=issued.refresh_token,
    )
