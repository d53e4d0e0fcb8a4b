"""What a client can find out by itself: the server's metadata (RFC 8414) and its public keys (RFC 7517)."""

from __future__ import annotations

from typing import Any

import msgspec

from chandlery.identity.permissions import PERMISSIONS
from chandlery.surfaces.http.call import Call
from chandlery.surfaces.http.route import Reply
from chandlery.surfaces.oauth.tokens import GRANT_TYPES
from chandlery.surfaces.oauth.wiring import wired

_A_WHILE = (("cache-control", "public, max-age=300"),)
_CLIENT_AUTH = ["client_secret_basic", "client_secret_post"]


class MetadataBody(msgspec.Struct, kw_only=True):
    """Where things are, and what is supported."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    revocation_endpoint: str
    introspection_endpoint: str
    grant_types_supported: list[str]
    response_types_supported: list[str]
    response_modes_supported: list[str]
    code_challenge_methods_supported: list[str]
    authorization_response_iss_parameter_supported: bool
    scopes_supported: list[str]
    token_endpoint_auth_methods_supported: list[str]
    revocation_endpoint_auth_methods_supported: list[str]
    introspection_endpoint_auth_methods_supported: list[str]
    service_documentation: str


class KeysBody(msgspec.Struct, kw_only=True):
    """The keys that verify access tokens."""

    keys: list[dict[str, Any]]


async def get_metadata(call: Call) -> Reply:
    gate = wired(call).gate
    body = MetadataBody(
        issuer=gate.tokens.issuer,
        authorization_endpoint=call.url("/oauth/authorize"),
        token_endpoint=call.url("/oauth/token"),
        jwks_uri=call.url("/.well-known/jwks.json"),
        revocation_endpoint=call.url("/oauth/revoke"),
        introspection_endpoint=call.url("/oauth/introspect"),
        grant_types_supported=list(GRANT_TYPES),
        response_types_supported=["code"],
        response_modes_supported=["query"],
        code_challenge_methods_supported=["S256"],
        authorization_response_iss_parameter_supported=True,
        scopes_supported=[permission.name for permission in PERMISSIONS],
        token_endpoint_auth_methods_supported=[*_CLIENT_AUTH, "none"],
        revocation_endpoint_auth_methods_supported=[*_CLIENT_AUTH, "none"],
        introspection_endpoint_auth_methods_supported=_CLIENT_AUTH,
        service_documentation=call.url("/docs"),
    )
    return Reply(body, headers=_A_WHILE)


async def get_keys(call: Call) -> Reply:
    gate = wired(call).gate
    return Reply(await gate.tokens.keys.jwks(), headers=_A_WHILE)
