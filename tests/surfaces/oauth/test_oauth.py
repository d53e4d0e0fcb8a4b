from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from chandlery.engine.errors import SessionEnded
from chandlery.engine.outbound import Outbound
from chandlery.engine.unit_of_work import Engine
from chandlery.identity import permissions
from chandlery.identity.gate import Gate
from chandlery.identity.organizations import get_organization
from chandlery.identity.roles import BUILT_IN
from chandlery.surfaces.http.edge import asgi_app
from chandlery.surfaces.http.openapi import document
from chandlery.surfaces.http.route import House
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.oauth.openid import OpenId
from chandlery.surfaces.oauth.routes import surface
from chandlery.surfaces.oauth.wiring import Wiring
from tests.builders import Tenant
from tests.identity.builders import ISSUER, Machine, a_client

BOTH = frozenset({"client_credentials", "refresh_token"})


@pytest.fixture
async def http(gate: Gate, engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    house = House(
        engine=engine, urls=PublicUrls(ISSUER), wired=Wiring(gate, OpenId(Outbound(), engine.clock))
    )
    transport = httpx.ASGITransport(asgi_app(surface("1"), house))
    async with httpx.AsyncClient(transport=transport, base_url=ISSUER) as client:
        yield client


def own(machine: Machine, **form: str) -> dict[str, str]:
    """A form with the client's credentials in it."""
    return {"client_id": str(machine.client.id), "client_secret": machine.secret, **form}


def basic(machine: Machine) -> httpx.BasicAuth:
    return httpx.BasicAuth(str(machine.client.id), machine.secret)


CLIENT = {"grant_type": "client_credentials"}


@pytest.mark.parametrize("where", ["header", "body"])
async def test_a_client_gets_a_token_with_all_its_rights(
    http: httpx.AsyncClient, gate: Gate, tenant: Tenant, where: str
) -> None:
    machine = await a_client(gate, tenant.reseller, "ordering")
    if where == "header":
        answer = await http.post("/oauth/token", data=CLIENT, auth=basic(machine))
    else:
        answer = await http.post("/oauth/token", data=own(machine, **CLIENT))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert set(body["scope"].split()) == BUILT_IN["ordering"]
    actor = await gate.tokens.verify(body["access_token"], "native")
    await gate.engine.read(actor, get_organization, actor.organization_id)


async def test_a_narrower_scope_is_given_and_an_unknown_one_refused(
    http: httpx.AsyncClient, gate: Gate, tenant: Tenant
) -> None:
    machine = await a_client(gate, tenant.reseller, "ordering")
    narrow = await http.post("/oauth/token", data=own(machine, **CLIENT, scope="orders:read prices:read"))
    assert narrow.json()["scope"] == "orders:read prices:read"
    for scope in ("orders:devour", permissions.USERS_WRITE):
        refused = await http.post("/oauth/token", data=own(machine, **CLIENT, scope=scope))
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    everything = await http.post("/oauth/token", data=own(machine, **CLIENT, scope=""))
    assert set(everything.json()["scope"].split()) == BUILT_IN["ordering"]


async def test_every_refusal_is_the_one_of_rfc_6749(
    http: httpx.AsyncClient, gate: Gate, tenant: Tenant
) -> None:
    machine = await a_client(gate, tenant.reseller)
    form = {"content-type": "application/x-www-form-urlencoded"}
    cases: list[tuple[int, str, dict[str, Any]]] = [
        (401, "invalid_client", {"data": own(machine, **CLIENT, client_secret="wrong")}),
        (401, "invalid_client", {"data": {**CLIENT, "client_id": str(tenant.id), "client_secret": "x"}}),
        (401, "invalid_client", {"data": CLIENT}),
        (401, "invalid_client", {"data": CLIENT, "headers": {"authorization": "Basic !!"}}),
        (401, "invalid_client", {"data": CLIENT, "headers": {"authorization": "Bearer x"}}),
        (400, "unsupported_grant_type", {"data": own(machine, grant_type="password")}),
        (400, "unauthorized_client", {"data": own(machine, grant_type="refresh_token", refresh_token="x")}),
        (400, "invalid_request", {"data": own(machine)}),
        (400, "invalid_request", {"data": own(machine, **CLIENT), "auth": basic(machine)}),
        (400, "invalid_request", {"content": b"grant_type=a&grant_type=b", "headers": form}),
        (400, "invalid_request", {"content": b"grant_type=%ff", "headers": form}),
        (400, "invalid_request", {"content": b"grant_type=client_credentials%00", "headers": form}),
        (413, "invalid_request", {"content": b"grant_type=" + b"x" * 70_000, "headers": form}),
        (415, "invalid_request", {"json": CLIENT}),
    ]
    for status, error, request in cases:
        answer = await http.post("/oauth/token", **request)
        assert (answer.status_code, answer.json()["error"]) == (status, error), request
        assert set(answer.json()) == {"error", "error_description"}
        assert answer.headers["cache-control"] == "no-store"
        assert ("www-authenticate" in answer.headers) == (status == 401)
    wrong = await http.get("/oauth/token")
    assert (wrong.status_code, wrong.json()["error"]) == (405, "invalid_request")


async def test_a_refresh_token_rotates_and_its_reuse_ends_the_session(
    http: httpx.AsyncClient, gate: Gate, tenant: Tenant
) -> None:
    machine = await a_client(gate, tenant.reseller, "ordering", BOTH)

    async def refresh(token: str, **more: str) -> httpx.Response:
        form = own(machine, grant_type="refresh_token", refresh_token=token, **more)
        return await http.post("/oauth/token", data=form)

    first = (await http.post("/oauth/token", data=own(machine, **CLIENT))).json()
    narrow = (await refresh(first["refresh_token"], scope="orders:read")).json()
    assert narrow["scope"] == "orders:read"
    second = (await refresh(narrow["refresh_token"])).json()
    assert second["scope"] == first["scope"]
    assert len({first["refresh_token"], narrow["refresh_token"], second["refresh_token"]}) == 3
    reused = await refresh(first["refresh_token"])
    assert (reused.status_code, reused.json()["error"]) == (400, "invalid_grant")
    actor = await gate.tokens.verify(second["access_token"], "native")
    with pytest.raises(SessionEnded):
        await gate.engine.read(actor, get_organization, actor.organization_id)
    missing = await refresh("")
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")


async def test_a_token_can_be_asked_about_and_given_back(
    http: httpx.AsyncClient, gate: Gate, tenant: Tenant
) -> None:
    machine = await a_client(gate, tenant.reseller, "reader", BOTH)
    given = (await http.post("/oauth/token", data=own(machine, **CLIENT))).json()

    async def ask(token: str) -> Any:
        return (await http.post("/oauth/introspect", data={"token": token}, auth=basic(machine))).json()

    about = await ask(given["access_token"])
    assert about["active"] is True
    assert about["client_id"] == about["sub"] == str(machine.client.id)
    assert (about["iss"], about["aud"], about["scope"]) == (ISSUER, "native", given["scope"])
    assert about["exp"] - about["iat"] == 3600
    assert (await ask(given["refresh_token"]))["token_type"] == "refresh_token"
    assert await ask("rubbish") == {"active": False}
    for token in (given["access_token"], "rubbish"):
        revoked = await http.post("/oauth/revoke", data={"token": token}, auth=basic(machine))
        assert (revoked.status_code, revoked.content) == (200, b"")
    for token in (given["access_token"], given["refresh_token"]):
        assert await ask(token) == {"active": False}
    nobody = await http.post("/oauth/introspect", data={"token": given["access_token"]})
    assert nobody.status_code == 401


async def test_a_client_of_another_api_is_sent_there(
    http: httpx.AsyncClient, gate: Gate, tenant: Tenant, owner: Any
) -> None:
    machine = await a_client(gate, tenant.reseller)
    owner.execute("UPDATE api_clients SET surface = 'ion' WHERE id = %s", (machine.client.id,))
    refused = await http.post("/oauth/token", data=own(machine, **CLIENT))
    assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")


async def test_the_metadata_says_where_everything_is(http: httpx.AsyncClient) -> None:
    metadata = (await http.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["issuer"] == ISSUER
    assert metadata["token_endpoint"] == f"{ISSUER}/oauth/token"
    assert metadata["authorization_endpoint"] == f"{ISSUER}/oauth/authorize"
    assert metadata["grant_types_supported"] == ["authorization_code", "client_credentials", "refresh_token"]
    assert metadata["response_types_supported"] == ["code"]
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert metadata["authorization_response_iss_parameter_supported"] is True
    keys = await http.get(metadata["jwks_uri"].removeprefix(ISSUER))
    assert keys.headers["cache-control"] == "public, max-age=300"
    assert all(set(key) == {"kty", "n", "e", "kid", "use", "alg"} for key in keys.json()["keys"])


async def test_sign_ins_are_limited_and_sixty_a_minute_are_left_alone(
    http: httpx.AsyncClient, gate: Gate, tenant: Tenant
) -> None:
    machine = await a_client(gate, tenant.reseller)
    statuses = [
        (await http.post("/oauth/token", data=own(machine, grant_type="x"))).status_code for _ in range(200)
    ]
    assert set(statuses[:60]) == {400}
    assert statuses[-1] == 429
    limited = await http.post("/oauth/token", data=own(machine, **CLIENT))
    assert limited.json()["error"] == "temporarily_unavailable"
    assert int(limited.headers["retry-after"]) >= 1


def test_the_openapi_document_names_every_route() -> None:
    paths = document(surface("1"), PublicUrls(ISSUER))["paths"]
    assert sorted(paths) == [
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/oauth/introspect",
        "/oauth/revoke",
        "/oauth/token",
    ]
