from __future__ import annotations

from dataclasses import replace

import pytest

from chandlery.surfaces.http.limits import Limiter, Rate
from chandlery.surfaces.http.urls import PublicUrls
from tests.surfaces.http.toys import ID, ROUTES, SURFACE, FakeEngine, Seconds, a_client, open_to_all, route

GOOD = {"name": "bear", "quantity": 2}
INSENSITIVE = replace(SURFACE, name="shouting", base="/shouting", ignores_case=True)


async def test_a_repetition_under_the_same_key_gets_the_very_same_answer() -> None:
    engine = FakeEngine()
    async with a_client(engine) as client:
        first = await client.post("/v1/toys", json=GOOD, headers={"idempotency-key": "k1"})
        again = await client.post("/v1/toys", json=GOOD, headers={"idempotency-key": "k1"})
        other = await client.post("/v1/toys", json=GOOD, headers={"idempotency-key": "k2"})
    assert [first.status_code, again.status_code, other.status_code] == [201, 201, 201]
    assert first.content == again.content
    assert again.headers["location"] == first.headers["location"] == f"/v1/toys/{ID}"
    assert again.headers["etag"] == '"1"'
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert engine.carried_out == 2


async def test_another_request_under_the_same_key_is_refused() -> None:
    async with a_client(FakeEngine()) as client:
        await client.post("/v1/toys", json=GOOD, headers={"idempotency-key": "k1"})
        response = await client.post(
            "/v1/toys", json=GOOD | {"quantity": 3}, headers={"idempotency-key": "k1"}
        )
    assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("key", ["", "k" * 256, "t\tb", "\xe9"])
async def test_an_unusable_key_is_refused_by_name(key: str) -> None:
    async with a_client() as client:
        response = await client.post(
            "/v1/toys", json=GOOD, headers={b"idempotency-key": key.encode("latin-1")}
        )
    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == ["Idempotency-Key"]


async def test_a_dry_run_is_never_remembered() -> None:
    engine = FakeEngine()
    async with a_client(engine) as client:
        for _ in range(2):
            response = await client.post(
                "/v1/toys?dry_run=true", json=GOOD, headers={"idempotency-key": "k1"}
            )
            assert response.status_code == 201
        refused = await client.post("/v1/toys?dry_run=perhaps", json=GOOD)
        elsewhere = await client.get("/v1/toys?dry_run=true")
    assert (engine.carried_out, engine.answers) == (0, {})
    assert refused.json()["errors"][0]["field"] == "dry_run"
    assert elsewhere.json()["errors"][0]["code"] == "unknown"


async def test_what_is_used_up_comes_back_with_time() -> None:
    seconds = Seconds(step=0.0)
    async with a_client(seconds=seconds) as client:
        for left in (4, 3, 2, 1, 0):
            response = await client.get("/v1/toys")
            assert response.headers["ratelimit-limit"] == "5"
            assert response.headers["ratelimit-remaining"] == str(left)
        refused = await client.get("/v1/toys")
        seconds.at += 0.2
        once_more = await client.get("/v1/toys")
    assert (refused.status_code, refused.json()["code"]) == (429, "rate_exceeded")
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit-remaining"] == "0"
    assert refused.headers["ratelimit-reset"] == "1"
    assert once_more.status_code == 200


async def test_a_public_route_counts_by_address_and_at_its_own_rate() -> None:
    seconds = Seconds(step=0.0)
    async with a_client(seconds=seconds, token=None) as client:
        statuses = [(await client.get("/v1/open")).status_code for _ in range(3)]
        assert (await client.get("/openapi.json")).status_code == 200
        seconds.at += 29.0
        still = await client.get("/v1/open")
        seconds.at += 1.0
        again = await client.get("/v1/open")
    assert (statuses, still.status_code, again.status_code) == ([200, 200, 429], 429, 200)
    assert still.headers["retry-after"] == "1"


def test_a_steady_caller_at_the_rate_is_never_refused() -> None:
    seconds = Seconds(step=0.1)
    limiter = Limiter(Rate(10, 1.0), seconds)
    assert all(limiter.take("client").retry_after_seconds is None for _ in range(10_000))


def test_a_flood_of_callers_needs_bounded_memory() -> None:
    seconds = Seconds(step=0.0)
    limiter = Limiter(Rate(1, 3600.0), seconds)
    assert all(limiter.take(f"10.0.{n}").retry_after_seconds is None for n in range(50_000))
    assert len(limiter._earned_at) <= 20_000  # noqa: SLF001 - what this is about cannot be seen from outside


@pytest.mark.parametrize("path", ["//v1//toys", "/v1/toys/", "///v1/toys//"])
async def test_slashes_are_tolerated(path: str) -> None:
    async with a_client() as client:
        assert (await client.get(f"http://toys{path}")).status_code == 200


async def test_letter_case_matters_unless_the_surface_says_otherwise() -> None:
    async with a_client() as client:
        assert (await client.get("/V1/Toys/Bear/name")).status_code == 404
    async with a_client(surface=INSENSITIVE) as client:
        response = await client.get("/V1/TOYS/BearBEAR/name")
    assert response.json() == {"name": "BearBEAR", "url": "https://api.example/shouting/v1/toys"}


async def test_a_verb_follows_its_id_after_a_colon() -> None:
    async with a_client() as client:
        verb = await client.post("/v1/toys/a:b:cancel")
        plain = await client.get("/v1/toys/a:cancelled/Name")
    assert verb.json()["name"] == "a:b"
    assert plain.json()["name"] == "a:cancelled"


async def test_head_is_get_without_a_body() -> None:
    async with a_client() as client:
        got, headed = await client.get(f"/v1/toys/{ID}"), await client.head(f"/v1/toys/{ID}")
    assert (headed.status_code, headed.content) == (200, b"")
    assert headed.headers["content-length"] == str(len(got.content))
    assert headed.headers["etag"] == '"7"'


async def test_an_answer_without_a_body_has_no_content_type() -> None:
    burner = replace(SURFACE, routes=(replace(ROUTES[4], permission=None),))
    async with a_client(surface=burner) as client:
        response = await client.delete(f"/v1/toys/{ID}")
    assert (response.status_code, response.content) == (204, b"")
    assert "content-type" not in response.headers


async def test_a_browser_may_ask_first_without_a_token() -> None:
    async with a_client(token=None) as client:
        response = await client.options(
            "/v1/toys",
            headers={
                "origin": "https://shop.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "authorization, idempotency-key",
            },
        )
    assert (response.status_code, response.content) == (204, b"")
    assert response.headers["access-control-allow-origin"] == "https://shop.example"
    assert response.headers["access-control-allow-methods"] == "GET, HEAD, OPTIONS, POST"
    assert response.headers["access-control-allow-headers"] == "authorization, idempotency-key"
    assert response.headers["vary"] == "Origin"


async def test_answers_and_refusals_are_readable_by_pages_of_known_origins_only() -> None:
    async with a_client(token=None) as client:
        known = await client.get("/v1/toys", headers={"origin": "https://shop.example"})
        stranger = await client.get("/v1/toys", headers={"origin": "https://elsewhere.example"})
    assert known.status_code == stranger.status_code == 401
    assert known.headers["access-control-allow-origin"] == "https://shop.example"
    exposed = known.headers["access-control-expose-headers"].split(", ")
    assert {"Location", "ETag", "Retry-After", "RateLimit-Remaining", "Idempotency-Replayed"} <= set(exposed)
    assert "access-control-allow-origin" not in stranger.headers


async def test_options_says_which_methods_there_are() -> None:
    async with a_client(token=None) as client:
        response = await client.options("/v1/toys")
        unknown = await client.options("/v1/nowhere")
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
    assert unknown.status_code == 404


def test_a_surface_may_have_a_host_of_its_own() -> None:
    urls = PublicUrls("https://api.example/", {"provisioning": "https://provisioning.example"})
    assert urls.of("ion", "/ion", "/api/v3") == "https://api.example/ion/api/v3"
    assert urls.of("native", "", "/v1/orders") == "https://api.example/v1/orders"
    assert urls.of("provisioning", "/provisioning", "/api") == "https://provisioning.example/api"


def test_a_route_that_is_there_twice_is_an_error() -> None:
    first = route("GET", "/v1/open/{a}", open_to_all)
    for method, path, complaint in (
        ("GET", "/v1/open/{a}", "is there twice"),
        ("POST", "/v1/open/{b}", "two names for its parts"),
    ):
        second = route(method, path, open_to_all)
        with pytest.raises(ValueError, match=complaint):
            a_client(surface=replace(SURFACE, routes=(first, second)))


def test_a_public_route_cannot_ask_for_a_permission() -> None:
    with pytest.raises(ValueError, match="public"):
        route("GET", "/v1/odd", open_to_all, public=True, permission="toys:read")
