from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from chandlery.identity.gate import Gate
from chandlery.identity.invitations import Invite, mint_token
from chandlery.identity.sessions import SignIn, sign_in_user
from chandlery.kernel.ids import new_id
from chandlery.processes.invite import Posted, invite
from tests.builders import Tenant, a_tenant
from tests.conftest import NOW
from tests.identity.builders import PASSWORD, a_user, everything
from tests.surfaces.oauth.browser import Browser, read

Owner = psycopg.Connection[Any]
NEW = "a better horse battery"


async def invited(gate: Gate, tenant: Tenant, email: str, role: str = "reader") -> str:
    """The path to which the letter leads."""
    token = mint_token(gate)
    command = Invite(
        tenant.reseller.organization_id, email, role, token.mac, NOW + timedelta(days=7), "Ada Clerk"
    )
    link = f"/oauth/invitation?token={token.plain}"
    await gate.engine.perform(everything(tenant.operator), invite, Posted(command, link))
    return link


def link_in_letter(owner: Owner, email: str) -> str:
    """Where the newest letter leads."""
    row = owner.execute(
        "SELECT body FROM letters WHERE recipient = %s ORDER BY id DESC LIMIT 1", (email,)
    ).fetchone()
    assert row is not None
    found = re.search(r"https://shop\.example\.com(/\S+)", row[0])
    assert found is not None
    return found[1]


def letters_to(owner: Owner, email: str) -> int:
    row = owner.execute("SELECT count(*) FROM letters WHERE recipient = %s", (email,)).fetchone()
    assert row is not None
    return int(row[0])


async def test_a_newcomer_accepts_and_signs_in(browser: Browser, gate: Gate, tenant: Tenant) -> None:
    email = f"{new_id().hex}@example.com"
    page = await browser.get(await invited(gate, tenant, email))
    assert "Join Reseller" in page.text
    assert 'value="Ada Clerk"' in page.text
    weak = await browser.send(page, "/oauth/invitation", password="short")
    assert weak.status_code == 422
    assert "10 to 200 characters" in weak.text
    done = await browser.send(weak, "/oauth/invitation", name="Ada", password=PASSWORD)
    assert (done.status_code, "Welcome" in done.text) == (200, True)
    known = await sign_in_user(gate, SignIn(email, PASSWORD))
    assert known.organizations == (tenant.reseller.organization_id,)
    again = await browser.send(weak, "/oauth/invitation", name="Eve", password=PASSWORD)
    assert (again.status_code, "was used" in again.text) == (404, True)


async def test_somebody_with_an_account_signs_in_to_accept(
    browser: Browser, gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    elsewhere = a_tenant(owner)
    user = await a_user(gate, elsewhere.reseller)
    other = await a_user(gate, elsewhere.reseller)
    link = await invited(gate, tenant, user.email.upper())
    assert read(await browser.get(link)).forms == []
    await browser.sign_in(other.email, PASSWORD)
    page = await browser.get(link)
    assert read(page).forms == []  # signed in as somebody else
    browser.http.cookies.clear()
    away = read(await browser.get(link)).links[0]
    signing_in = await browser.get(away)
    back = await browser.send(signing_in, "/oauth/sign-in", login=user.email, password=PASSWORD)
    assert back.headers["location"] == link
    done = await browser.send(await browser.get(link), "/oauth/invitation")
    assert "You are a member of Reseller now" in done.text
    known = await sign_in_user(gate, SignIn(user.email, PASSWORD))
    assert set(known.organizations) == {
        elsewhere.reseller.organization_id,
        tenant.reseller.organization_id,
    }


async def test_a_form_cannot_make_somebody_else_join(
    browser: Browser, gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user = await a_user(gate, a_tenant(owner).reseller)
    link = await invited(gate, tenant, user.email)
    newcomer = await browser.get(await invited(gate, tenant, f"{new_id().hex}@example.com"))
    token = link.partition("token=")[2]
    refused = await browser.send(newcomer, "/oauth/invitation", token=token, name="Eve", password=NEW)
    assert "You have an account with this address" in refused.text
    known = await sign_in_user(gate, SignIn(user.email, PASSWORD))
    assert tenant.reseller.organization_id not in known.organizations


async def test_a_forgotten_password_is_set_anew_by_a_letter(
    browser: Browser, gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user = await a_user(gate, tenant.reseller)
    await browser.sign_in(user.email, PASSWORD)
    asking = await browser.get("/oauth/password-reset")
    asked = await browser.send(asking, "/oauth/password-reset", email=f" {user.email} ")
    assert "Look at your mail" in asked.text
    link = link_in_letter(owner, user.email)
    page = await browser.get(link)
    assert user.username in page.text
    weak = await browser.send(page, "/oauth/password-reset", password=user.email)
    assert weak.status_code == 422
    done = await browser.send(weak, "/oauth/password-reset", password=NEW)
    assert (done.status_code, "Your password is changed" in done.text) == (200, True)
    assert (await browser.get("/oauth/account")).status_code == 303  # signed out
    assert (await browser.sign_in(user.email, PASSWORD)).status_code == 401
    assert (await browser.sign_in(user.email, NEW)).status_code == 303
    assert (await browser.get(link)).status_code == 404


async def test_whether_there_is_anybody_is_not_told(
    browser: Browser, gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user = await a_user(gate, tenant.reseller)
    asking = await browser.get("/oauth/password-reset")
    somebody = await browser.send(asking, "/oauth/password-reset", email=user.email)
    nobody = await browser.send(asking, "/oauth/password-reset", email=f"{new_id().hex}@example.com")
    nonsense = await browser.send(asking, "/oauth/password-reset", email="nonsense")
    assert somebody.text == nobody.text == nonsense.text
    assert somebody.status_code == nobody.status_code == nonsense.status_code == 200
    assert letters_to(owner, user.email) == 1


async def test_nobody_is_flooded_with_letters(
    browser: Browser, gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user = await a_user(gate, tenant.reseller)
    asking = await browser.get("/oauth/password-reset")
    for _ in range(5):
        await browser.send(asking, "/oauth/password-reset", email=user.email)
    assert letters_to(owner, user.email) == 3


async def test_a_new_password_makes_the_other_letters_worthless(
    browser: Browser, gate: Gate, tenant: Tenant, owner: Owner
) -> None:
    user = await a_user(gate, tenant.reseller)
    asking = await browser.get("/oauth/password-reset")
    links = []
    for _ in range(2):
        await browser.send(asking, "/oauth/password-reset", email=user.email)
        links.append(link_in_letter(owner, user.email))
    page = await browser.get(links[0])
    await browser.send(page, "/oauth/password-reset", password=NEW)
    assert (await browser.get(links[1])).status_code == 404


@pytest.mark.parametrize("path", ["/oauth/invitation", "/oauth/password-reset"])
async def test_a_link_that_is_none_is_said_on_a_page(browser: Browser, path: str) -> None:
    page = await browser.get(f"{path}?token=chi_made-up")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "ask for a new one" in page.text
