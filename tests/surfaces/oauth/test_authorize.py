from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import psycopg
import pytest

from chandlery.engine.errors import SessionEnded
from chandlery.identity.gate import Gate
from chandlery.identity.memberships import AddMembership, add_membership
from chandlery.identity.organizations import get_organization
from chandlery.identity.roles import BUILT_IN
from chandlery.surfaces.oauth.browsers import challenge_of
from tests.builders import Tenant, a_tenant
from tests.identity.builders import CALLBACK, ISSUER, PASSWORD, Machine, a_client, a_user, everything
from tests.surfaces.oauth.browser import Browser, read

VERIFIER = "a-verifier-of-forty-three-characters-or-more"
GRANTS = frozenset({"authorization_code", "refresh_token"})


def asked(machine: Machine, **more: str) -> str:
    """What an app sends somebody to."""
    parameters = {
        "response_type": "code",
        "client_id": str(machine.client.id),
        "redirect_uri": CALLBACK,
        "state": "xyz",
        "code_challenge": challenge_of(VERIFIER),
        "code_challenge_method": "S256",
    }
    return "/oauth/authorize?" + urlencode(parameters | more)


def sent_back(answer: httpx.Response) -> dict[str, str]:
    assert answer.status_code == 303, answer.text
    location = urlsplit(answer.headers["location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == CALLBACK
    return {name: values[0] for name, values in parse_qs(location.query).items()}


async def agree(browser: Browser, machine: Machine, **more: str) -> str:
    """The code, for somebody who is signed in and says yes."""
    page = await browser.get(asked(machine, **more))
    assert page.status_code == 200, page.headers.get("location", page.text)
    return sent_back(await browser.send(page, "/oauth/authorize", decision="allow"))["code"]


async def redeem(browser: Browser, machine: Machine, code: str, **more: str) -> httpx.Response:
    form = {
        "grant_type": "authorization_code",
        "client_id": str(machine.client.id),
        "client_secret": "" if machine.client.is_public else machine.secret,
        "code": code,
        "code_verifier": VERIFIER,
        "redirect_uri": CALLBACK,
    }
    return await browser.http.post("/oauth/token", data=form | more)


@pytest.fixture
async def app(gate: Gate, tenant: Tenant) -> Machine:
    return await a_client(gate, tenant.reseller, "ordering", GRANTS, is_public=True)


async def a_person(browser: Browser, gate: Gate, tenant: Tenant, role: str = "reader") -> Any:
    user = await a_user(gate, tenant.reseller, role)
    await browser.sign_in(user.email, PASSWORD)
    return user


@pytest.mark.parametrize("public", [True, False])
async def test_an_app_gets_a_token_for_somebody_who_agrees(
    browser: Browser, gate: Gate, tenant: Tenant, public: bool
) -> None:
    machine = await a_client(gate, tenant.reseller, "ordering", GRANTS, is_public=public)
    user = await a_user(gate, tenant.reseller, "reader")
    away = await browser.get(asked(machine))
    assert away.headers["location"].startswith("/oauth/sign-in?next=%2Foauth%2Fauthorize%3F")
    signing_in = await browser.get(away.headers["location"])
    back = await browser.send(signing_in, "/oauth/sign-in", login=user.email, password=PASSWORD)
    page = await browser.get(back.headers["location"])
    assert page.status_code == 200
    assert "A machine wants to act for you" in page.text
    assert "form-action 'self' https://app.example.com;" in page.headers["content-security-policy"]
    said = sent_back(await browser.send(page, "/oauth/authorize", decision="allow"))
    assert set(said) == {"code", "state", "iss"}
    assert (said["state"], said["iss"]) == ("xyz", ISSUER)

    answer = await redeem(browser, machine, said["code"])
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    actor = await gate.tokens.verify(answer.json()["access_token"], "native")
    assert (actor.user_id, actor.client_id) == (user.id, machine.client.id)
    assert actor.organization_id == tenant.reseller.organization_id
    assert actor.permissions == BUILT_IN["reader"] & BUILT_IN["ordering"]
    await gate.engine.read(actor, get_organization, actor.organization_id)


async def test_refresh_tokens_rotate_and_one_that_comes_twice_ends_the_session(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine
) -> None:
    await a_person(browser, gate, tenant)
    first = (await redeem(browser, app, await agree(browser, app))).json()

    async def refresh(token: str) -> httpx.Response:
        form = {"grant_type": "refresh_token", "client_id": str(app.client.id), "refresh_token": token}
        return await browser.http.post("/oauth/token", data=form)

    second = (await refresh(first["refresh_token"])).json()
    assert second["scope"] == first["scope"]
    assert (await refresh(first["refresh_token"])).json()["error"] == "invalid_grant"
    assert (await refresh(second["refresh_token"])).json()["error"] == "invalid_grant"


async def test_a_code_works_once_and_its_second_use_ends_what_the_first_brought(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine, owner: psycopg.Connection[Any]
) -> None:
    await a_person(browser, gate, tenant)
    code = await agree(browser, app)
    token = (await redeem(browser, app, code)).json()["access_token"]
    again = await redeem(browser, app, code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    actor = await gate.tokens.verify(token, "native")
    with pytest.raises(SessionEnded):
        await gate.engine.read(actor, get_organization, actor.organization_id)
    told = owner.execute(
        "SELECT type FROM events WHERE tenant_id = %s AND subject_id = %s", (tenant.id, actor.session_id)
    ).fetchall()
    assert told == [("session.authorization_code_reused",)]


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_verifier": "another-verifier-of-forty-three-characters-.."},
        {"redirect_uri": CALLBACK + "/other"},
    ],
)
async def test_a_code_shown_wrongly_is_spent(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine, wrong: dict[str, str]
) -> None:
    await a_person(browser, gate, tenant)
    code = await agree(browser, app)
    refused = await redeem(browser, app, code, **wrong)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
    assert (await redeem(browser, app, code)).json()["error"] == "invalid_grant"
    assert (await redeem(browser, app, "chc_made-up")).json()["error"] == "invalid_grant"


async def test_a_code_is_for_its_client_alone(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine
) -> None:
    await a_person(browser, gate, tenant)
    thief = await a_client(gate, tenant.reseller, "ordering", GRANTS, is_public=True)
    code = await agree(browser, app)
    assert (await redeem(browser, thief, code)).json()["error"] == "invalid_grant"
    assert (await redeem(browser, app, code)).status_code == 200


async def test_a_code_needs_its_verifier_and_only_lives_a_minute(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine, owner: psycopg.Connection[Any]
) -> None:
    await a_person(browser, gate, tenant)
    code = await agree(browser, app)
    for verifier in ("", "short", "x" * 129, "ü" * 43):
        refused = await redeem(browser, app, code, code_verifier=verifier)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_request")
    row = owner.execute(
        "SELECT max(expires_at) FROM authorization_codes WHERE client_id = %s", (app.client.id,)
    ).fetchone()
    assert row is not None
    assert (row[0] - gate.engine.clock.now()).total_seconds() == 60
    owner.execute(
        "UPDATE authorization_codes SET expires_at = %s WHERE client_id = %s",
        (gate.engine.clock.now(), app.client.id),
    )
    assert (await redeem(browser, app, code)).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "01935f1e-0000-7000-8000-000000000001"},
        {"client_id": "x"},
        {"redirect_uri": ""},
        {"redirect_uri": CALLBACK + "?x=1"},
        {"redirect_uri": CALLBACK + "/"},
        {"redirect_uri": "https://app.example.com.evil.example/callback"},
        {"redirect_uri": "javascript:alert(1)"},
    ],
)
async def test_an_app_that_is_not_known_exactly_gets_nobody_sent(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine, wrong: dict[str, str]
) -> None:
    await a_person(browser, gate, tenant)
    answer = await browser.get(asked(app, **wrong))
    assert answer.status_code == 422
    assert "location" not in answer.headers
    assert "text/html" in answer.headers["content-type"]


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"code_challenge": ""}, "invalid_request"),
        ({"code_challenge": "x" * 42}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": ""}, "invalid_request"),
        ({"scope": "orders:devour"}, "invalid_scope"),
    ],
)
async def test_what_is_asked_wrongly_is_said_to_the_app(
    browser: Browser, app: Machine, wrong: dict[str, str], error: str
) -> None:
    said = sent_back(await browser.get(asked(app, **wrong)))
    assert (said["error"], said["state"], said["iss"]) == (error, "xyz", ISSUER)
    assert "code" not in said


async def test_a_client_without_the_grant_gets_no_codes(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine, owner: psycopg.Connection[Any]
) -> None:
    owner.execute("UPDATE api_clients SET grants = '{refresh_token}' WHERE id = %s", (app.client.id,))
    assert sent_back(await browser.get(asked(app)))["error"] == "unauthorized_client"
    refused = await redeem(browser, app, "chc_x")
    assert refused.json()["error"] == "unauthorized_client"


async def test_a_parameter_given_twice_is_refused(browser: Browser, app: Machine) -> None:
    answer = await browser.get(asked(app) + "&client_id=2")
    assert answer.status_code == 422
    assert "text/html" in answer.headers["content-type"]


async def test_somebody_who_says_no_is_believed(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine
) -> None:
    await a_person(browser, gate, tenant)
    page = await browser.get(asked(app))
    said = sent_back(await browser.send(page, "/oauth/authorize", decision="deny"))
    assert said == {"error": "access_denied", "state": "xyz", "iss": ISSUER}


async def test_consent_given_by_another_page_is_none(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine
) -> None:
    await a_person(browser, gate, tenant)
    form = read(await browser.get(asked(app))).forms[0].fields | {"decision": "allow"}
    for change in ({"csrf": ""}, {"csrf": "f" * 64}):
        refused = await browser.http.post("/oauth/authorize", data=form | change)
        assert refused.status_code == 403
    foreign = await browser.http.post("/oauth/authorize", data=form, headers={"origin": "null"})
    assert foreign.status_code == 403


async def test_the_organisation_is_chosen_among_those_that_the_app_reaches(
    browser: Browser, gate: Gate, tenant: Tenant, owner: psycopg.Connection[Any]
) -> None:
    app = await a_client(gate, tenant.reseller, "ordering", GRANTS, is_public=True)
    user = await a_person(browser, gate, tenant)
    for organization in (tenant.customer, tenant.operator):
        command = AddMembership(organization.organization_id, user.id, "ordering")
        await gate.engine.perform(everything(tenant.operator), add_membership, command)
    page = await browser.get(asked(app))
    assert str(tenant.customer.organization_id) in page.text
    assert str(tenant.operator.organization_id) not in page.text
    chosen = {"decision": "allow", "organization_id": str(tenant.customer.organization_id)}
    code = sent_back(await browser.send(page, "/oauth/authorize", **chosen))["code"]
    token = (await redeem(browser, app, code)).json()["access_token"]
    actor = await gate.tokens.verify(token, "native")
    assert actor.organization_id == tenant.customer.organization_id
    for other in (tenant.operator.organization_id, a_tenant(owner).id, "nonsense"):
        refused = await browser.send(page, "/oauth/authorize", decision="allow", organization_id=str(other))
        assert refused.headers["location"].startswith("/oauth/authorize?")


async def test_a_narrower_scope_is_asked_and_given(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine
) -> None:
    await a_person(browser, gate, tenant)
    page = await browser.get(asked(app, scope="orders:read orders:checkout"))
    assert "See orders and their history" in page.text
    assert "See the organisation" not in page.text
    code = await agree(browser, app, scope="orders:read orders:checkout")
    assert (await redeem(browser, app, code)).json()["scope"] == "orders:read"


async def test_somebody_who_belongs_nowhere_near_is_told_so(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine, owner: psycopg.Connection[Any]
) -> None:
    stranger = await a_user(gate, a_tenant(owner).reseller)
    await browser.sign_in(stranger.email, PASSWORD)
    page = await browser.get(asked(app))
    assert page.status_code == 403
    assert "You belong to no organisation" in page.text


async def test_the_redirect_keeps_what_the_app_had_in_it(
    browser: Browser, gate: Gate, tenant: Tenant, app: Machine, owner: psycopg.Connection[Any]
) -> None:
    owner.execute(
        "UPDATE api_clients SET redirect_uris = %s WHERE id = %s",
        ([CALLBACK + "?tenant=7", "com.example.app:/back"], app.client.id),
    )
    await a_person(browser, gate, tenant)
    page = await browser.get(asked(app, redirect_uri=CALLBACK + "?tenant=7"))
    assert sent_back(await browser.send(page, "/oauth/authorize", decision="allow"))["tenant"] == "7"
    native = await browser.get(asked(app, redirect_uri="com.example.app:/back"))
    assert "form-action 'self' com.example.app:;" in native.headers["content-security-policy"]
    done = await browser.send(native, "/oauth/authorize", decision="allow")
    assert done.headers["location"].startswith("com.example.app:/back?code=chc_")
