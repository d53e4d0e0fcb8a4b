"""Whatever comes in, nothing goes wrong on our side."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.surfaces.http.toys import a_client

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10)
    | st.sampled_from(["\0", "NaN", "1e99999", "2026-11-20", "2026-11-20T10:00:00Z", "-0", ""])
)
NAMES = st.sampled_from(
    ["name", "quantity", "rate", "made_at", "wheels", "extra", "size", "colour"]
) | st.text(max_size=5)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=8),
    max_leaves=20,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(VALUES)
async def test_any_json_is_taken_or_refused_with_reasons(value: Any) -> None:
    async with a_client() as client:
        response = await client.post(
            "/v1/toys", content=as_json(value), headers={"content-type": "application/json"}
        )
    assert response.status_code in (201, 400, 422)
    if response.status_code == 422:
        assert response.json()["errors"]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.binary(max_size=60))
async def test_any_bytes_are_taken_or_refused(content: bytes) -> None:
    async with a_client() as client:
        response = await client.post(
            "/v1/toys", content=content, headers={"content-type": "application/json"}
        )
        query = await client.get("/v1/toys", params={"number": content, "limit": content})
        path = await client.get("http://toys/v1/toys/" + "".join(f"%{byte:02x}" for byte in content))
    assert response.status_code in (201, 400, 422)
    assert query.status_code in (200, 400, 422)
    assert path.status_code in (200, 404)


def as_json(value: Any) -> bytes:
    """Integers of any size, too: msgspec writes those that it would not read."""
    if isinstance(value, dict):
        members = (as_json(key) + b":" + as_json(item) for key, item in value.items())
        return b"{" + b",".join(members) + b"}"
    if isinstance(value, list):
        return b"[" + b",".join(map(as_json, value)) + b"]"
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value).encode()
    return msgspec.json.encode(value)
