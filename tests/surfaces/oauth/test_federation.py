from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import psycopg
import pytest
from joserfc.jwk import OctKey, RSAKey

from chandlery.identity.federation import (
    PURPOSE,
    AddProvider,
    ChangeProvider,
    ProviderFacts,
    add_provider,
    change_provider,
)
from chandlery.identity.gate import Gate
from chandlery.identity.memberships import AddMembership, add_membership
from chandlery.identity.provider import IdentityProvider
from chandlery.kernel.ids import new_id
from tests.builders import Tenant, a_tenant
from tests.identity.builders import PASSWORD, a_client, a_user, everything
from tests.surfaces.oauth.browser import Browser, read
from tests.surfaces.oauth.provider import CLIENT, SECRET, Provider, a_provider
from tests.surfaces.oauth.test_authorize import GRANTS, asked, redeem, sent_back

Owner = psycopg.Connection[Any]


@pytest.fixture
async def idp() -> AsyncIterator[Provider]:
    async with a_provider() as provider:
        yield provider


@pytest.fixture
def domain() -> str:
    return f"{new_id().hex}.example"


async def set_up(
    gate: Gate, tenant: Tenant, idp: Provider, domain: str, role: str | None = None
) -> IdentityProvider:
    """The reseller's people sign in there."""
    facts = ProviderFacts(
        "Harbour accounts", idp.issuer, CLIENT, gate.master.seal(PURPOSE, SECRET.encode()), (domain,), role
    )
    command = AddProvider(tenant.reseller.organization_id, facts)
    return (await gate.engine.perform(everything(tenant.operator), add_provider, command)).result


async def there_and_back(
    browser: Browser, idp: Provider, provider: IdentityProvider, place: str = "/portal"
) -> httpx.Response:
    page = await browser.get(f"/oauth/federation/{provider.id}?next={place}")
    assert page.status_code == 200, page.text
    (way,) = read(page).links
    return await browser.get(f"/oauth/federation/callback?{idp.sign_in(way)}")


def a_person(email: str, **more: Any) -> dict[str, Any]:
    return {"sub": "p-1", "email": email, "email_verified": True, "name": "Ada Clerk"} | more


async def test_a_member_signs_in_at_their_own_provider_and_an_app_gets_its_token(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    app = await a_client(gate, tenant.operator, "ordering", GRANTS, is_public=True)
    idp.person = a_person(user.email.upper())
    away = await browser.get(asked(app))
    page = await browser.get(away.headers["location"])
    onward = await browser.send(page, "/oauth/federation", email=user.email)
    assert onward.headers["location"].startswith(f"/oauth/federation/{provider.id}?next=%2Foauth%2Fauthorize")
    leaving = await browser.get(onward.headers["location"])
    assert "To Harbour accounts" in leaving.text
    (way,) = read(leaving).links
    assert "login_hint=ada%40" in way
    back = await browser.get(f"/oauth/federation/callback?{idp.sign_in(way)}")
    assert (back.status_code, back.headers["location"][:17]) == (303, "/oauth/authorize?")
    consent = await browser.get(back.headers["location"])
    code = sent_back(await browser.send(consent, "/oauth/authorize", decision="allow"))["code"]
    token = (await redeem(browser, app, code)).json()["access_token"]
    assert (await gate.tokens.verify(token, "native")).user_id == user.id


async def test_next_time_the_provider_s_own_name_for_somebody_is_enough(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    idp.person = a_person(user.email)
    assert (await there_and_back(browser, idp, provider)).headers["location"] == "/portal"
    browser.http.cookies.clear()
    idp.person = {"sub": "p-1"}
    assert (await there_and_back(browser, idp, provider)).status_code == 303
    idp.person = {"sub": "p-2"}
    assert (await there_and_back(browser, idp, provider)).status_code == 403


@pytest.mark.parametrize(
    "person",
    [
        {"email_verified": False},
        {"email_verified": "true"},
        {"email_verified": None},
        {"email": "ada@elsewhere.example"},
        {"email": None},
        {"email": "nonsense"},
    ],
)
async def test_an_address_that_the_provider_cannot_vouch_for_lets_nobody_in(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str, person: dict[str, Any]
) -> None:
    provider = await set_up(gate, tenant, idp, domain, "reader")
    await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    idp.person = a_person(f"ada@{domain}") | person
    refused = await there_and_back(browser, idp, provider)
    assert refused.status_code == 403
    assert "ask to be invited" in refused.text
    assert (await browser.get("/oauth/account")).status_code == 303


async def test_a_newcomer_becomes_a_member_where_newcomers_are_admitted(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str, owner: Owner
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    idp.person = a_person(f"new@{domain}")
    assert (await there_and_back(browser, idp, provider)).status_code == 403
    change = ChangeProvider(provider.id, ProviderFacts(role="reader"))
    await gate.engine.perform(everything(tenant.operator), change_provider, change)
    for _ in range(2):
        assert (await there_and_back(browser, idp, provider)).status_code == 303
    rows = owner.execute(
        "SELECT u.name, u.password_hash, m.role, m.organization_id FROM users u JOIN memberships m"
        " ON m.user_id = u.id WHERE u.email = %s",
        (f"new@{domain}",),
    ).fetchall()
    assert rows == [("Ada Clerk", None, "reader", tenant.reseller.organization_id)]


async def test_a_provider_says_nothing_about_people_of_others(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str, owner: Owner
) -> None:
    """Whoever runs a provider could name anybody: neither an operator nor another tenant's people are theirs."""
    provider = await set_up(gate, tenant, idp, domain, "reader")
    for place in (tenant.operator, a_tenant(owner).reseller):
        user = await a_user(gate, place, "reader", f"{new_id().hex}@{domain}")
        idp.person = a_person(user.email, sub=str(user.id))
        assert (await there_and_back(browser, idp, provider)).status_code == 403


async def test_a_sign_in_by_a_provider_is_good_in_its_subtree_alone(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.operator, "reader", f"ada@{domain}")
    command = AddMembership(tenant.reseller.organization_id, user.id, "reader")
    await gate.engine.perform(everything(tenant.operator), add_membership, command)
    app = await a_client(gate, tenant.operator, "ordering", GRANTS, is_public=True)
    idp.person = a_person(user.email)
    await there_and_back(browser, idp, provider)
    page = await browser.get(asked(app))
    assert str(tenant.reseller.organization_id) in page.text
    assert str(tenant.operator.organization_id) not in page.text
    refused = await browser.send(
        page, "/oauth/authorize", decision="allow", organization_id=str(tenant.operator.organization_id)
    )
    assert refused.headers["location"].startswith("/oauth/authorize?")
    browser.http.cookies.clear()
    await browser.sign_in(user.email, PASSWORD)
    assert str(tenant.operator.organization_id) in (await browser.get(asked(app))).text


@pytest.mark.parametrize(
    "forged",
    [
        {"iss": "http://evil.example"},
        {"aud": "another"},
        {"aud": [CLIENT, "another"]},
        {"nonce": "another"},
        {"nonce": None},
        {"exp": 1},
        {"exp": None},
        {"iat": 99_999_999_999},
        {"sub": ""},
        {"sub": 7},
    ],
)
async def test_a_token_that_does_not_fit_is_not_believed(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str, forged: dict[str, Any]
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    idp.person, idp.forged = a_person(user.email), forged
    refused = await there_and_back(browser, idp, provider)
    assert refused.status_code == 401
    assert "could not be verified" in refused.text
    idp.forged = {}
    assert (await there_and_back(browser, idp, provider)).status_code == 303


@pytest.mark.parametrize("how", ["another key", "a shared secret"])
async def test_a_token_that_the_provider_did_not_sign_is_not_believed(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str, how: str
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    idp.person = a_person(user.email)
    if how == "another key":
        idp.signed_by = RSAKey.generate_key(2048, {"kid": "1"})
    else:
        idp.signed_by = OctKey.import_key({"kty": "oct", "k": str(idp.key.as_dict()["n"]), "kid": "1"})
        idp.algorithm = "HS256"
    assert (await there_and_back(browser, idp, provider)).status_code == 401


async def test_a_key_that_the_provider_changed_is_looked_up_again(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    idp.person = a_person(user.email)
    assert (await there_and_back(browser, idp, provider)).status_code == 303
    idp.key = RSAKey.generate_key(2048, {"kid": "2", "use": "sig"})
    assert (await there_and_back(browser, idp, provider)).status_code == 303


async def test_only_the_browser_that_went_comes_back(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    idp.person = a_person(user.email)
    (way,) = read(await browser.get(f"/oauth/federation/{provider.id}")).links
    back = idp.sign_in(way)
    mine = dict(browser.http.cookies)
    for state in ("state=other", ""):
        refused = await browser.get(f"/oauth/federation/callback?{back.partition('&')[0]}&{state}")
        assert refused.status_code == 401
    browser.http.cookies.clear()
    assert (await browser.get(f"/oauth/federation/callback?{back}")).status_code == 401
    browser.http.cookies.update(mine)
    for more in ("&iss=http://evil.example", "&error=access_denied"):
        assert (await browser.get(f"/oauth/federation/callback?{back}{more}")).status_code == 401
    assert (await browser.get(f"/oauth/federation/callback?{back}&iss={idp.issuer}")).status_code == 303
    assert (await browser.get(f"/oauth/federation/callback?{back}")).status_code == 401


@pytest.mark.parametrize(
    "discovered",
    [
        {"issuer": "http://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
    ],
)
async def test_a_provider_that_describes_itself_wrongly_is_not_used(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str, discovered: dict[str, Any]
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    idp.discovered = discovered
    page = await browser.get(f"/oauth/federation/{provider.id}")
    assert page.status_code == 503
    assert "does not answer as it should" in page.text


async def test_a_provider_that_is_away_is_said_so(
    browser: Browser, gate: Gate, tenant: Tenant, domain: str
) -> None:
    async with a_provider() as gone:
        provider = await set_up(gate, tenant, gone, domain)
    page = await browser.get(f"/oauth/federation/{provider.id}")
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")


async def test_a_provider_that_was_switched_off_lets_nobody_in_and_signs_out_who_came_by_it(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str
) -> None:
    provider = await set_up(gate, tenant, idp, domain)
    user = await a_user(gate, tenant.reseller, "reader", f"ada@{domain}")
    idp.person = a_person(user.email)
    await there_and_back(browser, idp, provider)
    assert (await browser.get("/oauth/account")).status_code == 200
    change = ChangeProvider(provider.id, ProviderFacts(is_active=False))
    await gate.engine.perform(everything(tenant.operator), change_provider, change)
    assert (await browser.get("/oauth/account")).status_code == 303
    assert (await browser.get(f"/oauth/federation/{provider.id}")).status_code == 404
    page = await browser.get("/oauth/sign-in")
    unknown = await browser.send(page, "/oauth/federation", email=user.email)
    assert unknown.status_code == 404
    assert "no such identity provider" in unknown.text


async def test_of_one_domain_the_app_s_tenant_decides_which_provider(
    browser: Browser, gate: Gate, tenant: Tenant, idp: Provider, domain: str, owner: Owner
) -> None:
    ours = await set_up(gate, tenant, idp, domain)
    other = a_tenant(owner)
    theirs = await set_up(gate, other, idp, domain)
    for place, provider in ((tenant, ours), (other, theirs)):
        app = await a_client(gate, place.operator, "ordering", GRANTS, is_public=True)
        page = await browser.http.get("/oauth/sign-in", params={"next": asked(app)})
        onward = await browser.send(page, "/oauth/federation", email=f"ada@{domain}")
        assert onward.headers["location"].startswith(f"/oauth/federation/{provider.id}?")
    page = await browser.get("/oauth/sign-in")
    assert (await browser.send(page, "/oauth/federation", email=f"ada@{domain}")).status_code == 404
