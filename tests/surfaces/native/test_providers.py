from __future__ import annotations

import msgspec
import pytest

from chandlery.engine.signatures import key_of, sign
from chandlery.engine.unit_of_work import Engine
from chandlery.fulfilment.port import Accepted
from tests.conftest import NOW
from tests.surfaces.native.test_fulfilment import a_placed_line, provisioned
from tests.surfaces.native.world import NativeApi, World

PROVIDERS = "/v1/fulfilment/providers"
HTTP = {"name": "harbour-cloud", "kind": "http", "url": "https://vendor.example.com/chandlery"}


async def test_a_provider_is_set_up_changed_and_removed(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    reply = await client.post(PROVIDERS, json=HTTP | {"concurrency": 4, "calls_per_minute": 120})
    assert reply.status_code == 201, reply.text
    new = reply.json()
    assert reply.headers["location"] == f"https://api.example{PROVIDERS}/harbour-cloud"
    assert new["secret"].startswith("whsec_")
    assert new["callback_url"] == f"https://api.example/v1/fulfilment/callbacks/{new['id']}"

    found = await client.get(f"{PROVIDERS}/harbour-cloud")
    assert found.headers["etag"] == '"1"'
    assert found.json() == {
        "id": new["id"],
        **HTTP,
        "callback_url": new["callback_url"],
        "concurrency": 4,
        "calls_per_minute": 120,
        "timeout_seconds": 10,
        "idempotent": False,
        "trips_after": 5,
        "circuit": {"state": "closed", "failures": 0, "open_until": None, "trouble": ""},
        "previous_secret_until": None,
        "created_at": "2026-11-20T12:00:00Z",
        "version": 1,
        "calling": 0,
        "waiting": 0,
    }
    changed = await client.patch(
        f"{PROVIDERS}/harbour-cloud", json={"concurrency": 0}, headers={"if-match": '"1"'}
    )
    assert (changed.status_code, changed.json()["concurrency"], changed.json()["version"]) == (200, 0, 2)
    stale = await client.patch(f"{PROVIDERS}/harbour-cloud", json={}, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    listed = (await client.get(PROVIDERS)).json()
    assert [one["name"] for one in listed["items"]] == ["harbour-cloud"]
    assert "secret" not in listed["items"][0]
    assert (await client.delete(f"{PROVIDERS}/harbour-cloud")).status_code == 204
    assert (await client.get(f"{PROVIDERS}/harbour-cloud")).json()["code"] == "provider_unknown"


async def test_a_secret_is_shown_when_it_is_made_and_takes_no_key(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    key = {"idempotency-key": "once"}
    first = await client.post(PROVIDERS, json=HTTP, headers=key)
    again = await client.post(PROVIDERS, json=HTTP, headers=key)
    assert (first.status_code, again.status_code, again.json()["code"]) == (201, 409, "provider_name_taken")
    rotated = await client.post(f"{PROVIDERS}/harbour-cloud/rotate-secret", json={"overlap_seconds": 3600})
    assert rotated.json()["secret"] not in (None, first.json()["secret"])
    assert rotated.json()["previous_secret_until"] == "2026-11-20T13:00:00Z"


async def test_every_bad_field_is_named(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    bad = {"name": "Manual", "kind": "manual", "url": "https://vendor.example.com"}
    reply = await client.post(PROVIDERS, json=bad)
    assert (reply.status_code, reply.json()["code"]) == (422, "provider_refused")
    assert [problem["field"] for problem in reply.json()["errors"]] == ["name", "url"]
    inside = await client.post(PROVIDERS, json=HTTP | {"url": "http://127.0.0.1:5432/"})
    assert [problem["field"] for problem in inside.json()["errors"]] == ["url"]


async def test_how_vendors_are_reached_is_the_operators_business(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    for reply in (await client.get(PROVIDERS), await client.post(PROVIDERS, json=HTTP)):
        assert (reply.status_code, reply.json()["code"]) == (403, "not_the_operator")


async def test_a_vendor_is_given_a_provider_that_there_is(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    vendor = f"/v1/vendors/{world.ids['vendor_id']}"
    refused = await client.patch(vendor, json={"provider": "harbour-cloud"})
    assert (refused.status_code, refused.json()["code"]) == (422, "provider_not_set_up")
    await client.post(PROVIDERS, json=HTTP)
    changed = await client.patch(vendor, json={"provider": "harbour-cloud", "name": "Acme Cloud"})
    assert (changed.json()["provider"], changed.json()["name"]) == ("harbour-cloud", "Acme Cloud")
    assert (await client.get(vendor)).json() == changed.json()
    in_use = await client.delete(f"{PROVIDERS}/harbour-cloud")
    assert (in_use.status_code, in_use.json()["code"]) == (409, "provider_in_use")
    assert (await client.patch(vendor, json={"provider": "manual"})).status_code == 200
    assert (await client.delete(f"{PROVIDERS}/harbour-cloud")).status_code == 204
    unnamed = await client.patch(vendor, json={"name": " "})
    assert (unnamed.status_code, unnamed.json()["code"]) == (422, "vendor_invalid")
    forbidden = await native.client(world.reseller).patch(vendor, json={"name": "Mine"})
    assert forbidden.json()["code"] == "not_the_operator"


async def test_what_waits_is_filtered_by_provider_state_and_customer(
    native: NativeApi, world: World, engine: Engine
) -> None:
    line = await a_placed_line(native, world)
    await provisioned(engine, world, line, Accepted("", None))
    client = native.client(world.operator)

    async def seen(**wanted: str) -> list[str]:
        reply = await client.get("/v1/fulfilment/waiting", params=wanted)
        assert reply.status_code == 200, reply.text
        return [item["line_id"] for item in reply.json()["items"]]

    customer = str(world.customer.organization_id)
    assert await seen(provider="sandbox", state="accepted,unknown", customer_id=customer) == [line[1]]
    assert await seen(needs_operator="true") == [line[1]]
    assert await seen(provider="manual") == []
    assert await seen(state="retrying") == []
    assert await seen(customer_id=str(world.reseller.organization_id)) == []
    bad = await client.get("/v1/fulfilment/waiting", params={"state": "lost"})
    assert [problem["field"] for problem in bad.json()["errors"]] == ["state"]


async def test_a_person_ends_a_task_with_facts_and_a_note(
    native: NativeApi, world: World, engine: Engine
) -> None:
    order_id, line_id = line = await a_placed_line(native, world)
    await provisioned(engine, world, line, Accepted("", None))
    client = native.client(world.operator)
    path = f"/v1/orders/{order_id}/lines/{line_id}"
    before = (await client.get(f"{path}/fulfilment")).json()
    assert (before["state"], before["needs_operator"], before["next_at"]) == ("accepted", True, None)
    done = {"vendor_reference": "DESK-7", "facts": {"serial": "A-1"}, "note": "By hand."}
    reply = await client.post(f"{path}/complete", json=done)
    assert (reply.status_code, reply.json()["status"]) == (200, "completed")
    after = (await client.get(f"{path}/fulfilment")).json()
    assert {name: after[name] for name in done} == done
    assert (after["state"], after["reference"], after["action"]) == ("done", line_id, "create")
    again = await client.post(f"{path}/complete", json=done)
    assert (again.status_code, again.json()["code"]) == (409, "nothing_to_decide")


@pytest.mark.parametrize("name", ["%00", "a%0Ab", "%C3%BC"])
async def test_a_name_of_foreign_form_is_no_providers(native: NativeApi, world: World, name: str) -> None:
    reply = await native.client(world.operator).get(f"{PROVIDERS}/{name}")
    assert reply.status_code == 404


async def test_a_providers_callback_is_proven_by_its_own_secret(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    new = (await client.post(PROVIDERS, json=HTTP)).json()
    body = msgspec.json.encode({"reference": new["id"], "status": "refused"})
    path = new["callback_url"].removeprefix("https://api.example")
    codes = []
    for key in (b"guessed", key_of(new["secret"])):
        headers = sign([key], "msg-1", NOW, body) | {"content-type": "application/json"}
        codes.append((await native.client().post(path, content=body, headers=headers)).json()["code"])
    assert codes == ["callback_not_authentic", "provisioning_unknown"]
