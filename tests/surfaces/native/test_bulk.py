"""Many requests in one call: a result for each, nothing twice, and for nobody but the one who sent them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from chandlery.engine.batches import carrying
from chandlery.engine.batches.batch import Answer, Operation
from chandlery.engine.database import Pool
from chandlery.engine.queue import open_jobs_pool, run_until_idle
from chandlery.engine.unit_of_work import Engine
from chandlery.kernel.actor import Actor
from chandlery.kernel.ids import ClientId, new_id
from chandlery.surfaces.native.bulk import MOST_AT_ONCE, carrier
from tests.surfaces.native.test_orders import a_draft
from tests.surfaces.native.world import NativeApi, Owner, World


@pytest.fixture
async def jobs(database_url: str) -> AsyncIterator[Pool]:
    async with open_jobs_pool(database_url, 1) as pool:
        yield pool


def customers(count: int, **more: Any) -> dict[str, Any]:
    bodies = [{"kind": "customer", "name": f"Customer {number}"} for number in range(count)]
    return {
        "operations": [{"method": "POST", "path": "/v1/organizations", "body": body} for body in bodies],
        **more,
    }


def names_below(owner: Owner, world: World) -> list[str]:
    rows = owner.execute(
        "SELECT name FROM organizations WHERE parent_id = %s AND name LIKE 'Customer _%%' ORDER BY created_at, id",
        (world.reseller.organization_id,),
    ).fetchall()
    return [str(name) for (name,) in rows]


async def test_each_operation_of_a_bulk_has_a_result_and_a_unit_of_its_own(
    native: NativeApi, world: World
) -> None:
    client = native.client(world.reseller)
    draft = await a_draft(client, world)
    lines = f"/v1/orders/{draft['id']}/lines"
    reply = await client.post(
        "/v1/bulk",
        json={
            "operations": [
                {"method": "POST", "path": lines, "body": {"sku": "dock", "quantity": 2}},
                {"method": "POST", "path": lines, "body": {"sku": "nothing", "quantity": 1}},
                {"method": "POST", "path": lines, "body": {"quantity": 0}, "if_match": '"2"'},
                {"method": "PATCH", "path": f"/v1/orders/{draft['id']}", "body": {"po_number": "PO-1"}},
                {"method": "POST", "path": f"/v1/orders/{draft['id']}/checkout?dry_run=true"},
                {"method": "DELETE", "path": f"/v1/orders/{draft['id']}", "if_match": '"1"'},
            ]
        },
    )
    assert reply.status_code == 200
    bulk = reply.json()
    assert (bulk["status"], bulk["total"], bulk["done"], bulk["failed"]) == ("completed", 6, 6, 3)
    assert [result["status"] for result in bulk["results"]] == [201, 422, 422, 200, 202, 412]
    assert [result["position"] for result in bulk["results"]] == [0, 1, 2, 3, 4, 5]
    assert bulk["results"][0]["etag"] == '"2"'
    assert bulk["results"][1]["body"]["errors"][0]["field"] == "sku"
    assert bulk["results"][2]["body"]["code"] == "fields_refused"
    assert bulk["results"][4]["body"]["status"] == "submitted"
    now = (await client.get(f"/v1/orders/{draft['id']}")).json()
    assert (now["status"], now["po_number"], [line["sku"] for line in now["lines"]]) == (
        "draft",
        "PO-1",
        ["dock"],
    )


async def test_a_bulk_may_what_its_sender_may_and_no_more(native: NativeApi, world: World) -> None:
    clerk = replace(world.reseller, permissions=frozenset({"orders:write", "orders:read"}))
    client = native.client(clerk)
    above = f"/v1/organizations/{world.operator.organization_id}"
    reply = await client.post(
        "/v1/bulk",
        json={
            "operations": [
                {"method": "POST", "path": "/v1/organizations", "body": {"kind": "customer", "name": "X"}},
                {"method": "PATCH", "path": above, "body": {"name": "Mine"}},
                {
                    "method": "POST",
                    "path": "/v1/orders",
                    "body": {"customer_id": str(world.customer.organization_id)},
                },
            ]
        },
    )
    assert [result["status"] for result in reply.json()["results"]] == [403, 403, 201]
    everything = native.client(world.reseller)
    foreign = await everything.post(
        "/v1/bulk", json={"operations": [{"method": "PATCH", "path": above, "body": {"name": "Mine"}}]}
    )
    assert foreign.json()["results"][0]["status"] == 404


async def test_what_takes_no_key_cannot_be_part_of_a_bulk(native: NativeApi, world: World) -> None:
    operations = [
        {"method": "POST", "path": "/v1/bulk", "body": customers(1)},
        {"method": "POST", "path": "//v1/bulk/", "body": customers(1)},
        {"method": "POST", "path": "/v1/api-clients", "body": {"name": "X", "role": "reader"}},
        {"method": "POST", "path": "/v1/webhooks", "body": {"url": "https://shop.example.com/"}},
        {"method": "POST", "path": "/v1/fulfilment/callbacks/sandbox", "body": {}},
        {"method": "POST", "path": "/v1/nowhere"},
        {"method": "PUT", "path": "/v1/orders"},
    ]
    reply = await native.client(world.reseller).post("/v1/bulk", json={"operations": operations})
    results = reply.json()["results"]
    assert [result["body"]["code"] for result in results[:5]] == ["not_in_bulk"] * 5
    assert [result["status"] for result in results] == [422] * 5 + [404, 405]


async def test_the_same_bulk_under_the_same_key_does_nothing_a_second_time(
    native: NativeApi, world: World, owner: Owner
) -> None:
    client = native.client(world.reseller)
    first, again = [
        (await client.post("/v1/bulk", json=customers(3), headers={"idempotency-key": "b1"})).json()
        for _ in range(2)
    ]
    assert [result["replayed"] for result in first["results"]] == [False] * 3
    assert [result["replayed"] for result in again["results"]] == [True] * 3
    assert [r["body"] for r in first["results"]] == [r["body"] for r in again["results"]]
    assert names_below(owner, world) == ["Customer 0", "Customer 1", "Customer 2"]


async def test_many_operations_are_a_job_whose_results_can_be_fetched(
    native: NativeApi, world: World, owner: Owner, engine: Engine, jobs: Pool
) -> None:
    client = native.client(world.reseller)
    many = customers(MOST_AT_ONCE + 1)
    many["operations"][7]["body"] = {"kind": "operator", "name": "Mutiny"}
    accepted = [await client.post("/v1/bulk", json=many, headers={"idempotency-key": "b2"}) for _ in range(2)]
    assert [reply.status_code for reply in accepted] == [202, 202]
    bulk = accepted[0].json()
    assert accepted[1].json() == bulk
    assert accepted[0].headers["location"] == f"https://api.example/v1/bulk/{bulk['id']}"
    assert (bulk["status"], bulk["done"], bulk["results"]) == ("running", 0, None)
    assert names_below(owner, world) == []

    tasks = {carrying.TASK: carrying.task(carrier(native.edge.within))}
    assert await run_until_idle(engine, jobs, tasks, world.tenant.id) == 1

    path = f"/v1/bulk/{bulk['id']}"
    done = (await client.get(path)).json()
    assert (done["status"], done["total"], done["done"], done["failed"]) == ("completed", 26, 26, 1)
    assert done["completed_at"] is not None
    first = (await client.get(f"{path}/results", params={"limit": 20})).json()
    rest = (await client.get(f"{path}/results", params={"cursor": first["next_cursor"]})).json()
    results = first["items"] + rest["items"]
    assert [result["position"] for result in results] == list(range(26))
    assert results[0]["body"]["name"] == "Customer 0"
    assert results[0]["location"].endswith(results[0]["body"]["id"])
    failed = (await client.get(f"{path}/results", params={"failed": "true"})).json()["items"]
    assert [(result["position"], result["body"]["code"]) for result in failed] == [(7, "parent_unfit")]
    assert len(names_below(owner, world)) == 25
    listed = (await client.get("/v1/bulk")).json()["items"]
    assert [item["id"] for item in listed] == [bulk["id"]]
    kept = owner.execute(
        "SELECT count(*) FROM batch_items WHERE batch_id = %s AND body IS NOT NULL", (bulk["id"],)
    ).fetchone()
    assert kept == (0,)


async def test_what_came_of_a_bulk_is_told_to_its_sender_alone(native: NativeApi, world: World) -> None:
    sent = await native.client(world.reseller).post("/v1/bulk", json=customers(1, background=True))
    path = f"/v1/bulk/{sent.json()['id']}"
    colleague = replace(world.reseller, client_id=ClientId(new_id()))
    for other in (colleague, world.operator, world.customer):
        client = native.client(other)
        assert (await client.get(path)).status_code == 404
        assert (await client.get(f"{path}/results")).status_code == 404
        assert (await client.get("/v1/bulk")).json()["items"] == []


async def test_a_worker_that_dies_in_between_does_nothing_twice(
    native: NativeApi, world: World, owner: Owner, engine: Engine, jobs: Pool
) -> None:
    client = native.client(world.reseller)
    sent = (await client.post("/v1/bulk", json=customers(30))).json()
    real = carrier(native.edge.within)
    carried: list[str] = []

    async def dies_at_the_fifteenth(actor: Actor, operation: Operation) -> Answer:
        answer = await real(actor, operation)
        carried.append(str(operation.key))
        if len(carried) == 15:
            raise ConnectionAbortedError
        return answer

    with pytest.raises(ConnectionAbortedError):
        await run_until_idle(
            engine, jobs, {carrying.TASK: carrying.task(dies_at_the_fifteenth)}, world.tenant.id
        )
    progress = (await client.get(f"/v1/bulk/{sent['id']}")).json()
    assert (progress["status"], progress["done"]) == ("running", 10)
    assert len(names_below(owner, world)) == 15
    await run_until_idle(engine, jobs, {carrying.TASK: carrying.task(real)}, world.tenant.id)
    assert names_below(owner, world) == [f"Customer {number}" for number in range(30)]
    results = (await client.get(f"/v1/bulk/{sent['id']}/results")).json()["items"]
    assert [result["status"] for result in results] == [201] * 30
    assert [result["replayed"] for result in results] == [False] * 10 + [True] * 5 + [False] * 15


async def test_a_sender_who_was_shut_out_does_nothing_more(
    native: NativeApi, world: World, owner: Owner, engine: Engine, jobs: Pool
) -> None:
    client = native.client(world.reseller)
    sent = (await client.post("/v1/bulk", json=customers(2, background=True))).json()
    owner.execute("UPDATE sessions SET ended_at = now() WHERE id = %s", (world.reseller.session_id,))
    await run_until_idle(
        engine, jobs, {carrying.TASK: carrying.task(carrier(native.edge.within))}, world.tenant.id
    )
    assert names_below(owner, world) == []
    rows = owner.execute(
        "SELECT b.status, b.failed, i.status FROM batches b JOIN batch_items i ON i.batch_id = b.id WHERE b.id = %s",
        (sent["id"],),
    ).fetchall()
    assert rows == [("completed", 2, 401)] * 2


async def test_a_long_bulk_lets_others_have_their_turn(
    native: NativeApi, world: World, engine: Engine, jobs: Pool, owner: Owner
) -> None:
    client = native.client(world.reseller)
    sent = (await client.post("/v1/bulk", json=customers(carrying.STRETCH + 1))).json()
    stretches = 0
    real = carrying.task(carrier(native.edge.within))

    async def counted(*args: Any) -> None:
        nonlocal stretches
        stretches += 1
        await real(*args)

    await run_until_idle(engine, jobs, {carrying.TASK: counted}, world.tenant.id)
    assert stretches == 2
    assert (await client.get(f"/v1/bulk/{sent['id']}")).json()["status"] == "completed"
    assert len(names_below(owner, world)) == carrying.STRETCH + 1


async def test_every_problem_of_a_bulk_s_form_is_named_at_once(native: NativeApi, world: World) -> None:
    operations = [{"method": "GET", "path": "v1/orders"}, {"path": "/x", "idempotency_key": "\n", "x": 1}]
    reply = await native.client(world.reseller).post("/v1/bulk", json={"operations": operations})
    assert (reply.status_code, {error["field"] for error in reply.json()["errors"]}) == (
        422,
        {
            "operations.0.method",
            "operations.0.path",
            "operations.1.method",
            "operations.1.idempotency_key",
            "operations.1.x",
        },
    )
    none = await native.client(world.reseller).post("/v1/bulk", json={"operations": []})
    assert none.status_code == 422
