"""Every route without a token, with a weak one, and with a stranger's: from the table, so that none is missed."""

from __future__ import annotations

import msgspec
import pytest

from chandlery.engine.unit_of_work import Engine
from chandlery.surfaces.http.route import Route
from chandlery.surfaces.native.routes import ROUTES
from tests.surfaces.native.requests_of import (
    UNREAD_BODIES,
    WORDS,
    content_of,
    least_body,
    media_type_of,
    named_body,
    path_names,
    path_of,
)
from tests.surfaces.native.world import NativeApi, Owner, World, a_full_world

# Anybody with a token may ask who they are, and which countries there are. Of a bulk every operation is asked for its
# own permission, and what came of it is told to the one who sent it.
FOR_EVERYBODY = {"get_me", "list_countries", "run_bulk", "list_bulks", "get_bulk", "list_bulk_results"}
# What is there to decide about a draft? And a price sheet has to be one.
OTHERWISE = {
    "get_line_fulfilment": (404, "provisioning_unknown"),
    "retry_line": (404, "provisioning_unknown"),
    "complete_line": (404, "provisioning_unknown"),
    "refuse_line": (404, "provisioning_unknown"),
    "approve_order": (409, "order_not_waiting"),
    "decline_order": (409, "order_not_waiting"),
    "release_order": (409, "order_not_waiting"),
    "resubmit_order": (409, "order_not_declined"),
    "settle_order": (422, "nothing_to_settle"),
    "confirm_second_factor": (404, "second_factor_missing"),
    "remove_second_factor": (404, "second_factor_missing"),
    "import_price_sheet": (422, "sheet_unreadable"),
}

PROTECTED = [route for route in ROUTES if not route.public]
NAMING = [route for route in PROTECTED if path_names(route)]
SENDING = [route for route in PROTECTED if route.body not in (None, bytes)]


def each(routes: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", routes, ids=[route.operation for route in routes])


@pytest.fixture(scope="module")
async def stranger(engine: Engine, lasting_owner: Owner) -> World:
    """Another tenant, whose operator may do everything there is."""
    return await a_full_world(engine, lasting_owner)


def everything(owner: Owner) -> dict[str, tuple[int, int]]:
    """How many rows each table has, and a checksum over all of them."""
    tables = owner.execute(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
        " WHERE schemaname IN ('public', 'sandbox_vendor') AND tablename !~ 'yoyo'"
    ).fetchall()
    found = {}
    for (table,) in tables:
        row = owner.execute(
            f"SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)::numeric), 0) FROM {table} t".encode()
        ).fetchone()
        assert row is not None
        found[str(table)] = (int(str(row[0])), int(str(row[1])))
    return found


def test_a_request_can_be_made_for_every_route(lasting_world: World) -> None:
    for route in ROUTES:
        assert set(path_names(route)) <= lasting_world.ids.keys() | WORDS.keys(), route.path
        if route.body is bytes:
            assert route.operation in UNREAD_BODIES
        elif route.body is not None:
            msgspec.convert(least_body(route, lasting_world.ids), route.body)


def test_only_these_routes_are_public() -> None:
    assert {route.path for route in ROUTES if route.public} == {
        "/health/live",
        "/health/ready",
        "/v1/fulfilment/callbacks/{provider}",
        "/v1/invitations/accept",
        "/v1/password-resets",
        "/v1/password-resets/complete",
    }


@each(PROTECTED)
async def test_without_a_token_nothing_is_answered(
    native: NativeApi, lasting_world: World, lasting_owner: Owner, route: Route
) -> None:
    before = everything(lasting_owner)
    for token in (None, "made-up", "a.b.c"):
        reply = await native.client(token=token).request(
            route.method,
            path_of(route, lasting_world.ids),
            content=content_of(route, lasting_world.ids),
            headers={"content-type": media_type_of(route)},
        )
        assert reply.status_code == 401
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert everything(lasting_owner) == before


@each([route for route in PROTECTED if route.operation not in FOR_EVERYBODY])
async def test_without_the_permission_nothing_is_done(
    native: NativeApi, lasting_world: World, lasting_owner: Owner, route: Route
) -> None:
    before = everything(lasting_owner)
    reply = await native.client(lasting_world.weak).request(
        route.method,
        path_of(route, lasting_world.ids),
        content=content_of(route, lasting_world.ids),
        headers={"content-type": media_type_of(route)},
    )
    assert reply.status_code == 403
    assert reply.json()["code"] == "permission_missing"
    assert everything(lasting_owner) == before


@each(NAMING)
async def test_what_a_stranger_names_does_not_exist(
    native: NativeApi, lasting_world: World, lasting_owner: Owner, stranger: World, route: Route
) -> None:
    before = everything(lasting_owner)
    reply = await native.client(stranger.operator).request(
        route.method,
        path_of(route, lasting_world.ids),
        content=content_of(route, stranger.ids),
        headers={"content-type": media_type_of(route)},
    )
    assert reply.status_code == 404
    assert reply.json()["code"] != "path_unknown"
    assert everything(lasting_owner) == before


@each(NAMING)
async def test_an_id_of_foreign_form_is_an_unknown_id(
    native: NativeApi, lasting_world: World, route: Route
) -> None:
    client = native.client(lasting_world.operator)
    for form in ("1", "SO1000001", "0" * 36, "%20", "%F0%9F%9A%A2", "x" * 3000):
        reply = await client.request(
            route.method,
            path_of(route, dict.fromkeys(path_names(route), form)),
            content=content_of(route, lasting_world.ids),
            headers={"content-type": media_type_of(route)},
        )
        assert reply.status_code == 404


@each([route for route in SENDING if any(name.endswith("_id") for name in route.body.__struct_fields__)])
async def test_what_a_stranger_names_in_a_body_is_refused_like_something_unknown(
    native: NativeApi, lasting_world: World, lasting_owner: Owner, stranger: World, route: Route
) -> None:
    before = everything(lasting_owner)
    reply = await native.client(stranger.operator).request(
        route.method,
        path_of(route, stranger.ids),
        content=content_of(route, {}, named_body(route, lasting_world.ids)),
        headers={"content-type": media_type_of(route)},
    )
    assert reply.status_code in (404, 422)
    assert everything(lasting_owner) == before


@each([route for route in PROTECTED if route.method == "GET" and not path_names(route)])
async def test_a_stranger_s_lists_show_nothing_of_it(
    native: NativeApi, lasting_world: World, stranger: World, route: Route
) -> None:
    query = {"plan_id": str(stranger.ids["plan_id"])} if route.operation == "explain_price" else {}
    reply = await native.client(stranger.operator).get(route.path, params=query)
    assert reply.status_code == 200
    for foreign in lasting_world.ids.values():
        assert str(foreign) not in reply.text


@each(PROTECTED)
async def test_who_may_is_answered_as_the_document_says(
    native: NativeApi, full_world: World, route: Route
) -> None:
    query = {"plan_id": str(full_world.ids["plan_id"])} if route.operation == "explain_price" else {}
    reply = await native.client(full_world.operator).request(
        route.method,
        path_of(route, full_world.ids),
        content=content_of(route, full_world.ids),
        headers={"content-type": media_type_of(route)},
        params=query,
    )
    if route.operation in OTHERWISE:
        assert (reply.status_code, reply.json()["code"]) == OTHERWISE[route.operation]
    else:
        assert reply.status_code == route.status, reply.text
        if route.reply is not None:
            msgspec.json.decode(reply.content, type=route.reply)
        else:
            assert reply.content == b""
