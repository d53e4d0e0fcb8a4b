"""OpenID Connect as its client: discovery, where to send somebody, and whether to believe what comes back.

Every call leaves through the door of the engine, so a provider at a private address is refused unless the operator
allows it. What is believed: a token of the very issuer that was set up, for the client that we are there, signed by one
of its published keys with a public-key algorithm, made for this very attempt (nonce), and not expired.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from chandlery.engine.outbound import Answer, Outbound
from chandlery.identity.provider import LiveProvider
from chandlery.kernel.clock import Clock
from chandlery.kernel.errors import Unauthenticated, Unavailable
from chandlery.surfaces.oauth.browsers import challenge_of

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""Public-key ones only: nothing that a reader of the key could have signed."""
KEPT_FOR: Final = timedelta(minutes=10)
CALL_SECONDS: Final = 10.0
LEEWAY_SECONDS: Final = 60
MOST_KNOWN: Final = 500


class ProviderAnswersBadly(Unavailable):
    """Your organisation's provider does not answer as it should; try again, or tell your administrator."""

    retry_after_seconds = 10


class NotBelieved(Unauthenticated):
    """What your organisation's provider said could not be verified; start again, or tell your administrator."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a provider says about itself (OpenID Connect Discovery)."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    takes_basic: bool


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way there and back: what only we, and this browser, know of it."""

    redirect_uri: str
    state: str
    nonce: str
    verifier: str = field(repr=False)


@dataclass(slots=True)
class OpenId:
    outbound: Outbound
    clock: Clock
    _known: dict[str, tuple[datetime, dict[str, Any]]] = field(default_factory=dict)

    async def way_to(self, provider: LiveProvider, attempt: Attempt, login_hint: str = "") -> str:
        """The URL at which somebody signs in there."""
        found = await self._discover(provider.issuer)
        asked = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": attempt.redirect_uri,
            "scope": "openid email profile",
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge_of(attempt.verifier),
            "code_challenge_method": "S256",
        }
        if login_hint:
            asked["login_hint"] = login_hint
        joint = "&" if "?" in found.authorization_endpoint else "?"
        return found.authorization_endpoint + joint + urlencode(asked)

    async def claims(
        self, provider: LiveProvider, secret: str | None, attempt: Attempt, code: str
    ) -> dict[str, Any]:
        """What the provider says of whoever came back with this code."""
        found = await self._discover(provider.issuer)
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": attempt.redirect_uri,
            "code_verifier": attempt.verifier,
        }
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        if secret is not None and found.takes_basic:
            pair = f"{quote(provider.client_id, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": provider.client_id} | ({} if secret is None else {"client_secret": secret})
        answer = await self.outbound.send(
            "POST", found.token_endpoint, headers, urlencode(form).encode(), CALL_SECONDS
        )
        if answer.status in (400, 401):  # the code was no good, or has been used
            raise NotBelieved
        token = _object(answer).get("id_token")
        if not isinstance(token, str):
            raise ProviderAnswersBadly
        return await self._verified(found, provider.client_id, attempt.nonce, token)

    async def _verified(self, found: Configuration, client_id: str, nonce: str, token: str) -> dict[str, Any]:
        try:
            claims = self._decoded(token, await self._fetch(found.jwks_uri))
        except (JoseError, ValueError):  # signed, perhaps, by a key that is newer than what we know
            self._known.pop(found.jwks_uri, None)
            try:
                claims = self._decoded(token, await self._fetch(found.jwks_uri))
            except (JoseError, ValueError) as error:
                raise NotBelieved from error
        audience = claims.get("aud")
        audiences = audience if isinstance(audience, list) else [audience]
        now = self.clock.now().timestamp()
        expires_at, issued_at = claims.get("exp"), claims.get("iat")
        fits = (
            claims.get("iss") == found.issuer
            and client_id in audiences
            and (len(audiences) == 1 or claims.get("azp") == client_id)
            and claims.get("nonce") == nonce
            and isinstance(expires_at, int | float)
            and expires_at > now - LEEWAY_SECONDS
            and isinstance(issued_at, int | float)
            and issued_at < now + LEEWAY_SECONDS
            and isinstance(claims.get("sub"), str)
            and 1 <= len(claims["sub"]) <= 255
            and "\0" not in claims["sub"]
        )
        if not fits:
            raise NotBelieved
        return claims

    def _decoded(self, token: str, keys: dict[str, Any]) -> dict[str, Any]:
        usable = [
            key for key in keys.get("keys", ()) if key.get("use", "sig") == "sig" and key.get("kty") != "oct"
        ]
        return jwt.decode(token, KeySet.import_key_set({"keys": usable}), algorithms=ALGORITHMS).claims

    async def _discover(self, issuer: str) -> Configuration:
        found = await self._fetch(issuer.rstrip("/") + "/.well-known/openid-configuration")
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri")
        endpoints = [found.get(name) for name in names]
        usable = all(_is_url(end) and self.outbound.problem_with(str(end)) is None for end in endpoints)
        if found.get("issuer") != issuer or not usable:
            raise ProviderAnswersBadly
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        authorization, token, jwks = map(str, endpoints)
        return Configuration(issuer, authorization, token, jwks, "client_secret_basic" in methods)

    async def _fetch(self, url: str) -> dict[str, Any]:
        """A document of a provider, kept for a while."""
        now = self.clock.now()
        at, document = self._known.get(url, (None, {}))
        if at is not None and now - at < KEPT_FOR:
            return document
        answer = await self.outbound.send("GET", url, {"accept": "application/json"}, b"", CALL_SECONDS)
        document = _object(answer)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[url] = (now, document)
        return document


def _object(answer: Answer) -> dict[str, Any]:
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        raise ProviderAnswersBadly from None
    if answer.status != 200 or not isinstance(found, dict):
        raise ProviderAnswersBadly
    return found


def _is_url(text: object) -> bool:
    """Such as a page may lead to: no `javascript:`, nothing that breaks out of a link."""
    return isinstance(text, str) and bool(re.fullmatch(r"https?://[\x21-\x7e]{1,1900}", text))
