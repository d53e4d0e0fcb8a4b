"""Access tokens and the keys that sign them."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from chandlery.identity.errors import MasterKeyWrong, TokenInvalid
from chandlery.identity.gate import Gate
from chandlery.identity.secrets import MasterKey
from chandlery.identity.signing import KeyRing
from chandlery.identity.tokens import Tokens
from chandlery.kernel.clock import FixedClock
from tests.builders import Tenant
from tests.conftest import NOW
from tests.identity.builders import ISSUER, a_gate, everything


def part(token: str, index: int) -> dict[str, Any]:
    text = token.split(".")[index]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


async def test_a_token_says_who_for_whom_with_which_rights_through_which_surface(
    gate: Gate, tenant: Tenant
) -> None:
    actor = everything(tenant.reseller)
    token = await gate.tokens.sign(actor, 60)
    header, claims = part(token, 0), part(token, 1)
    assert (header["alg"], header["typ"]) == ("RS256", "at+jwt")
    assert claims["iss"] == ISSUER
    assert claims["aud"] == "native"
    assert (claims["tenant"], claims["org"]) == (str(tenant.id), str(actor.organization_id))
    assert (claims["sid"], claims["epoch"]) == (str(actor.session_id), 1)
    assert claims["scope"].split() == sorted(actor.permissions)
    assert claims["exp"] - claims["iat"] == 60
    assert await gate.tokens.verify(token, "native") == actor


async def test_a_token_of_another_surface_is_refused(gate: Gate, tenant: Tenant) -> None:
    token = await gate.tokens.sign(tenant.reseller, 60)
    with pytest.raises(TokenInvalid):
        await gate.tokens.verify(token, "ion")


async def test_an_expired_token_is_refused_also_when_it_was_known(gate: Gate, tenant: Tenant) -> None:
    clock = FixedClock(NOW)
    later = a_gate(replace(gate.engine, clock=clock))
    token = await later.tokens.sign(tenant.reseller, 60)
    assert await later.tokens.verify(token, "native") == tenant.reseller
    clock.at += timedelta(seconds=60)
    for verifier in (later, a_gate(replace(gate.engine, clock=clock))):
        with pytest.raises(TokenInvalid):
            await verifier.tokens.verify(token, "native")


async def test_tampered_forged_and_foreign_tokens_are_refused(gate: Gate, tenant: Tenant) -> None:
    token = await gate.tokens.sign(tenant.reseller, 60)
    head, body, signature = token.split(".")
    kid = part(token, 0)["kid"]
    claims = part(token, 1)
    public = (await gate.tokens.keys.jwks())["keys"][0]
    stranger = RSAKey.generate_key(2048, {"kid": kid})
    unsigned = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": kid, "typ": "at+jwt"}).encode())
    confused = OctKey.import_key(json.dumps(public))
    ours = await gate.tokens.keys.signer()
    for forged in (
        "",
        "x",
        "a.b.c",
        "...",
        "é" * 20,
        "a" * 10_000,
        f"{head}.{body}.",
        f"{head}.{body[:-4]}AAAA.{signature}",
        f"{unsigned.decode().rstrip('=')}.{body}.",
        jwt.encode({"alg": "RS256", "kid": kid, "typ": "at+jwt"}, claims, stranger, algorithms=["RS256"]),
        jwt.encode({"alg": "HS256", "kid": kid, "typ": "at+jwt"}, claims, confused, algorithms=["HS256"]),
        jwt.encode({"alg": "RS256", "kid": "unknown", "typ": "at+jwt"}, claims, ours, algorithms=["RS256"]),
        jwt.encode({"alg": "RS256", "kid": kid, "typ": "JWT"}, claims, ours, algorithms=["RS256"]),
        jwt.encode(
            {"alg": "RS256", "kid": kid, "typ": "at+jwt"},
            {**claims, "iss": "https://elsewhere.example"},
            ours,
            algorithms=["RS256"],
        ),
    ):
        with pytest.raises(TokenInvalid):
            await gate.tokens.verify(forged, "native")


async def test_after_a_rotation_a_new_key_signs_and_old_tokens_stay_good(gate: Gate, tenant: Tenant) -> None:
    clock = FixedClock(NOW)
    one, other = a_gate(gate.engine), a_gate(replace(gate.engine, clock=clock))  # two processes
    old = await one.tokens.sign(tenant.reseller, 60)
    assert await other.tokens.verify(old, "native") == tenant.reseller
    kid = await one.tokens.keys.rotate()
    new = await one.tokens.sign(tenant.reseller, 60)
    assert part(old, 0)["kid"] != part(new, 0)["kid"] == kid
    clock.at += timedelta(seconds=10)
    for token in (new, old):
        assert await other.tokens.verify(token, "native") == tenant.reseller
    published = {key["kid"] for key in (await other.tokens.keys.jwks())["keys"]}
    assert {part(old, 0)["kid"], kid} <= published


async def test_what_is_published_verifies_and_holds_no_private_part(gate: Gate, tenant: Tenant) -> None:
    token = await gate.tokens.sign(tenant.reseller, 60)
    keys = (await gate.tokens.keys.jwks())["keys"]
    (key,) = [key for key in keys if key["kid"] == part(token, 0)["kid"]]
    assert set(key) == {"kty", "n", "e", "kid", "use", "alg"}
    assert jwt.decode(token, RSAKey.import_key(key), algorithms=["RS256"]).claims["org"]


async def test_private_keys_are_stored_sealed_and_open_under_the_same_master_key_only(
    gate: Gate, owner: psycopg.Connection[Any]
) -> None:
    await gate.tokens.keys.signer()
    rows = owner.execute("SELECT sealed FROM signing_keys").fetchall()
    assert rows
    assert all(b"PRIVATE" not in bytes(row[0]) for row in rows)
    stranger = KeyRing(gate.engine, MasterKey.from_text("another master key, long enough!!"))
    with pytest.raises(MasterKeyWrong):
        await stranger.signer()


async def test_processes_that_start_at_once_agree_on_one_key(gate: Gate) -> None:
    rings = [KeyRing(gate.engine, gate.master) for _ in range(4)]
    signers = await asyncio.gather(*(ring.signer("RS512") for ring in rings))
    assert len({key.kid for key in signers}) == 1


async def test_the_memory_of_known_tokens_is_bounded(gate: Gate, tenant: Tenant) -> None:
    tokens = Tokens(gate.tokens.keys, ISSUER, remembers=3)
    for _ in range(5):
        await tokens.verify(await tokens.sign(tenant.reseller, 60), "native")
    assert len(tokens) == 3
