"""The routes of the token endpoint. `app` hangs them beside the native API and wires the gate (`House.wired`)."""

from __future__ import annotations

from chandlery.surfaces.http.decoding import FORM
from chandlery.surfaces.http.limits import SIGN_IN_RATE
from chandlery.surfaces.http.route import Route, Surface
from chandlery.surfaces.oauth.dialect import OAUTH
from chandlery.surfaces.oauth.metadata import KeysBody, MetadataBody, get_keys, get_metadata
from chandlery.surfaces.oauth.tokens import (
    StandingBody,
    TokenAsked,
    TokenBody,
    TokenForm,
    create_token,
    introspect_token,
    revoke_token,
)

_TAGS = ("tokens",)

ROUTES = (
    Route(
        method="POST",
        path="/oauth/token",
        handler=create_token,
        summary="Get an access token",
        description="Credentials by Basic or in the body. Without scope the token may do all that the client may.",
        body=TokenForm,
        reply=TokenBody,
        accepts=(FORM,),
        max_body_bytes=65_536,
        rate=SIGN_IN_RATE,
        tags=_TAGS,
        public=True,
    ),
    Route(
        method="POST",
        path="/oauth/revoke",
        handler=revoke_token,
        summary="Give a token back",
        description="Ends the session of an access or refresh token of this client; any other token is ignored.",
        body=TokenAsked,
        accepts=(FORM,),
        max_body_bytes=65_536,
        tags=_TAGS,
        public=True,
    ),
    Route(
        method="POST",
        path="/oauth/introspect",
        handler=introspect_token,
        summary="Ask whether a token is good",
        description="Answers for tokens of the client's organisation and of those below it.",
        body=TokenAsked,
        reply=StandingBody,
        accepts=(FORM,),
        max_body_bytes=65_536,
        tags=_TAGS,
        public=True,
    ),
    Route(
        method="GET",
        path="/.well-known/oauth-authorization-server",
        handler=get_metadata,
        summary="The server's metadata",
        reply=MetadataBody,
        tags=_TAGS,
        public=True,
    ),
    Route(
        method="GET",
        path="/.well-known/jwks.json",
        handler=get_keys,
        summary="The keys that verify access tokens",
        reply=KeysBody,
        tags=_TAGS,
        public=True,
    ),
)


def surface(version: str) -> Surface:
    """The surface as data; it hangs where the native one does and owns `/oauth/...` and `/.well-known/...`."""
    return Surface(
        name="oauth",
        base="",
        title="Chandlery tokens",
        version=version,
        routes=ROUTES,
        dialect=OAUTH,
        description="OAuth 2 for machines: tokens, revocation, introspection, metadata and keys.",
    )
