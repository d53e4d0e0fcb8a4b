from __future__ import annotations

from base64 import b32decode
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from chandlery.identity import permissions
from chandlery.identity.credentials import SetPassword, set_password
from chandlery.identity.gate import Gate
from chandlery.identity.second_factor import confirm, enrol
from chandlery.surfaces.oauth.browsers import SignedIn, find_browser, open_browser_session
from chandlery.surfaces.oauth.cookies import set_cookie
from tests.builders import Tenant, allowed
from tests.conftest import NOW
from tests.identity.builders import ISSUER, PASSWORD, a_gate, a_user, at, signed_in
from tests.surfaces.oauth.browser import Browser, read

SESSION = "__Host-chandlery_session"


def a_code(secret: str, step: int = 0) -> str:
    totp = TOTP(b32decode(secret), 6, SHA1(), 30)  # noqa: S303
    return totp.generate(int(NOW.timestamp()) + 30 * step).decode()


async def with_app(gate: Gate, tenant: Tenant) -> tuple[str, str, list[str]]:
    """Somebody with an authenticator app: address, secret, recovery codes."""
    user = await a_user(gate, tenant.reseller)
    actor = allowed(await signed_in(gate, user), permissions.ACCOUNT_WRITE, permissions.USERS_READ)
    enrolment = await enrol(gate, actor, PASSWORD)
    codes = await confirm(gate, actor, a_code(enrolment.secret, -1))
    return user.email, enrolment.secret, codes


async def test_a_person_signs_in_by_password_and_out_again(
    browser: Browser, gate: Gate, tenant: Tenant
) -> None:
    user = await a_user(gate, tenant.reseller)
    nobody = await browser.get("/oauth/account")
    assert (nobody.status_code, nobody.headers["location"]) == (303, "/oauth/sign-in")
    done = await browser.sign_in(user.email, PASSWORD)
    assert (done.status_code, done.headers["location"]) == (303, "/oauth/account")
    cookie = done.headers["set-cookie"]
    assert cookie.startswith(f"{SESSION}=chb_")
    assert {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    page = await browser.get("/oauth/account")
    assert user.email in page.text
    again = await browser.get("/oauth/sign-in")
    assert again.headers["location"] == "/oauth/account"
    value = browser.http.cookies[SESSION]
    left = await browser.send(page, "/oauth/sign-out")
    assert left.headers["location"] == "/oauth/sign-in"
    assert await find_browser(gate, value) is None
    assert (await browser.get("/oauth/account")).status_code == 303


@pytest.mark.parametrize("known", [True, False])
async def test_a_wrong_password_and_an_unknown_name_look_alike(
    browser: Browser, gate: Gate, tenant: Tenant, known: bool
) -> None:
    user = await a_user(gate, tenant.reseller)
    login = user.email if known else "nobody-" + user.email
    page = await browser.sign_in(login, "wrong horse battery")
    assert page.status_code == 401
    assert "The name or password is wrong" in page.text
    assert SESSION not in browser.http.cookies
    for _ in range(4):
        page = await browser.send(page, "/oauth/sign-in", login=login, password="wrong horse battery")
    assert (page.status_code, page.headers["retry-after"]) == (429, "30")


@pytest.mark.parametrize(
    ("place", "leads_to"),
    [
        ("/portal/orders?page=2", "/portal/orders?page=2"),
        ("https://evil.example", "/oauth/account"),
        ("//evil.example", "/oauth/account"),
        ("/\\evil.example", "/oauth/account"),
        ("/\t/evil.example", "/oauth/account"),
        ("javascript:alert(1)", "/oauth/account"),
    ],
)
async def test_nobody_is_sent_elsewhere_by_a_link_to_the_sign_in_page(
    browser: Browser, gate: Gate, tenant: Tenant, place: str, leads_to: str
) -> None:
    user = await a_user(gate, tenant.reseller)
    done = await browser.sign_in(user.email, PASSWORD, place)
    assert done.headers["location"] == leads_to


@pytest.mark.parametrize("missing", ["token", "cookie", "origin"])
async def test_a_form_that_is_not_ours_does_nothing(
    browser: Browser, gate: Gate, tenant: Tenant, missing: str
) -> None:
    user = await a_user(gate, tenant.reseller)
    page = await browser.get("/oauth/sign-in")
    form = read(page).forms[0].fields | {"login": user.email, "password": PASSWORD}
    headers = {}
    if missing == "token":
        form["csrf"] = "0" * 64
    elif missing == "cookie":
        browser.http.cookies.clear()
    else:
        headers = {"origin": "https://evil.example"}
    refused = await browser.http.post("/oauth/sign-in", data=form, headers=headers)
    assert refused.status_code == 403
    assert "This form has expired" in refused.text
    assert SESSION not in browser.http.cookies
    good = await browser.sign_in(user.email, PASSWORD)
    assert good.status_code == 303


async def test_a_second_factor_comes_after_the_password(browser: Browser, gate: Gate, tenant: Tenant) -> None:
    email, secret, _ = await with_app(gate, tenant)
    half = await browser.sign_in(email, PASSWORD, "/portal")
    assert half.headers["location"] == "/oauth/sign-in/code?next=%2Fportal"
    assert (await browser.get("/oauth/account")).headers["location"] == "/oauth/sign-in"
    page = await browser.get(half.headers["location"])
    wrong = await browser.send(page, "/oauth/sign-in/code", code="000000")
    assert wrong.status_code == 401
    assert "This code is wrong" in wrong.text
    before = browser.http.cookies[SESSION]
    done = await browser.send(wrong, "/oauth/sign-in/code", code=a_code(secret))
    assert (done.status_code, done.headers["location"]) == (303, "/portal")
    assert browser.http.cookies[SESSION] != before
    assert await find_browser(gate, before) is None
    assert email in (await browser.get("/oauth/account")).text


async def test_a_recovery_code_does_once_what_the_app_does(
    browser: Browser, gate: Gate, tenant: Tenant
) -> None:
    email, _, codes = await with_app(gate, tenant)
    for expected in (303, 401):
        browser.http.cookies.clear()
        half = await browser.sign_in(email, PASSWORD)
        page = await browser.get(half.headers["location"])
        done = await browser.send(page, "/oauth/sign-in/code", code=codes[0].upper())
        assert done.status_code == expected


async def test_a_session_does_not_outlive_the_password_it_was_opened_with(
    browser: Browser, gate: Gate, tenant: Tenant
) -> None:
    user = await a_user(gate, tenant.reseller)
    await browser.sign_in(user.email, PASSWORD)
    new = await gate.passwords.hash("a better horse battery")
    await gate.engine.perform(tenant.system, set_password, SetPassword(user.id, new))
    assert (await browser.get("/oauth/account")).status_code == 303


async def test_a_session_ends_by_itself(gate: Gate, tenant: Tenant) -> None:
    user = await a_user(gate, tenant.reseller)
    value = await open_browser_session(gate, SignedIn(user.id))
    pending = await open_browser_session(gate, SignedIn(user.id, is_pending=True))
    for hours, stands in ((11.9, True), (12.1, False)):
        later = a_gate(at(gate.engine, NOW + timedelta(hours=hours)))
        assert (await find_browser(later, value) is not None) is stands
    later = a_gate(at(gate.engine, NOW + timedelta(minutes=5, seconds=1)))
    assert await find_browser(later, pending) is None


async def test_every_page_loads_nothing_runs_nothing_and_is_framed_by_nobody(
    browser: Browser, gate: Gate, tenant: Tenant
) -> None:
    email, _, _ = await with_app(gate, tenant)
    pages: list[httpx.Response] = [
        await browser.get(path)
        for path in (
            "/oauth/sign-in",
            "/oauth/password-reset",
            "/oauth/invitation?token=x",
            "/oauth/authorize",
        )
    ]
    half = await browser.sign_in(email, PASSWORD)
    pages.append(await browser.get(half.headers["location"]))
    for page in pages:
        policy = page.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert page.headers["cache-control"] == "no-store"
        assert page.headers["referrer-policy"] == "same-origin"
        assert read(page).scripts == 0
        assert "prefers-color-scheme: dark" in page.text
        assert 'lang="en"' in page.text


async def test_what_somebody_types_stays_text(browser: Browser) -> None:
    page = await browser.sign_in('"><script>alert(1)</script>', "wrong horse battery")
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text
    bad = await browser.get("/oauth/federation/%3Cscript%3E")
    assert bad.status_code == 404
    assert "<script>" not in bad.text


async def test_over_plain_http_the_cookie_goes_without_its_prefix(gate: Gate, tenant: Tenant) -> None:
    plain = replace(gate, tokens=replace(gate.tokens, issuer=ISSUER.replace("https", "http")))
    assert set_cookie(plain, "chandlery_session", "v")[1] == (
        "chandlery_session=v; Path=/; HttpOnly; SameSite=Lax"
    )
