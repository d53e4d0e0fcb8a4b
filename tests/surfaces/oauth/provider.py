"""An OpenID provider: a real HTTP server on loopback that signs ID tokens with a key of its own."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from chandlery.surfaces.oauth.browsers import challenge_of
from tests.conftest import NOW
from tests.engine.receiver import Received, a_receiver, answer

CLIENT, SECRET = "chandlery", "a secret of theirs"


@dataclass(slots=True)
class Provider:
    port: int = 0
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "1", "use": "sig"}))
    person: dict[str, Any] = field(default_factory=dict)
    """The claims of whoever signs in there."""
    forged: dict[str, Any] = field(default_factory=dict)
    """What the next ID token says instead."""
    signed_by: RSAKey | OctKey | None = None
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    discovered: dict[str, Any] = field(default_factory=dict)

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sign_in(self, way: str) -> str:
        """What somebody's browser does there; the query with which it comes back."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(way).query).items()}
        assert way.startswith(f"{self.issuer}/authorize?")
        assert (asked["response_type"], asked["client_id"]) == ("code", CLIENT)
        assert asked["code_challenge_method"] == "S256"
        assert set(asked["scope"].split()) == {"openid", "email", "profile"}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return f"code={code}&state={asked['state']}"

    def reply(self, request: Received) -> bytes:
        path = request.path.partition("?")[0]
        if path == "/.well-known/openid-configuration":
            return _json(
                {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/jwks",
                }
                | self.discovered
            )
        if path == "/jwks":
            return _json({"keys": [self.key.as_dict(private=False)]})
        return self._token(request)

    def _token(self, request: Received) -> bytes:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '%20')}".encode()).decode()
        asked = self.codes.pop(form["code"], None)
        fits = (
            asked is not None
            and request.headers.get("authorization") == f"Basic {basic}"
            and form["redirect_uri"] == asked["redirect_uri"]
            and challenge_of(form["code_verifier"]) == asked["code_challenge"]
        )
        if not fits or asked is None:
            return _json({"error": "invalid_grant"}, 400)
        now = int(NOW.timestamp())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
            **self.forged,
        }
        key = self.signed_by or self.key
        header = {"alg": self.algorithm, "kid": key.kid}
        token = jwt.encode(header, claims, key, algorithms=[self.algorithm])
        return _json({"access_token": "x", "token_type": "Bearer", "id_token": token})


@asynccontextmanager
async def a_provider() -> AsyncIterator[Provider]:
    provider = Provider()
    async with a_receiver() as receiver:
        provider.port = receiver.port
        receiver.reply = provider.reply
        yield provider


def _json(value: Any, status: int = 200) -> bytes:
    return answer(status, json.dumps(value).encode(), "Content-Type: application/json")
