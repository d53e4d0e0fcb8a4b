from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from chandlery.identity import permissions
from chandlery.identity.sessions import IssueSession, authenticate_client, issue_session
from chandlery.kernel.ids import UserId, new_id
from tests.surfaces.native.world import NativeApi, World

Owner = psycopg.Connection[tuple[object, ...]]


async def test_everybody_may_ask_who_they_are(native: NativeApi, world: World) -> None:
    me = (
        await native.client(replace(world.reseller, permissions=frozenset({"orders:read"}))).get("/v1/me")
    ).json()
    assert me["organization"]["id"] == str(world.reseller.organization_id)
    assert me["organization"]["kind"] == "reseller"
    assert me["tenant_id"] == str(world.tenant.id)
    assert me["permissions"] == ["orders:read"]
    assert (me["surface"], me["client_id"]) == ("native", str(world.reseller.client_id))
    assert me["user_id"] is None


async def test_a_session_that_has_ended_is_out_everywhere(
    native: NativeApi, world: World, owner: Owner
) -> None:
    client = native.client(world.operator)
    owner.execute("UPDATE sessions SET ended_at = now() WHERE id = %s", (world.operator.session_id,))
    for method, path in (("GET", "/v1/me"), ("GET", "/v1/orders"), ("DELETE", "/v1/sandbox/faults")):
        reply = await client.request(method, path)
        assert (reply.status_code, reply.json()["code"]) == (401, "session_ended")


async def test_an_organisation_is_added_changed_suspended_and_closed(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    added = await client.post("/v1/organizations", json={"kind": "customer", "name": " Harbour Trading "})
    assert added.status_code == 201
    path = f"/v1/organizations/{added.json()['id']}"
    assert added.headers["location"] == f"https://api.example{path}"
    assert added.json()["parent_id"] == str(world.reseller.organization_id)
    assert (added.json()["name"], added.json()["status"]) == ("Harbour Trading", "active")

    changed = await client.patch(
        path, json={"edition": "free", "attributes": {"currency": "EUR"}}, headers={"if-match": '"1"'}
    )
    assert (changed.json()["edition"], changed.json()["version"]) == ("free", 2)
    assert (await client.patch(path, json={"name": "X"}, headers={"if-match": '"1"'})).status_code == 412
    for verb, status in (("suspend", "suspended"), ("reactivate", "active"), ("close", "closed")):
        assert (await client.post(f"{path}/{verb}")).json()["status"] == status
    assert (await client.post(f"{path}/reactivate")).json()["code"] == "organization_closed"

    listed = (await client.get("/v1/organizations", params={"kind": "customer", "status": "closed"})).json()
    assert [found["id"] for found in listed["items"]] == [added.json()["id"]]


async def test_what_an_organisation_may_not_be_is_named_at_once(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    shape = await client.post(
        "/v1/organizations", json={"kind": "planet", "edition": "golden", "colour": "red"}
    )
    assert shape.status_code == 422
    assert {problem["field"] for problem in shape.json()["errors"]} == {"kind", "name", "edition", "colour"}
    rule = await client.post("/v1/organizations", json={"kind": "supplier", "name": "Supplier"})
    assert (rule.status_code, rule.json()["errors"][0]["field"]) == (422, "kind")


async def test_people_are_added_found_renamed_and_removed(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    email = f"{new_id().hex}@example.com"
    added = await client.post(
        "/v1/users",
        json={
            "email": email,
            "name": "A Clerk",
            "role": "ordering",
            "password": "correct horse battery",
            "organization_id": str(world.reseller.organization_id),
        },
    )
    assert added.status_code == 201, added.text
    assert "password" not in added.text
    path = f"/v1/users/{added.json()['id']}"
    assert (await client.patch(path, json={"name": "The Clerk"})).json()["name"] == "The Clerk"
    found = (
        await client.get("/v1/users", params={"organization_id": str(world.reseller.organization_id)})
    ).json()
    assert [user["email"] for user in found["items"]] == [email]
    memberships = (await client.get("/v1/memberships", params={"user_id": added.json()["id"]})).json()[
        "items"
    ]
    assert [(m["organization_id"], m["role"]) for m in memberships] == [
        (str(world.reseller.organization_id), "ordering")
    ]
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_people_may_always_see_and_rename_themselves(native: NativeApi, full_world: World) -> None:
    person = replace(full_world.weak, user_id=UserId(full_world.ids["user_id"]), client_id=None)
    client = native.client(person)
    mine, another = f"/v1/users/{full_world.ids['user_id']}", f"/v1/users/{new_id()}"
    assert (await client.get(mine)).status_code == 200
    assert (await client.patch(mine, json={"name": "Myself"})).json()["name"] == "Myself"
    assert (await client.get(another)).status_code == 403


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"password": "short"}, {"password"}),
        ({"email": "nobody", "name": " "}, {"email", "name"}),
        ({"role": 7, "email": None}, {"role", "email"}),
    ],
)
async def test_an_unfit_newcomer_is_refused(
    native: NativeApi, world: World, change: dict[str, object], fields: set[str]
) -> None:
    newcomer = {"email": "clerk@example.com", "name": "A Clerk", "role": "reader"} | change
    reply = await native.client(world.operator).post("/v1/users", json=newcomer)
    assert reply.status_code == 422
    assert {problem["field"] for problem in reply.json()["errors"]} == fields


async def test_members_get_other_roles_and_leave(native: NativeApi, full_world: World) -> None:
    client = native.client(full_world.operator)
    added = await client.post(
        "/v1/memberships", json={"user_id": str(full_world.ids["user_id"]), "role": "reader"}
    )
    assert (added.status_code, added.json()["organization_id"]) == (201, str(full_world.tenant.id))
    path = f"/v1/memberships/{added.json()['id']}"
    assert (await client.patch(path, json={"role": "ordering"})).json()["role"] == "ordering"
    assert (await client.patch(path, json={"role": "captain"})).status_code == 404
    assert (await client.delete(path)).status_code == 204
    assert (await client.delete(path)).status_code == 404


async def test_roles_are_defined_beside_the_built_in_ones(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    wanted = {"name": "Auditors", "permissions": ["orders:read", "events:read"]}
    added = await client.post("/v1/roles", json=wanted)
    assert (added.status_code, added.json()["permissions"]) == (201, ["events:read", "orders:read"])
    listed = (await client.get("/v1/roles")).json()
    assert [role["name"] for role in listed["items"]] == ["Auditors"]
    assert {role["name"] for role in listed["built_in"]} == {
        "owner",
        "admin",
        "ordering",
        "approver",
        "reader",
        "fulfilment",
    }
    path = f"/v1/roles/{added.json()['id']}"
    assert (await client.patch(path, json={"permissions": ["orders:read"]})).json()["version"] == 2
    unknown = await client.patch(path, json={"permissions": ["orders:steal"]})
    assert (unknown.status_code, unknown.json()["errors"][0]["field"]) == (422, "permissions")
    assert (await client.delete(path)).status_code == 204


async def test_nobody_gives_what_they_do_not_have(native: NativeApi, world: World) -> None:
    client = native.client(replace(world.reseller, permissions=frozenset({permissions.CLIENTS_WRITE})))
    reply = await client.post("/v1/api-clients", json={"name": "Sneaky", "role": "admin"})
    assert (reply.status_code, reply.json()["code"]) == (403, "role_exceeds_yours")


async def test_a_client_s_secret_is_shown_once_and_signs_in(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    added = await client.post("/v1/api-clients", json={"name": "Warehouse", "role": "ordering"})
    assert added.status_code == 201
    secret = added.json()["client_secret"]
    path = f"/v1/api-clients/{added.json()['id']}"
    assert added.json()["lifetimes"] == {"access_seconds": 3600, "refresh_seconds": 2592000}
    shown = await client.get(path)
    assert "client_secret" not in shown.json()
    assert secret not in shown.text + (await client.get("/v1/api-clients")).text

    known = await authenticate_client(native.gate, added.json()["id"], secret)
    session = await issue_session(native.gate, IssueSession(client=known))
    token = await native.gate.tokens.sign(session.actor, session.lifetimes.access_seconds)
    me = (await native.client(token=token).get("/v1/me")).json()
    assert (me["client_id"], me["organization"]["id"]) == (
        added.json()["id"],
        str(world.reseller.organization_id),
    )

    rotated = await client.post(f"{path}/rotate-secret", json={"overlap_seconds": 0})
    assert rotated.json()["client_secret"] not in (None, secret)
    ended = await native.client(token=token).get("/v1/me")
    assert (ended.status_code, ended.json()["code"]) == (401, "session_ended")


async def test_clients_are_changed_disabled_and_removed(native: NativeApi, full_world: World) -> None:
    client = native.client(full_world.operator)
    path = f"/v1/api-clients/{full_world.ids['client_id']}"
    changed = await client.patch(path, json={"name": "Other", "origins": ["https://shop.example"]})
    assert (changed.json()["name"], changed.json()["origins"]) == ("Other", ["https://shop.example"])
    assert (await client.post(f"{path}/disable")).json()["status"] == "disabled"
    assert (await client.post(f"{path}/enable")).json()["status"] == "active"
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
