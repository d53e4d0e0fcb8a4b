"""Addresses, contacts, company data and letterheads over HTTP."""

from __future__ import annotations

from typing import Any

from tests.surfaces.native.world import NativeApi, World

QUAY = {"lines": ["Kaistrasse 7"], "city": "Hamburg", "country": "DE", "postcode": "20457"}


def book(world: World, what: str) -> str:
    return f"/v1/organizations/{world.customer.organization_id}/{what}"


async def test_an_address_is_added_changed_and_removed(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    added = await client.post(
        book(world, "addresses"), json={"postal": QUAY, "kinds": ["shipping"], "default_for": ["shipping"]}
    )
    assert (added.status_code, added.headers["etag"]) == (201, '"1"')
    address = added.json()
    assert address["postal"]["lines"] == ["Kaistrasse 7"]
    path = f"/v1/addresses/{address['id']}"
    assert added.headers["location"] == f"https://api.example{path}"
    changed = await client.patch(path, json={"label": "Gate 3"}, headers={"if-match": '"1"'})
    assert (changed.json()["label"], changed.json()["postal"]["city"]) == ("Gate 3", "Hamburg")
    stale = await client.patch(path, json={"label": "Gate 4"}, headers={"if-match": '"1"'})
    assert stale.status_code == 412
    listed = await client.get(book(world, "addresses"), params={"kind": "shipping"})
    assert [item["id"] for item in listed.json()["items"]] == [address["id"]]
    assert (await client.get(book(world, "addresses"), params={"kind": "billing"})).json()["items"] == []
    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404


async def test_every_problem_of_an_address_is_named_by_its_place_in_the_body(
    native: NativeApi, world: World
) -> None:
    reply = await native.client(world.reseller).post(
        book(world, "addresses"),
        json={"postal": {"lines": [], "city": "", "country": "US"}, "kinds": ["billing"], "label": "a\nb"},
    )
    assert (reply.status_code, reply.json()["code"]) == (422, "address_unfit")
    assert {error["field"] for error in reply.json()["errors"]} == {
        "postal.lines",
        "postal.city",
        "postal.region",
        "postal.postcode",
        "label",
    }


async def test_a_new_primary_contact_takes_the_place_of_the_old_one(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    made: list[dict[str, Any]] = []
    for name in ("Clerk", "Buyer"):
        reply = await client.post(
            book(world, "contacts"),
            json={"person": {"family_name": name}, "roles": ["ordering"], "is_primary": True},
        )
        assert reply.status_code == 201
        made.append(reply.json())
    listed = (await client.get(book(world, "contacts"))).json()["items"]
    assert [(c["person"]["family_name"], c["is_primary"]) for c in listed] == [
        ("Clerk", False),
        ("Buyer", True),
    ]
    renamed = await client.patch(
        f"/v1/contacts/{made[0]['id']}", json={"person": {"family_name": "Seller", "email": "s@example.com"}}
    )
    assert (renamed.json()["person"]["email"], renamed.json()["roles"]) == ("s@example.com", ["ordering"])
    refused = await client.patch(f"/v1/contacts/{made[0]['id']}", json={"person": {"email": "nobody"}})
    assert [error["field"] for error in refused.json()["errors"]] == ["person.email"]
    assert (await client.delete(f"/v1/contacts/{made[0]['id']}")).status_code == 204


async def test_company_data_is_replaced_as_a_whole_and_its_vat_number_checked(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    empty = await client.get(book(world, "company"))
    assert (empty.json()["version"], empty.json()["legal_name"]) == (0, "")
    facts = {"legal_name": "Harbour GmbH", "country": "DE", "vat_number": "de 136.695 976"}
    put = await client.put(book(world, "company"), json={**facts, "attributes": {"erp": {"id": 7}}})
    assert (put.status_code, put.json()["vat_number"], put.headers["etag"]) == (200, "DE136695976", '"1"')
    again = await client.put(
        book(world, "company"), json={"legal_name": "Harbour AG"}, headers={"if-match": '"1"'}
    )
    assert (again.json()["vat_number"], again.json()["attributes"]) == ("", {"erp": {"id": 7}})
    wrong = await client.put(book(world, "company"), json={"country": "DE", "vat_number": "DE136695977"})
    assert [error["field"] for error in wrong.json()["errors"]] == ["vat_number"]


async def test_a_letterhead_is_put_and_read(native: NativeApi, world: World) -> None:
    client = native.client(world.reseller)
    put = await client.put(book(world, "letterhead"), json={"brand": "Quayside", "language": "de-AT"})
    assert (put.status_code, put.json()["brand"]) == (200, "Quayside")
    assert (await client.get(book(world, "letterhead"))).json() == put.json()
    refused = await client.put(book(world, "letterhead"), json={"colour": "red", "sender": "me"})
    assert {error["field"] for error in refused.json()["errors"]} == {"colour", "sender"}


async def test_what_stands_above_keeps_its_data_to_itself(native: NativeApi, world: World) -> None:
    client = native.client(world.customer)
    for what in ("addresses", "contacts", "company", "letterhead"):
        path = f"/v1/organizations/{world.reseller.organization_id}/{what}"
        assert (await client.get(path)).status_code == 404


async def test_the_countries_are_listed_by_name(native: NativeApi, world: World) -> None:
    items = (await native.client(world.weak).get("/v1/countries")).json()["items"]
    assert {"code": "DE", "alpha3": "DEU", "numeric": 276, "name": "Germany"} in items
    assert [item["name"] for item in items][:2] == ["Afghanistan", "Albania"]
