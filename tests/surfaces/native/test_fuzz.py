"""Requests made up from the OpenAPI document, well-formed and not, until something answers 500. Nothing does."""

from __future__ import annotations

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core.result import Ok

from chandlery.surfaces.http.openapi import document
from chandlery.surfaces.http.urls import PublicUrls
from chandlery.surfaces.native import surface
from tests.surfaces.native.test_bad_input import is_told_properly
from tests.surfaces.native.world import NativeApi, World

_SCHEMA = schemathesis.openapi.from_dict(document(surface, PublicUrls("http://native")))
OPERATIONS = [found.ok() for found in _SCHEMA.get_all_operations() if isinstance(found, Ok)]


def header_bytes(value: Any) -> bytes:
    return str(value).encode("latin-1", "replace").replace(b"\n", b"?").replace(b"\r", b"?")


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.label for operation in OPERATIONS])
@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_no_request_that_the_document_suggests_is_too_much(
    native: NativeApi, lasting_world: World, operation: Any, data: st.DataObject
) -> None:
    modes = st.sampled_from([GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
    case = data.draw(modes.flatmap(lambda mode: operation.as_strategy(generation_mode=mode)))
    known = {
        name: str(value) for name, value in lasting_world.ids.items() if name in (case.path_parameters or {})
    }
    if data.draw(st.booleans(), label="names what there is"):
        case.path_parameters = {**(case.path_parameters or {}), **known}
    sent = case.as_transport_kwargs(base_url="http://native")
    body = {"json": sent["json"]} if "json" in sent else {"content": sent.get("data")}
    headers = {name: header_bytes(value) for name, value in (sent.get("headers") or {}).items()}
    reply = await native.client(lasting_world.operator).request(
        sent["method"],
        sent["url"],
        params=sent.get("params"),
        headers=[(name.encode(), value) for name, value in headers.items()],
        **body,
    )
    assert is_told_properly(reply), (sent, reply.status_code, reply.text)
