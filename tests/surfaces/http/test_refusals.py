from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from chandlery.surfaces.http.decoding import MAX_DEPTH
from chandlery.surfaces.http.edge import asgi_app
from chandlery.surfaces.http.route import House
from tests.surfaces.http.toys import ID, SURFACE, FakeEngine, a_client, verify

GOOD = {"name": "bear", "quantity": 2}


async def post(content: bytes | str, **headers: str) -> httpx.Response:
    async with a_client() as client:
        return await client.post(
            "/v1/toys", content=content, headers={"content-type": "application/json", **headers}
        )


def errors(response: httpx.Response) -> dict[str, str]:
    return {error["field"]: error["code"] for error in response.json().get("errors", [])}


@pytest.mark.parametrize(
    ("path", "status", "code", "header"),
    [
        ("/v1/fail/conflict", 409, "toy_broken", None),
        ("/v1/fail/stale", 412, "version_stale", None),
        ("/v1/fail/limited", 429, "limited", ("retry-after", "1")),
        ("/v1/fail/unavailable", 503, "unavailable", ("retry-after", "1")),
        ("/v1/fail/bug", 500, "internal_error", None),
        ("/v1/toys/17", 404, "toy_unknown", None),
        ("/v1/nowhere", 404, "path_unknown", None),
        ("/v1/toys/%00", 404, "path_unknown", None),
        ("/", 404, "path_unknown", None),
    ],
)
async def test_every_fault_is_a_problem_document(
    path: str, status: int, code: str, header: tuple[str, str] | None
) -> None:
    async with a_client() as client:
        response = await client.get(path, headers={"x-request-id": "req-1"})
    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["status"], body["code"], body["request_id"]) == (status, code, "req-1")
    assert body["type"] == f"urn:chandlery:problem:{code}"
    assert body["detail"]
    if header:
        assert response.headers[header[0]] == header[1]


async def test_a_bug_is_answered_without_saying_what_it_was() -> None:
    async with a_client() as client:
        response = await client.get("/v1/fail/bug")
    assert response.status_code == 500
    assert "secret" not in response.text


async def test_without_credentials_there_is_a_challenge() -> None:
    async with a_client(token=None) as client:
        response = await client.get("/v1/toys")
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="chandlery"'
    async with a_client(token="stolen") as client:
        response = await client.get("/v1/toys")
    assert response.json()["code"] == "token_bad"
    assert response.headers["www-authenticate"] == 'Bearer realm="chandlery", error="invalid_token"'


async def test_the_edge_asks_for_the_route_s_permission_first() -> None:
    async with a_client(token="weak") as client:
        response = await client.post("/v1/toys", content=b"no json")
    assert response.status_code == 403
    assert response.json()["code"] == "permission_missing"
    assert 'scope="toys:write"' in response.headers["www-authenticate"]


async def test_another_method_is_told_which_ones_there_are() -> None:
    async with a_client() as client:
        response = await client.put("/v1/toys")
        odd = await client.request("BREW", "/v1/toys")
    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert response.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert (odd.status_code, odd.headers["allow"]) == (405, "GET, HEAD, OPTIONS, POST")


async def test_every_offending_field_is_named_at_once() -> None:
    async with a_client() as client:
        response = await client.post(
            "/v1/toys",
            json={
                "name": "",
                "quantity": "two",
                "rate": "NaN",
                "made_at": "2026-11-20T10:00:00",
                "wheels": [{"size": 3}, {"size": 0, "colour": 7}, {"colour": "red", "rim": 1}, 5],
                "doors": 2,
            },
        )
    assert response.status_code == 422
    assert response.json()["code"] == "fields_refused"
    assert errors(response) == {
        "name": "invalid",
        "quantity": "type",
        "rate": "out_of_range",
        "made_at": "invalid",
        "wheels.1.size": "invalid",
        "wheels.1.colour": "type",
        "wheels.2.size": "missing",
        "wheels.2.rim": "unknown",
        "wheels.3": "type",
        "doors": "unknown",
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "1" + "0" * 30),
        ("quantity", "1" + "0" * 6000),
        ("quantity", "-9223372036854775809"),
        ("rate", '"1e999999"'),
        ("rate", '"Infinity"'),
        ("rate", "1e400"),
        ("name", '"a\\u0000b"'),
        ("extra.deep.0", '{"deep": ["\\u0000"]}'),
        ("extra.huge", '{"huge": 1' + "0" * 25 + "}"),
        ("extra.much", '{"much": 1e999}'),
        ("extra.a\0", '{"a\\u0000": 1}'),
    ],
)
async def test_what_no_column_could_hold_is_refused_by_name(field: str, value: str) -> None:
    members = {"name": '"bear"', "quantity": "1"} | {field.partition(".")[0]: value}
    response = await post("{" + ", ".join(f'"{name}": {text}' for name, text in members.items()) + "}")
    assert response.status_code == 422
    assert list(errors(response)) == [field]


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"nonsense",
        b'{"name": "bear", "quantity": 1} x',
        b'\xef\xbb\xbf{"name": "bear", "quantity": 1}',
        b'{"name": "\xff", "quantity": 1}',
        b'{"name": "\\ud800", "quantity": 1}',
        b'{"name": "\xed\xa0\x80", "quantity": 1}',
        b'{"name": 1, "quantity": "\xff"}',
        b'{"name": "bear", "quantity": NaN}',
        b"[" * 100_000,
        b'{"extra":' * 100_000,
        b'{"extra": ' + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH + b"}",
    ],
)
async def test_an_unreadable_body_is_a_400(content: bytes) -> None:
    response = await post(content)
    assert (response.status_code, response.json()["code"]) == (400, "body_unreadable")


async def test_brackets_inside_strings_are_not_depth() -> None:
    deepest = "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    response = await post('{"name": "[[[{{\\"[[[", "quantity": 1, "extra": {"deep": ' + deepest + "}}")
    assert response.status_code == 201


async def test_escaped_quotes_without_end_are_read_in_linear_time() -> None:
    response = await post(b"[" * 65 + b'\\"' * 500_000)
    assert response.status_code == 400


async def test_no_body_is_an_object_without_members() -> None:
    async with a_client() as client:
        response = await client.post("/v1/toys")
    assert errors(response) == {"name": "missing", "quantity": "missing"}


@pytest.mark.parametrize("content", [b"[]", b"7", b"null", b'"bear"'])
async def test_another_kind_of_body_is_refused_as_a_whole(content: bytes) -> None:
    response = await post(content)
    assert errors(response) == {"body": "type"}


async def test_a_body_that_is_too_large_is_refused_while_reading() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 50_000

    async with a_client() as client:
        declared = await client.post("/v1/toys", content=b" " * 1_048_577)
        streamed = await client.post(
            "/v1/toys", content=chunks(), headers={"content-type": "application/json"}
        )
        roomy = await client.post("/v1/upload", content=b"\0" * 1_500_000)
    assert [declared.status_code, streamed.status_code] == [413, 413]
    assert declared.json()["code"] == streamed.json()["code"] == "body_too_large"
    assert roomy.json() == {"bytes": 1_500_000, "same": True}


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("", 415),
    ],
)
async def test_the_content_type_is_checked(content_type: str, status: int) -> None:
    response = await post(b'{"name": "bear", "quantity": 1}', **{"content-type": content_type})
    assert response.status_code == status


async def test_every_offending_parameter_is_named_at_once() -> None:
    async with a_client() as client:
        response = await client.get(
            "/v1/toys?limit=0&number=many&broken=maybe&colour=red&number=2&cursor=%00"
        )
    assert response.status_code == 422
    assert response.json()["code"] == "query_refused"
    assert errors(response) == {
        "colour": "unknown",
        "limit": "invalid",
        "cursor": "out_of_range",
        "number": "type",
        "broken": "type",
    }


@pytest.mark.parametrize("query", ["number=%ff", "number=" + "9" * 5000, "number=\xff"])
async def test_odd_query_strings_are_refused(query: str) -> None:
    async with a_client() as client:
        response = await client.get(f"/v1/toys?{query}")
    assert response.status_code in (400, 422)


async def test_parameters_are_decoded_by_type() -> None:
    async with a_client() as client:
        response = await client.get("/v1/toys?status=open&status=done&number=3&limit=200")
        plain = await client.get("/v1/toys?status=open")
    assert response.json() == {"number": 3, "status": ["open", "done"], "limit": 200}
    assert plain.json() == {"number": None, "status": ["open"], "limit": 50}


async def test_a_cursor_that_we_never_gave_out_is_refused() -> None:
    async with a_client() as client:
        response = await client.get("/v1/toys?cursor=abc")
    assert (response.status_code, errors(response)) == (422, {"cursor": "invalid"})


async def test_an_actor_carries_the_request_s_id() -> None:
    engine = FakeEngine()
    async with a_client(engine) as client:
        given = await client.post("/v1/toys", json=GOOD, headers={"x-request-id": "abc-123"})
        unsafe = await client.post("/v1/toys", json=GOOD, headers={"x-request-id": "a b\x7f"})
    assert given.headers["x-request-id"] == "abc-123"
    assert len(unsafe.headers["x-request-id"]) == 36
    assert [actor.request_id for actor in engine.seen] == ["abc-123", unsafe.headers["x-request-id"]]


@pytest.mark.parametrize(
    ("tag", "status"), [('"7"', 200), ("*", 200), ('W/"7"', 200), ('"6"', 412), ('"abc"', 412), ("7", 412)]
)
async def test_if_match_is_a_version(tag: str, status: int) -> None:
    async with a_client() as client:
        response = await client.patch(f"/v1/toys/{ID}", json=GOOD, headers={"if-match": tag})
    assert response.status_code == status


async def test_half_a_request_changes_nothing() -> None:
    engine = FakeEngine()
    app = asgi_app(SURFACE, House(engine=engine, verify_token=verify))
    sent: list[dict[str, Any]] = []
    messages: Iterator[dict[str, Any]] = iter(
        [
            {"type": "http.request", "body": b'{"name": "bear", "quantity": 1}', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> dict[str, Any]:
        return next(messages)

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    headers = [(b"authorization", b"Bearer good"), (b"content-type", b"application/json")]
    await app({"type": "http", "method": "POST", "path": "/v1/toys", "headers": headers}, receive, send)
    assert (sent[0]["status"], engine.carried_out) == (400, 0)
