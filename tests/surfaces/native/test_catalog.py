from __future__ import annotations

import httpx
import pytest

from chandlery.surfaces.native.prices import MAX_SHEET_BYTES
from tests.surfaces.native.world import NativeApi, World

HEADER = "vendor,product,sku,name,unit,term,billing,currency,cost,retail"
GOOD = "acme,mail,mail-basic,Mail Basic,user,P1Y,monthly,USD,2.00,2.50"
ALSO_GOOD = "acme,mail,mail-pro,Mail Pro,user,P1Y,monthly,USD,4.00,5.00"
BAD = "acme,mail,mail-max,Mail Max,user,P1Y,monthly,USD,four,5.00"


async def names(client: httpx.AsyncClient, path: str, field: str, **params: str) -> list[str]:
    reply = await client.get(path, params=params)
    assert reply.status_code == 200, reply.text
    return [item[field] for item in reply.json()["items"]]


async def test_the_catalogue_is_browsed_by_vendor_product_sku_and_words(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    assert sorted(await names(client, "/v1/vendors", "code")) == ["acme", "freight"]
    assert sorted(await names(client, "/v1/products", "code", vendor="acme")) == ["storage", "suite"]
    assert await names(client, "/v1/plans", "sku", vendor="freight") == ["dock"]
    assert sorted(await names(client, "/v1/plans", "code", sku="suite-pro")) == [
        "suite-pro:P1Y:annual",
        "suite-pro:P1Y:monthly",
    ]
    assert sorted(await names(client, "/v1/plans", "sku", q="sui")) == [
        "suite-basic",
        "suite-pro",
        "suite-pro",
    ]
    assert await names(client, "/v1/plans", "sku", charge="metered") == ["storage-gb"]
    product = (await client.get(f"/v1/products/{world.ids['product_id']}")).json()
    assert product["id"] == str(world.ids["product_id"])
    of_product = await names(client, "/v1/plans", "product_id", product=product["id"])
    assert set(of_product) == {product["id"]}


async def test_a_plan_tells_what_the_asker_pays(native: NativeApi, world: World) -> None:
    path = f"/v1/plans/{world.plans['suite-basic']}"
    reply = await native.client(world.reseller).get(path, params={"currency": "USD"})
    assert reply.json()["price"] == {"currency": "USD", "rate": "8.80", "amount_minor": 880}
    assert reply.headers["etag"] == '"1"'
    assert (await native.client(world.reseller).get(path)).json()["price"] is None


async def test_a_plan_is_told_what_to_ask_for_and_asks_for_it(native: NativeApi, world: World) -> None:
    operator, reseller = native.client(world.operator), native.client(world.reseller)
    path = f"/v1/plans/{world.plans['suite-basic']}/characteristics"
    wanted = {"name": "region", "kind": "choice", "required": True, "allowed": ["north", "south"]}
    defined = await operator.put(path, json={"characteristics": [wanted]})
    assert defined.status_code == 200, defined.text
    assert defined.json()["characteristics"] == [wanted | {"label": "region"}]
    order = {
        "customer_id": str(world.ids["customer_id"]),
        "lines": [{"sku": "suite-basic", "quantity": 1, "characteristics": {"region": "west"}}],
    }
    refused = await reseller.post("/v1/orders", json=order)
    assert refused.status_code == 422
    assert refused.json()["errors"] == [
        {
            "field": "lines.0.characteristics.region",
            "code": "characteristic_not_allowed",
            "message": "Give one of: north, south.",
        }
    ]
    assert (await reseller.put(path, json={"characteristics": [wanted]})).status_code == 403


async def test_every_bad_characteristic_is_named_and_none_lands(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    plan = f"/v1/plans/{world.plans['suite-basic']}"
    bad = [{"name": "fine"}, {"name": "", "label": ""}, {"name": "x", "kind": "choice"}]
    reply = await client.put(f"{plan}/characteristics", json={"characteristics": bad})
    assert reply.status_code == 422
    assert [problem["field"] for problem in reply.json()["errors"]] == [
        "characteristics.1.name",
        "characteristics.1.label",
        "characteristics.2.allowed",
    ]
    assert (await client.get(plan)).json()["characteristics"] == []


async def test_a_retired_plan_is_off_sale(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    plan = f"/v1/plans/{world.plans['dock']}"
    assert (await client.post(f"{plan}/retire", headers={"if-match": '"9"'})).status_code == 412
    assert (await client.post(f"{plan}/retire")).status_code == 204
    assert (await client.get(plan)).json()["status"] == "retired"
    order = {"customer_id": str(world.ids["customer_id"]), "lines": [{"sku": "dock", "quantity": 1}]}
    assert (await client.post("/v1/orders", json=order)).json()["errors"][0]["field"] == "lines.0.sku"


async def test_price_rules_are_set_listed_and_ended(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    wanted = {
        "kind": "override",
        "value": "7.125",
        "currency": "USD",
        "target_kind": "plan",
        "target_id": str(world.plans["suite-basic"]),
        "recipient_id": str(world.reseller.organization_id),
    }
    added = await client.post("/v1/price-rules", json=wanted)
    assert added.status_code == 201, added.text
    assert (added.json()["value"], added.json()["effective_until"]) == ("7.125", "9999-12-31T00:00:00Z")
    assert (await client.post("/v1/price-rules", json=wanted)).json()["code"] == "rules_overlap"
    listed = (await client.get("/v1/price-rules")).json()["items"]
    assert added.json() in listed
    ended = await client.delete(f"/v1/price-rules/{added.json()['id']}")
    assert (ended.status_code, ended.json()["effective_until"]) == (200, "2026-11-20T12:00:00Z")


async def test_a_rule_that_makes_no_sense_has_every_field_named(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    reply = await client.post(
        "/v1/price-rules",
        json={"kind": "fixed", "value": "1e12", "target_kind": "plan", "min_quantity": 0},
    )
    assert reply.status_code == 422
    assert {problem["field"] for problem in reply.json()["errors"]} == {
        "value",
        "currency",
        "target_id",
        "min_quantity",
    }
    past = {"kind": "percent", "value": "1", "effective_from": "2020-01-01T00:00:00Z"}
    reply = await client.post("/v1/price-rules", json=past)
    assert [problem["field"] for problem in reply.json()["errors"]] == ["effective_from"]
    naive = await client.post("/v1/price-rules", json=past | {"effective_from": "2027-01-01T00:00:00"})
    assert [problem["field"] for problem in naive.json()["errors"]] == ["effective_from"]


async def test_a_price_explains_itself_to_each_party(native: NativeApi, world: World) -> None:
    params = {"sku": "suite-basic", "quantity": "3", "customer_id": str(world.ids["customer_id"])}
    reply = await native.client(world.reseller).get("/v1/prices/explain", params=params)
    assert reply.status_code == 200, reply.text
    assert [(step["side"], step["rate"], step["amount_minor"]) for step in reply.json()["steps"]] == [
        ("buy", "8.80", 2640),
        ("sell", "13.20", 3960),
    ]
    foreign = await native.client(world.reseller).get(
        "/v1/prices/explain", params=params | {"sku": "nothing"}
    )
    assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (422, "sku")


async def post_sheet(client: httpx.AsyncClient, sheet: str, **params: str) -> httpx.Response:
    return await client.post(
        "/v1/price-sheets", params=params, content=sheet.encode(), headers={"content-type": "text/csv"}
    )


async def test_a_price_sheet_lands_and_the_same_again_changes_nothing(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.operator)
    sheet = f"{HEADER}\n{GOOD}\n{ALSO_GOOD}"
    first = await post_sheet(client, sheet, format="multi-vendor", complete="false")
    assert first.status_code == 200, first.text
    assert first.json() == {
        "format": "multi-vendor",
        "rows": 2,
        "added": 2,
        "changed": 0,
        "ended": 0,
        "unchanged": 0,
        "bad_rows": 0,
        "products_added": 1,
        "plans_added": 2,
        "errors": [],
    }
    again = (await post_sheet(client, sheet, complete="false")).json()
    assert (again["added"], again["unchanged"]) == (0, 2)
    assert await names(client, "/v1/plans", "sku", q="mail-p") == ["mail-pro"]


async def test_bad_rows_are_named_and_the_good_ones_land_unless_strict(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.operator)
    sheet = f"{HEADER}\n{BAD}\n{GOOD}"
    strict = await post_sheet(client, sheet, strict="true")
    assert (strict.status_code, strict.json()["code"]) == (422, "sheet_refused")
    assert [problem["field"] for problem in strict.json()["errors"]] == ["line 2, cost"]
    assert await names(client, "/v1/plans", "sku", q="mail") == []
    lenient = (await post_sheet(client, sheet)).json()
    assert (lenient["added"], lenient["bad_rows"]) == (1, 1)
    assert [(error["line"], error["column"]) for error in lenient["errors"]] == [(2, "cost")]


@pytest.mark.parametrize(
    ("content", "content_type", "params", "status"),
    [
        (b"no,such,sheet\n1,2,3\n", "text/csv", {}, 422),
        (b"", "text/csv", {}, 422),
        (b"\xff\xfe\x00", "text/csv", {}, 422),
        (b"\x00" * 100, "text/csv", {}, 422),
        (b"{}", "application/json", {}, 415),
        (b"a,b", "text/csv", {"format": "excel"}, 422),
        (b"a,b", "text/csv", {"strict": "perhaps"}, 422),
    ],
)
async def test_what_is_no_price_sheet_is_refused(
    native: NativeApi, world: World, content: bytes, content_type: str, params: dict[str, str], status: int
) -> None:
    reply = await native.client(world.operator).post(
        "/v1/price-sheets", content=content, params=params, headers={"content-type": content_type}
    )
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/problem+json")


async def test_a_price_sheet_has_a_size_of_its_own(native: NativeApi, world: World) -> None:
    client = native.client(world.operator)
    long_names = [GOOD.replace("Mail Basic", "Mail " * 20_000) for _ in range(21)]
    two_megabytes = "\n".join([HEADER, GOOD, *long_names])
    assert len(two_megabytes) > 2_000_000
    report = (await post_sheet(client, two_megabytes)).json()
    assert (report["added"], report["bad_rows"]) == (1, 21)
    declared = {"content-type": "text/csv", "content-length": str(MAX_SHEET_BYTES + 1)}
    assert (await client.post("/v1/price-sheets", content=b"x", headers=declared)).status_code == 413
