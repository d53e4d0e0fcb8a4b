"""The head of a request: what is known before its body is read, and the credentials that stand in it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chandlery.kernel.ids import new_id
from chandlery.surfaces.http.errors import CredentialsMissing

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


@dataclass(slots=True)
class Head:
    """`path` is normalised and below the surface's base; `client` is the address of whoever connected."""

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    client: str
    request_id: str

    def header(self, name: str) -> str | None:
        """The value of a header; `name` in lower case."""
        value = self.headers.get(name.encode())
        return None if value is None else value.decode("latin-1")


def head_of(scope: Any, path: str) -> Head:
    headers = dict(scope["headers"])
    given = headers.get(b"x-request-id")
    client = scope.get("client")
    return Head(
        scope["method"],
        path,
        scope.get("query_string", b""),
        headers,
        client[0] if client else "",
        given.decode() if given and _REQUEST_ID.fullmatch(given) else str(new_id()),
    )


def bearer_token(head: Head) -> str:
    scheme, _, token = (head.header("authorization") or "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise CredentialsMissing
    return token.strip()


def basic_credentials(head: Head) -> tuple[str, str]:
    """User name (or client id) and password of a Basic header."""
    scheme, _, encoded = (head.header("authorization") or "").partition(" ")
    try:
        name, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise CredentialsMissing from None
    if scheme.lower() != "basic" or not colon or "\0" in name + password:
        raise CredentialsMissing
    return name, password
