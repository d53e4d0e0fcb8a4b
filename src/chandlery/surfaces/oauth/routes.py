"""The routes of the token endpoint. `app` hangs them beside the native API and wires the gate (`House.wired`)."""

from __future__ import annotations

import msgspec

from chandlery.surfaces.http.decoding import FORM
from chandlery.surfaces.http.limits import SIGN_IN_RATE
from chandlery.surfaces.http.route import Handler, Route, Surface
from chandlery.surfaces.oauth import authorize, federation, from_letters, sign_in
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


def _shown(path: str, handler: Handler, query: type[msgspec.Struct] | None = None) -> Route:
    return Route(
        method="GET",
        path=path,
        handler=handler,
        summary="A page",
        query=query,
        rate=SIGN_IN_RATE,
        public=True,
        hidden=True,
    )


def _sent(path: str, handler: Handler, form: type[msgspec.Struct]) -> Route:
    return Route(
        method="POST",
        path=path,
        handler=handler,
        summary="A form",
        body=form,
        accepts=(FORM,),
        max_body_bytes=65_536,
        rate=SIGN_IN_RATE,
        public=True,
        hidden=True,
    )


PAGE_ROUTES = (
    _shown("/oauth/authorize", authorize.show_consent, authorize.Asked),
    _sent("/oauth/authorize", authorize.decide, authorize.Decision),
    _shown("/oauth/sign-in", sign_in.show_sign_in, sign_in.NextQuery),
    _sent("/oauth/sign-in", sign_in.sign_in, sign_in.SignInForm),
    _shown("/oauth/sign-in/code", sign_in.show_code, sign_in.NextQuery),
    _sent("/oauth/sign-in/code", sign_in.enter_code, sign_in.CodeForm),
    _shown("/oauth/account", sign_in.show_account),
    _sent("/oauth/sign-out", sign_in.sign_out, sign_in.Form),
    _shown("/oauth/invitation", from_letters.show_invitation, from_letters.TokenQuery),
    _sent("/oauth/invitation", from_letters.accept_invitation, from_letters.InvitationForm),
    _shown("/oauth/password-reset", from_letters.show_reset, from_letters.TokenQuery),
    _sent("/oauth/password-reset", from_letters.reset, from_letters.ResetForm),
    _sent("/oauth/federation", federation.find_provider, federation.ProviderForm),
    _shown("/oauth/federation/callback", federation.come_back, federation.CallbackQuery),
    _shown("/oauth/federation/{provider_id}", federation.start_federation, federation.StartQuery),
)
"""For people with a browser; forms are no API and stay out of the OpenAPI document."""

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
        routes=(*ROUTES, *PAGE_ROUTES),
        dialect=OAUTH,
        description="OAuth 2.1: authorization codes with PKCE, tokens, revocation, introspection, metadata and keys.",
    )
