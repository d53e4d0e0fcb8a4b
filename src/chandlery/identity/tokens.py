"""Access tokens: JWTs (RFC 9068) that say who, for which organisation, with which rights, through which surface.

The signature is checked once per token and process; the actor that comes out is kept until the token expires. That
its session still stands is not checked here: the first statement of every unit of work does, in its own round trip.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Final

from joserfc import jws, jwt
from joserfc.errors import JoseError

from chandlery.identity.errors import TokenInvalid
from chandlery.identity.signing import KeyRing
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ClientId, OrganizationId, SessionId, TenantId, UserId, parse_id

ALGORITHM: Final = "RS256"
TYPE: Final = "at+jwt"
MAX_TOKEN = 8192


@dataclass(frozen=True, slots=True)
class Access:
    """A verified access token: who acts, and the seconds since 1970 at which the token was issued and expires."""

    actor: Actor
    issued_at: int
    expires_at: int


@dataclass(slots=True)
class Tokens:
    """Signs and verifies. `issuer` is the public URL of this installation."""

    keys: KeyRing
    issuer: str
    remembers: int = 10_000
    """How many verified tokens at most."""
    _known: OrderedDict[bytes, Access] = field(default_factory=OrderedDict)

    async def sign(self, actor: Actor, lifetime_seconds: int) -> str:
        """An access token of the native form for an actor with a session."""
        key = await self.keys.signer(ALGORITHM)
        now = int(self.keys.engine.clock.now().timestamp())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "sub": str(actor.user_id or actor.client_id),
            "aud": actor.surface,
            "iat": now,
            "exp": now + lifetime_seconds,
            "jti": secrets.token_urlsafe(12),
            "tenant": str(actor.tenant_id),
            "org": str(actor.organization_id),
            "sid": str(actor.session_id),
            "epoch": actor.epoch,
            "scope": " ".join(sorted(actor.permissions)),
        }
        if actor.client_id is not None:
            claims["client_id"] = str(actor.client_id)
        if actor.user_id is not None:
            claims["user_id"] = str(actor.user_id)
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": TYPE}
        return jwt.encode(header, claims, key, algorithms=[ALGORITHM])

    def __len__(self) -> int:
        """How many verified tokens are remembered."""
        return len(self._known)

    async def verify(self, token: str, surface: str, request_id: str = "") -> Actor:
        """The actor of a token for that surface. No round trip, but for a key that this process has not seen yet."""
        access = await self.read(token)
        if access.actor.surface != surface:
            raise TokenInvalid
        return replace(access.actor, request_id=request_id) if request_id else access.actor

    async def read(self, token: str) -> Access:
        """The same for any surface."""
        if len(token) > MAX_TOKEN or not token.isascii():
            raise TokenInvalid
        fingerprint = hashlib.sha256(token.encode()).digest()
        access = self._known.get(fingerprint)
        if access is None:
            access = await self._check(token)
            self._known[fingerprint] = access
            if len(self._known) > self.remembers:
                self._known.popitem(last=False)
        if access.expires_at <= self.keys.engine.clock.now().timestamp():
            self._known.pop(fingerprint, None)
            raise TokenInvalid
        return access

    async def _check(self, token: str) -> Access:
        try:
            header = jws.extract_compact(token.encode()).headers()
            key = await self.keys.verifier(str(header.get("kid")))
            if key is None or header.get("typ") != TYPE:
                raise TokenInvalid
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise TokenInvalid from error
        if claims.get("iss") != self.issuer:
            raise TokenInvalid
        return Access(_actor(claims), claims["iat"], claims["exp"])


def _actor(claims: dict[str, Any]) -> Actor:
    """Signed by us, so what it says is of the form that we gave it."""
    user, client = parse_id(claims.get("user_id", "")), parse_id(claims.get("client_id", ""))
    tenant, org, session = (parse_id(claims[name]) for name in ("tenant", "org", "sid"))
    assert tenant is not None
    assert org is not None
    assert session is not None
    return Actor(
        tenant_id=TenantId(tenant),
        organization_id=OrganizationId(org),
        permissions=frozenset(claims["scope"].split()),
        surface=claims["aud"],
        session_id=SessionId(session),
        epoch=claims["epoch"],
        user_id=UserId(user) if user else None,
        client_id=ClientId(client) if client else None,
    )
