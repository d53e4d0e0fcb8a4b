from __future__ import annotations

import re
from base64 import b32decode
from dataclasses import replace
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from chandlery.identity.permissions import EVERY
from chandlery.kernel.ids import new_id
from tests.conftest import NOW
from tests.identity.builders import PASSWORD, a_user, signed_in
from tests.surfaces.native.world import NativeApi, Owner, World

NEW = "a better horse battery"


def code_of(secret: str, steps: int = 0) -> str:
    totp = TOTP(b32decode(secret), 6, SHA1(), 30)  # noqa: S303
    return totp.generate(int(NOW.timestamp()) + 30 * steps).decode()


def token_in_letter(owner: Owner, email: str) -> str:
    row = owner.execute("SELECT body FROM letters WHERE recipient = %s ORDER BY id DESC", (email,)).fetchone()
    assert row is not None
    found = re.search(r"https://api\.example/oauth/[a-z-]+\?token=(\S+)", str(row[0]))
    assert found is not None
    return found[1]


@pytest.fixture
def email() -> str:
    return f"{new_id().hex}@example.com"


async def a_person(native: NativeApi, world: World) -> tuple[httpx.AsyncClient, Any]:
    user = await a_user(native.gate, world.reseller, "ordering")
    actor = await signed_in(native.gate, user)
    return native.client(actor), user


async def test_an_invitation_goes_from_the_letter_to_a_member(
    native: NativeApi, world: World, owner: Owner, email: str
) -> None:
    client = native.client(world.reseller)
    new = {"email": email, "role": "reader", "name": "Ada", "language": "de"}
    added = await client.post("/v1/invitations", json=new, headers={"idempotency-key": "invite-1"})
    assert added.status_code == 201, added.text
    path = f"/v1/invitations/{added.json()['id']}"
    assert added.headers["location"] == f"https://api.example{path}"
    assert (added.json()["status"], added.json()["user_id"]) == ("open", None)
    assert "chi_" not in added.text
    again = await client.post("/v1/invitations", json=new, headers={"idempotency-key": "invite-1"})
    assert again.json() == added.json()
    stale = token_in_letter(owner, email)
    assert (await client.post(f"{path}/resend")).json()["version"] == 2
    token = token_in_letter(owner, email)
    anybody = native.client()
    for refused in (stale, "chi_made-up"):
        answer = await anybody.post("/v1/invitations/accept", json={"token": refused, "password": PASSWORD})
        assert (answer.status_code, answer.json()["code"]) == (404, "token_spent")
    unnamed = await anybody.post("/v1/invitations/accept", json={"token": token, "password": PASSWORD})
    assert [problem["field"] for problem in unnamed.json()["errors"]] == ["name"]
    accept = {"token": token, "password": PASSWORD, "name": "Ada Clerk"}
    accepted = await anybody.post("/v1/invitations/accept", json=accept)
    assert accepted.json()["organization_id"] == str(world.reseller.organization_id)
    listed = (await client.get("/v1/invitations", params={"status": "accepted"})).json()["items"]
    assert [(one["email"], one["user_id"]) for one in listed] == [(email, accepted.json()["user_id"])]
    over = await client.delete(path)
    assert (over.status_code, over.json()["code"]) == (409, "invitation_closed")


async def test_somebody_with_an_account_accepts_with_its_password_and_code(
    native: NativeApi, world: World, owner: Owner
) -> None:
    client, user = await a_person(native, world)
    secret = (await client.post("/v1/me/second-factor", json={"password": PASSWORD})).json()["secret"]
    await client.post("/v1/me/second-factor/confirm", json={"code": code_of(secret, -1)})
    inviting = native.client(world.operator)
    await inviting.post("/v1/invitations", json={"email": user.email, "role": "reader"})
    anybody, token = native.client(), token_in_letter(owner, user.email)
    for more, status, code in (
        ({"password": NEW}, 401, "credentials_wrong"),
        ({"password": PASSWORD}, 401, "second_factor_needed"),
        ({"password": PASSWORD, "code": "000000"}, 401, "second_factor_wrong"),
    ):
        answer = await anybody.post("/v1/invitations/accept", json={"token": token, **more})
        assert (answer.status_code, answer.json()["code"]) == (status, code)
    good = {"token": token, "password": PASSWORD, "code": code_of(secret)}
    answer = await anybody.post("/v1/invitations/accept", json=good)
    assert answer.json() == {"user_id": str(user.id), "organization_id": str(world.tenant.id)}


async def test_a_forgotten_password_is_set_anew(
    native: NativeApi, world: World, owner: Owner, email: str
) -> None:
    client, user = await a_person(native, world)
    anybody = native.client()
    known = await anybody.post("/v1/password-resets", json={"email": user.email})
    unknown = await anybody.post("/v1/password-resets", json={"email": email})
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content) == (202, b"")
    token = token_in_letter(owner, user.email)
    weak = await anybody.post("/v1/password-resets/complete", json={"token": token, "password": "short"})
    assert (weak.status_code, weak.json()["code"]) == (422, "password_unfit")
    body = {"token": token, "password": NEW}
    assert (await anybody.post("/v1/password-resets/complete", json=body)).status_code == 204
    assert (await anybody.post("/v1/password-resets/complete", json=body)).json()["code"] == "token_spent"
    assert (await client.get("/v1/me")).json()["code"] == "session_ended"


async def test_a_password_is_changed_by_who_knows_it(native: NativeApi, world: World) -> None:
    client, user = await a_person(native, world)
    other = native.client(await signed_in(native.gate, user))
    wrong = await client.post("/v1/me/password", json={"current": NEW, "new": NEW})
    assert (wrong.status_code, wrong.json()["code"]) == (401, "credentials_wrong")
    done = await client.post("/v1/me/password", json={"current": PASSWORD, "new": NEW})
    assert done.status_code == 204
    assert (await client.get("/v1/me")).status_code == 200
    assert (await other.get("/v1/me")).json()["code"] == "session_ended"
    await signed_in(native.gate, user, NEW)


async def test_a_second_factor_is_set_up_and_removed(native: NativeApi, world: World) -> None:
    client, _ = await a_person(native, world)
    path = "/v1/me/second-factor"
    assert (await client.get(path)).json() == {"enabled": False, "recovery_codes_left": 0}
    enrolment = (await client.post(path, json={"password": PASSWORD})).json()
    assert enrolment["uri"].startswith("otpauth://totp/")
    confirmed = await client.post(f"{path}/confirm", json={"code": code_of(enrolment["secret"])})
    assert len(confirmed.json()["recovery_codes"]) == 10
    assert (await client.get(path)).json() == {"enabled": True, "recovery_codes_left": 10}
    twice = await client.post(path, json={"password": PASSWORD})
    assert (twice.status_code, twice.json()["code"]) == (409, "second_factor_there")
    assert (await client.post(f"{path}/remove", json={"password": PASSWORD})).status_code == 204
    assert (await client.get(path)).json()["enabled"] is False


async def test_a_personal_token_is_shown_once_works_and_is_revoked(native: NativeApi, world: World) -> None:
    client, user = await a_person(native, world)
    made = await client.post("/v1/me/tokens", json={"surface": "native", "name": "Nightly"})
    assert made.status_code == 201, made.text
    token = made.json()["token"]
    assert made.json()["expires_at"] == "2027-02-18T12:00:00Z"
    listed = await client.get("/v1/me/tokens")
    assert [one["id"] for one in listed.json()["items"]] == [made.json()["id"]]
    assert token not in listed.text
    me = (await native.client(token=token).get("/v1/me")).json()
    assert (me["user_id"], me["client_id"]) == (str(user.id), None)
    assert (await client.delete(f"/v1/me/tokens/{made.json()['id']}")).status_code == 204
    gone = await native.client(token=token).get("/v1/me")
    assert (gone.status_code, gone.json()["code"]) == (401, "token_invalid")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"surface": "teletype"}, "surface"),
        ({"expires_in_days": 0}, "expires_in_days"),
        ({"name": ""}, "name"),
    ],
)
async def test_an_unfit_personal_token_is_refused(
    native: NativeApi, world: World, change: dict[str, object], field: str
) -> None:
    client, _ = await a_person(native, world)
    reply = await client.post("/v1/me/tokens", json={"surface": "native", "name": "Nightly"} | change)
    assert (reply.status_code, [e["field"] for e in reply.json()["errors"]]) == (422, [field])


async def test_an_account_is_for_people(native: NativeApi, world: World) -> None:
    machine = native.client(replace(world.reseller, permissions=EVERY))
    for method, path, body in (
        ("GET", "/v1/me/tokens", None),
        ("POST", "/v1/me/tokens", {"surface": "native", "name": "x"}),
        ("GET", "/v1/me/second-factor", None),
        ("POST", "/v1/me/second-factor", {"password": PASSWORD}),
    ):
        reply = await machine.request(method, path, json=body)
        assert (reply.status_code, reply.json()["code"]) == (403, "people_only"), path


async def test_a_group_is_formed_filled_and_emptied(native: NativeApi, full_world: World) -> None:
    client = native.client(full_world.operator)
    reseller_id, user_id = str(full_world.reseller.organization_id), full_world.ids["user_id"]
    added = await client.post("/v1/groups", json={"name": "Board", "organization_id": reseller_id})
    assert added.status_code == 201
    path = f"/v1/groups/{added.json()['id']}"
    for _ in range(2):
        assert (await client.put(f"{path}/members/{user_id}")).status_code == 204
    members = (await client.get(f"{path}/members")).json()["items"]
    assert [member["user_id"] for member in members] == [str(user_id)]
    of_user = (await client.get("/v1/groups", params={"user_id": str(user_id)})).json()["items"]
    assert {group["name"] for group in of_user} == {"Approvers", "Board"}
    changed = await client.patch(path, json={"description": "Decides"}, headers={"if-match": '"1"'})
    assert (changed.json()["description"], changed.headers["etag"]) == ("Decides", '"2"')
    assert (await client.patch(path, json={"name": "X"}, headers={"if-match": '"1"'})).status_code == 412
    stranger = await client.put(f"{path}/members/{full_world.operator.user_id}")
    assert (stranger.status_code, stranger.json()["code"]) == (409, "group_member_elsewhere")
    assert (await client.delete(f"{path}/members/{user_id}")).status_code == 204
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_an_openid_provider_is_set_up_without_showing_its_secret(
    native: NativeApi, world: World
) -> None:
    client, domain = native.client(world.reseller), f"{new_id().hex}.example"
    new = {
        "name": "Accounts",
        "issuer": "https://id.example.com",
        "client": "us",
        "client_secret": "hush",
        "domains": [domain.upper(), domain],
        "role": "reader",
    }
    added = await client.post("/v1/identity-providers", json=new)
    assert added.status_code == 201, added.text
    assert "hush" not in added.text
    body = added.json()
    assert (body["domains"], body["role"], body["active"]) == ([domain], "reader", True)
    assert body["redirect_uri"] == "https://api.example/oauth/federation/callback"
    assert body["sign_in_url"] == f"https://api.example/oauth/federation/{body['id']}"
    path = f"/v1/identity-providers/{body['id']}"
    closed = await client.patch(path, json={"admits_newcomers": False, "active": False})
    assert (closed.json()["role"], closed.json()["active"]) == (None, False)
    taken = await client.post("/v1/identity-providers", json=new)
    assert (taken.status_code, taken.json()["code"]) == (409, "domain_taken")
    assert (await client.delete(path)).status_code == 204
    assert (await client.post("/v1/identity-providers", json=new)).status_code == 201


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"issuer": "http://id.example.com"}, "issuer"),
        ({"issuer": "https://127.0.0.1"}, "issuer"),
        ({"issuer": "https://id.example.com/?x=1"}, "issuer"),
        ({"domains": []}, "domains"),
        ({"domains": ["no domain"]}, "domains.0"),
        ({"client": ""}, "client"),
        ({"name": ""}, "name"),
    ],
)
async def test_an_unfit_openid_provider_is_refused(
    native: NativeApi, world: World, change: dict[str, object], field: str
) -> None:
    new = {"name": "A", "issuer": "https://id.example.com", "client": "us", "domains": ["harbour.example"]}
    reply = await native.client(world.reseller).post("/v1/identity-providers", json=new | change)
    assert (reply.status_code, [e["field"] for e in reply.json()["errors"]]) == (422, [field])


async def test_only_who_holds_all_of_it_sets_up_a_provider(native: NativeApi, world: World) -> None:
    """A provider can name any member, so `admin` does not bring the permission: only an owner has it."""
    roles = (await native.client(world.operator).get("/v1/roles")).json()["built_in"]
    holding = {role["name"] for role in roles if "federation:write" in role["permissions"]}
    assert holding == {"owner"}


async def test_somebody_is_exported_and_erased(native: NativeApi, full_world: World) -> None:
    client, path = native.client(full_world.operator), f"/v1/users/{full_world.ids['user_id']}"
    exported = await client.get(f"{path}/export")
    assert exported.json()["user"]["id"] == str(full_world.ids["user_id"])
    assert [group["name"] for group in exported.json()["groups"]] == ["Approvers"]
    assert (await client.post(f"{path}/erase")).status_code == 204
    assert (await client.get(path)).status_code == 404


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        ("https://app.example.com/callback", True),
        ("https://app.example.com:8443/callback?a=1", True),
        ("http://localhost:3000/cb", True),
        ("http://127.0.0.1/cb", True),
        ("http://[::1]:9/cb", True),
        ("com.example.app:/cb", True),
        ("http://app.example.com/callback", False),
        ("https://app.example.com/callback#x", False),
        ("https://user@app.example.com/", False),
        ("https://app.example.com\\@evil.example/", False),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("myapp:/cb", False),
        ("/callback", False),
        ("https://app.example.com/a b", False),
        ("https://app.example.com:0/", False),
        ("https://app.example.com:99999/", False),
        ("https://[::1/", False),
        ("", False),
    ],
)
async def test_codes_are_sent_to_addresses_that_can_be_read_in_one_way(
    native: NativeApi, world: World, uri: str, good: bool
) -> None:
    new = {"name": "App", "role": "reader", "grants": ["authorization_code"], "redirect_uris": [uri]}
    reply = await native.client(world.reseller).post("/v1/api-clients", json=new | {"public": True})
    if good:
        assert (reply.status_code, reply.json()["redirect_uris"]) == (201, [uri])
    else:
        assert [e["field"] for e in reply.json()["errors"]] == ["redirect_uris.0"]


async def test_a_client_that_takes_codes_says_where_to(native: NativeApi, world: World) -> None:
    new = {"name": "App", "role": "reader", "grants": ["authorization_code"]}
    reply = await native.client(world.reseller).post("/v1/api-clients", json=new)
    assert [e["field"] for e in reply.json()["errors"]] == ["redirect_uris"]
